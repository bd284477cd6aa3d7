"""How the traces of memories become bytes, and those of many the columns that an index is made of.

A payload is a header of numbers (`_HEADER`, 72 bytes, little-endian), then ten arrays in C order, those of
wide numbers first; `_ARRAYS` has their order.

The first version kept the vectors as float16, and nothing of words. Its payloads are still read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.errors import InvalidInputError, NotAStoreError
from nuonuo.stores.joined import Joined
from nuonuo.traces import NO_LEXICON, SENTENCE, Columns, Traces, WordColumns

TOGETHER = 128  # payloads of which `unpack_each` makes one buffer
LAYOUT = 0xFFFFFF02  # stands where the first version had n_active, which is never so great

_HEADER = np.dtype(
    [
        ("said", "<u8"),
        ("speaker", "<u8"),
        ("layout", "<u4"),
        ("lexicon", "<u4"),
        *((name, "<u4") for name in ("C", "d", "F", "w", "T", "b", "active", "S", "K", "length", "asks")),
        ("marks", "<u4"),
    ]
)
_ARRAYS = ("stems", "sketches", "counts", "title", "parts", "spans", "code", "norms", "vectors", "patterns")
_PARTLY, _OLDER = 1, 2  # bits of the marks
_FIRST = struct.Struct("<5I")  # C, d, T, bytes a pattern, n_active


def pack_traces(traces: Traces) -> bytes:
    """The arrays and numbers of ``traces`` as one payload.

    Raises:
        InvalidInputError: their shapes do not fit together.
    """
    vectors, sketches, patterns, words = traces.vectors, traces.sketches, traces.patterns, traces.words
    if (
        {vectors.ndim, sketches.ndim, patterns.ndim} != {2}
        or {traces.parts.shape, traces.norms.shape} != {(len(vectors),)}
        or traces.spans.shape != (len(patterns), 3)
        or {traces.code.ndim, words.stems.ndim, words.title.ndim} != {1}
        or words.counts.shape != words.stems.shape
    ):
        raise InvalidInputError(
            "traces must have vectors (C, d), norms (C,), parts (C,), sketches (F, w), patterns (T, b), "
            f"spans (T, 3), code (n,), stems and counts (S,), got {vectors.shape}, {traces.norms.shape}, "
            f"{traces.parts.shape}, {sketches.shape}, {patterns.shape}, {traces.spans.shape}, "
            f"{traces.code.shape}, {words.stems.shape} and {words.counts.shape}"
        )
    lengths = (*vectors.shape, *sketches.shape, *patterns.shape, len(traces.code))
    said = (len(words.stems), len(words.title), words.length, words.asks)
    marks = _PARTLY * traces.partly + _OLDER * traces.older
    header = (words.said, words.speaker, LAYOUT, traces.lexicon, *lengths, *said, marks)
    arrays: tuple[tuple[npt.NDArray[Any], str], ...] = (
        (words.stems, "<u8"),
        (sketches, "<u8"),
        (words.counts, "<i4"),
        (words.title, "<i4"),
        (traces.parts, "<i4"),
        (traces.spans, "<i4"),
        (traces.code, "<i4"),
        (traces.norms, "<f4"),
        (vectors, "i1"),
        (patterns, "u1"),
    )
    parts = (array.astype(kind, copy=False).tobytes() for array, kind in arrays)
    return np.array(header, _HEADER).tobytes() + b"".join(parts)


def lexicon_of(payload: bytes, lead: int) -> int:
    """`Traces.lexicon` of the payload that starts at byte ``lead``."""
    (header,) = np.frombuffer(payload, _HEADER, 1, lead)
    return int(header["lexicon"]) if header["layout"] == LAYOUT else NO_LEXICON


def unpack_traces(payloads: Sequence[bytes], lead: int) -> Columns:
    """The traces of memories of one namespace, whose payloads, one or more, start at byte ``lead``.

    Raises:
        NotAStoreError: the bytes are not what `pack_traces` wrote.
    """
    with _damaged():
        columns = _Placed(payloads, lead).columns()
        check_columns(columns)
        return columns


def unpack_vectors(
    payloads: Sequence[bytes], lead: int
) -> tuple[Blocks, npt.NDArray[np.float32], npt.NDArray[np.uint64]]:
    """Of `unpack_traces` the vectors alone, their norms, and the digests of what the memories say.

    Raises:
        NotAStoreError: as `unpack_traces`, as far as that is seen in them.
    """
    with _damaged():
        placed = _Placed(payloads, lead)
        vectors, norms = placed.vectors()
        _check_norms(norms)
        return vectors, norms, placed.said


@contextmanager
def _damaged() -> Iterator[None]:
    try:
        yield
    except (struct.error, TypeError, ValueError, IndexError) as error:
        raise NotAStoreError(f"stored traces are damaged ({error}); restore the file from a copy") from error


def unpack_each(payloads: Sequence[bytes], lead: int) -> list[Traces]:
    """The traces of memories of whatever namespaces, whose payloads start at byte ``lead``.

    Raises:
        NotAStoreError: as `unpack_traces`.
    """
    found: list[Traces] = []
    for start in range(0, len(payloads), TOGETHER):
        part = payloads[start : start + TOGETHER]
        try:
            columns = unpack_traces(part, lead)
        except NotAStoreError:  # one is damaged, or they differ in their dimensions
            found += [unpack_traces([each], lead)[0] for each in part]
        else:
            found += [columns[at] for at in range(len(part))]
    return found


class _Placed:
    """Where in payloads the arrays of each lie.

    Args:
        payloads: one or more, which start at byte ``lead``.

    Raises:
        struct.error, TypeError, ValueError, IndexError: they are not what `pack_traces` wrote.
    """

    def __init__(self, payloads: Sequence[bytes], lead: int) -> None:
        joined, headers = _joined(payloads, lead)
        old = np.flatnonzero(headers["layout"] != LAYOUT).tolist()
        if old:
            payloads = [*payloads]
            for at in old:
                payloads[at] = bytes(lead) + pack_traces(_first_version(payloads[at], lead))
            joined, headers = _joined(payloads, lead)
        d, width, pattern_bytes = (int(headers[name][0]) for name in ("d", "w", "b"))
        if any(
            (headers[name] != kind).any() for name, kind in (("d", d), ("w", width), ("b", pattern_bytes))
        ):
            raise ValueError("memories of one namespace differ in their dimensions")
        windows, found_by, tokens, active, stems, titles = (
            headers[name].astype(np.int64) for name in ("C", "F", "T", "active", "S", "K")
        )
        counts = (stems, found_by, stems, titles, windows, tokens, active, windows, windows, tokens)
        of_one = (8, 8 * width, 4, 4, 4, 12, 4, 4, d, pattern_bytes)
        # As floats, which no number that a stranger wrote makes overflow.
        if (np.stack(counts, axis=1) @ np.array(of_one, np.float64) + _HEADER.itemsize > joined.sizes).any():
            raise ValueError("arrays are cut off")
        sizes = np.stack([count * size for count, size in zip(counts, of_one, strict=True)])
        self._starts = dict(zip(_ARRAYS, sizes.cumsum(axis=0) - sizes + _HEADER.itemsize, strict=True))
        self._counts = dict(zip(_ARRAYS, counts, strict=True))
        self._joined, self._headers = joined, headers
        self._shapes = d, width, pattern_bytes

    def _array(self, name: str, kind: str, *shape: int) -> npt.NDArray[Any]:
        return self._joined.take(kind, self._starts[name], self._counts[name], *shape)

    def _blocks(self, name: str, kind: str, *shape: int) -> Blocks:
        return Blocks(self._array(name, kind, *shape), self._counts[name])

    @property
    def said(self) -> npt.NDArray[np.uint64]:
        """A digest of what each says (N,)."""
        return np.asarray(self._headers["said"].astype(np.uint64))

    def vectors(self) -> tuple[Blocks, npt.NDArray[np.float32]]:
        """The vectors, and their norms."""
        return self._blocks("vectors", "i1", self._shapes[0]), self._array("norms", "<f4")

    def columns(self) -> Columns:
        """All of them."""
        headers, (_, width, pattern_bytes) = self._headers, self._shapes
        vectors, norms = self.vectors()
        return Columns(
            vectors=vectors,
            norms=norms,
            parts=self._array("parts", "<i4"),
            sketches=self._blocks("sketches", "<u8", width),
            patterns=self._blocks("patterns", "u1", pattern_bytes),
            spans=self._blocks("spans", "<i4", 3),
            codes=self._blocks("code", "<i4"),
            words=WordColumns(
                stems=self._blocks("stems", "<u8"),
                counts=self._blocks("counts", "<i4"),
                title=self._blocks("title", "<i4"),
                length=headers["length"].astype(np.int64),
                said=self.said,
                speaker=headers["speaker"].astype(np.uint64),
                asks=headers["asks"] > 0,
            ),
            lexicons=headers["lexicon"].astype(np.int64),
            partly=headers["marks"] & _PARTLY > 0,
            older=headers["marks"] & _OLDER > 0,
        )


def check_columns(columns: Columns) -> None:
    """Raise `ValueError` where a number would lead out of the arrays: a stranger may have written it."""
    words = columns.words
    title = words.title.rows
    if (title < 0).any() or (title >= words.stems.counts.repeat(words.title.counts)).any():
        raise ValueError("a title is of words that are not there")
    if (words.counts.rows < 0).any():
        raise ValueError("a word is counted less than never")
    _check_norms(columns.norms)


def _check_norms(norms: npt.NDArray[np.float32]) -> None:
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ValueError("there is a vector without a length")


def _joined(payloads: Sequence[bytes], lead: int) -> tuple[Joined, npt.NDArray[Any]]:
    """``payloads`` and their headers (N,)."""
    joined, n = Joined(payloads, lead), len(payloads)
    if (joined.sizes < _HEADER.itemsize).any():
        raise ValueError("a header is cut off")
    headers = joined.take("u1", np.zeros(n, np.int64), np.ones(n, np.int64), _HEADER.itemsize)
    return joined, headers.view(_HEADER).reshape(n)


def _first_version(payload: bytes, at: int) -> Traces:
    """The traces of a payload of the first version, which say nothing of words."""
    windows, dimension, tokens, width, active = _FIRST.unpack_from(payload, at)
    integers, floats = windows + 3 * tokens + active, windows * dimension
    at += _FIRST.size
    data = payload[at : at + 4 * integers + 2 * floats + tokens * width]
    numbers = np.frombuffer(data, "<i4", integers).astype(np.int32, copy=False)
    vectors = np.frombuffer(data, "<f2", floats, 4 * integers).reshape(windows, dimension)
    patterns = np.frombuffer(data, np.uint8, tokens * width, 4 * integers + 2 * floats)
    parts, spans = numbers[:windows], numbers[windows : windows + 3 * tokens]
    rounded, norms = round_vectors(vectors)
    return Traces(
        vectors=rounded,
        norms=norms,
        parts=parts,
        sketches=sketch(vectors[parts != SENTENCE]),
        patterns=patterns.reshape(tokens, width),
        spans=spans.reshape(tokens, 3),
        code=numbers[windows + 3 * tokens :],
    )
