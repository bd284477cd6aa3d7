"""How up to `SIZE` memories of one namespace lie in one body: column by column, as an index takes them.

A payload is a header of numbers (`_HEADER`, 52 bytes, little-endian), then the arrays of `_ARRAYS` in C
order, then what is text as JSON: four lists, of the ids, roles, sessions and metadata. What a file of a
hundred thousand memories takes to be read is then the time of a few array operations a block, not of a
hundred thousand rows.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, IntArray
from nuonuo.errors import NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import NO_TIME, Rows
from nuonuo.stores.codec import decode_text, encode_text, to_microseconds
from nuonuo.stores.layout import check_columns
from nuonuo.traces import Columns, WordColumns

# Memories a block: a quarter of a megabyte as a rule, which whoever forgets one of them writes anew. Twice as
# many open a file a few hundredths of a second sooner, and take nearly twice as long to forget one.
SIZE = 64
LAYOUT = 0xFFFFFF03

_HEADER = struct.Struct("<13I")
_TOTALS = ("windows", "found_by", "tokens", "active", "stems", "titles")  # how many of each, in all
# What an array has a row of, the numbers that it is made of, and its name.
_ARRAYS = (
    ("n", "<i8", "seqs"),
    ("n", "<i8", "stamps"),
    ("n", "<u8", "said"),
    ("n", "<u8", "speaker"),
    ("stems", "<u8", "keys"),
    ("found_by", "<u8", "sketches"),
    ("n", "<u4", "lexicons"),
    ("n", "<u4", "length"),
    ("n", "<u4", "of each"),  # memory: how many of each of _TOTALS
    ("stems", "<i4", "counts"),
    ("titles", "<i4", "title"),
    ("windows", "<i4", "parts"),
    ("tokens", "<i4", "spans"),
    ("active", "<i4", "codes"),
    ("windows", "<f4", "norms"),
    ("n", "u1", "marks"),
    ("windows", "i1", "vectors"),
    ("tokens", "u1", "patterns"),
)
_PARTLY, _OLDER, _ASKS, _DAY = 1, 2, 4, 8  # bits of the marks
# Microseconds since 1970 of all that is a time in Python.
_FIRST, _LAST = (to_microseconds(moment) or 0 for moment in (datetime.min, datetime.max))


def pack_block(rows: Rows) -> bytes:
    """``rows`` of one namespace as a payload; their texts are not in it."""
    traces = rows.traces
    words = traces.words
    blocks = {
        "windows": traces.vectors,
        "found_by": traces.sketches,
        "tokens": traces.patterns,
        "active": traces.codes,
        "stems": words.stems,
        "titles": words.title,
    }
    marks = _PARTLY * traces.partly + _OLDER * traces.older + _ASKS * words.asks + _DAY * rows.days
    arrays: dict[str, npt.NDArray[Any]] = {
        "seqs": rows.seqs,
        "stamps": rows.stamps,
        "said": words.said,
        "speaker": words.speaker,
        "keys": words.stems.rows,
        "sketches": traces.sketches.rows,
        "lexicons": traces.lexicons,
        "length": words.length,
        "of each": np.stack([block.counts for block in blocks.values()], axis=1),
        "counts": words.counts.rows,
        "title": words.title.rows,
        "parts": traces.parts,
        "spans": traces.spans.rows,
        "codes": traces.codes.rows,
        "norms": traces.norms,
        "marks": marks,
        "vectors": traces.vectors.rows,
        "patterns": traces.patterns.rows,
    }
    text = (rows.ids, rows.roles, rows.sessions, rows.metadata)
    told = encode_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")))
    widths = (arrays[name].shape[1] for name in ("vectors", "sketches", "patterns"))
    totals = (len(block.rows) for block in blocks.values())
    header = _HEADER.pack(LAYOUT, len(rows), *widths, *totals, len(told), 0)
    return b"".join([header, *(arrays[name].astype(kind).tobytes() for _, kind, name in _ARRAYS), told])


def length_of(body: bytes, lead: int) -> int:
    """How many memories the payload that starts at byte ``lead`` says that it is of.

    Raises:
        NotAStoreError: ``body`` is no bytes; a stranger can have SQLite keep anything.
    """
    if not isinstance(body, bytes):
        raise NotAStoreError(f"a block of stored traces is {body!r:.50}: it is damaged; restore a copy")
    return int.from_bytes(body[lead + 4 : lead + 8], "little")


def unpack_blocks(bodies: Sequence[bytes], lead: int, memory: Callable[[int], Memory]) -> Rows:
    """The rows of blocks of one namespace, one at least, that follow each other.

    Args:
        bodies: what `pack_block` made starts at byte ``lead`` of each.
        memory: from a seq to the memory itself.

    Raises:
        NotAStoreError: the bytes are not what `pack_block` wrote.
    """
    try:
        return _unpack(bodies, lead, memory)
    except (struct.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAStoreError(f"stored traces are damaged ({error}); restore the file from a copy") from error


def _unpack(bodies: Sequence[bytes], lead: int, memory: Callable[[int], Memory]) -> Rows:
    headers = np.array([_HEADER.unpack_from(body, lead) for body in bodies], np.int64)
    n: IntArray = headers[:, 1]
    d, w, b = headers[0, 2:5].tolist()
    if (headers[:, 0] != LAYOUT).any() or not n.all() or (headers[:, 2:5] != headers[0, 2:5]).any():
        raise ValueError("they are no blocks, or differ in their dimensions")
    of: dict[str, IntArray] = dict(zip(("n", *_TOTALS), (n, *headers[:, 5:11].T), strict=True))
    if of["found_by"].any() and not w:
        raise ValueError("there are sketches of nothing")
    widths = {"vectors": d, "sketches": w, "patterns": b, "spans": 3, "of each": len(_TOTALS)}
    sizes = {name: widths.get(name, 1) * int(kind[-1]) for _, kind, name in _ARRAYS}
    # As floats, which no number that a stranger wrote makes overflow.
    said = sum(of[each] * float(sizes[name]) for each, _, name in _ARRAYS) + headers[:, 11]
    if (said + lead + _HEADER.size > [len(body) for body in bodies]).any():
        raise ValueError("arrays are cut off")
    arrays: dict[str, npt.NDArray[Any]] = {}
    starts = np.full(len(bodies), lead + _HEADER.size)
    for each, kind, name in _ARRAYS:
        width, places = widths.get(name, 1), starts.tolist()
        parts = zip(bodies, (of[each] * width).tolist(), places, strict=True)
        flat = np.concatenate([np.frombuffer(body, kind, many, start) for body, many, start in parts])
        arrays[name] = flat.reshape(int(of[each].sum()), width) if name in widths else flat
        starts += of[each] * sizes[name]
    return _rows(arrays, of, _texts(bodies, n.tolist(), starts.tolist(), headers[:, 11].tolist()), memory)


def _texts(
    bodies: Sequence[bytes], counts: list[int], starts: list[int], lengths: list[int]
) -> tuple[list[Any], ...]:
    """Ids, roles, sessions and metadata of all."""
    found: tuple[list[Any], ...] = ([], [], [], [])
    for body, n, start, length in zip(bodies, counts, starts, lengths, strict=True):
        told = json.loads(decode_text(body[start : start + length]))
        for column, part in zip(found, told, strict=True):
            if not isinstance(part, list) or len(part) != n:
                raise ValueError("there are too few texts, or too many")
            column += part
    ids, roles, sessions, metadata = ({*map(type, column)} for column in found)
    for kinds, allowed in ((ids | metadata, {str}), (roles | sessions, {str, type(None)})):
        if not kinds <= allowed:
            raise ValueError("its texts are of another kind")
    return found


def _rows(
    arrays: dict[str, npt.NDArray[Any]],
    of: dict[str, IntArray],
    texts: tuple[list[Any], ...],
    memory: Callable[[int], Memory],
) -> Rows:
    of_each = arrays["of each"].astype(np.int64)
    begins = of["n"].cumsum() - of["n"]
    if (np.add.reduceat(of_each, begins) != np.stack([of[name] for name in _TOTALS], axis=1)).any():
        raise ValueError("blocks are not as long as they say")
    seqs, stamps, marks = arrays["seqs"], arrays["stamps"], arrays["marks"]
    if seqs[0] < 0 or (np.diff(seqs) <= 0).any():
        raise ValueError("memories stand in no order, or twice")
    if ((stamps != NO_TIME) & ((stamps < _FIRST) | (stamps > _LAST))).any():
        raise ValueError("a time is out of range")
    counts = dict(zip(_TOTALS, np.ascontiguousarray(of_each.T), strict=True))
    ids, roles, sessions, metadata = texts
    traces = Columns(
        vectors=Blocks(arrays["vectors"], counts["windows"]),
        norms=arrays["norms"],
        parts=arrays["parts"],
        sketches=Blocks(arrays["sketches"], counts["found_by"]),
        patterns=Blocks(arrays["patterns"], counts["tokens"]),
        spans=Blocks(arrays["spans"], counts["tokens"]),
        codes=Blocks(arrays["codes"], counts["active"]),
        words=WordColumns(
            stems=Blocks(arrays["keys"], counts["stems"]),
            counts=Blocks(arrays["counts"], counts["stems"]),
            title=Blocks(arrays["title"], counts["titles"]),
            length=arrays["length"].astype(np.int64),
            said=arrays["said"],
            speaker=arrays["speaker"],
            asks=marks & _ASKS > 0,
        ),
        lexicons=arrays["lexicons"].astype(np.int64),
        partly=marks & _PARTLY > 0,
        older=marks & _OLDER > 0,
    )
    check_columns(traces)
    return Rows(
        seqs=seqs,
        ids=ids,
        roles=roles,
        sessions=sessions,
        metadata=metadata,
        stamps=stamps,
        days=marks & _DAY > 0,
        traces=traces,
        memory=lambda place: memory(int(seqs[place])),
    )
