"""How up to `SIZE` memories of one namespace lie in one body: column by column, as an index takes them.

A payload is a header of numbers (`_HEADER`, 52 bytes, little-endian), then the arrays of `_ARRAYS` in C
order, then what is text as JSON: four lists, of the ids, roles, sessions and metadata. What a file of a
hundred thousand memories takes to be read is then the time of a few array operations a block, not of a
hundred thousand rows.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, IntArray
from nuonuo.errors import NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import NO_TIME, Rows
from nuonuo.stores.codec import decode_text, encode_text, to_microseconds
from nuonuo.traces import Columns, WordColumns

SIZE = (
    64  # memories a block: a quarter of a megabyte as a rule, which whoever forgets one of them writes anew
)
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
    ("n", "<u4", "of each"),  # of each of _TOTALS
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
        "of each": np.stack([block.counts for block in blocks.values()]),
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


def unpack_block(body: bytes, lead: int, memory: Callable[[int], Memory]) -> Rows:
    """What `pack_block` made a payload of, which starts at byte ``lead`` of ``body``; arrays are views of it.

    Args:
        memory: from a seq to the memory itself.

    Raises:
        NotAStoreError: the bytes are not what `pack_block` wrote.
    """
    try:
        return _unpack(body, lead, memory)
    except (struct.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAStoreError(f"stored traces are damaged ({error}); restore the file from a copy") from error


def _unpack(body: bytes, lead: int, memory: Callable[[int], Memory]) -> Rows:
    layout, n, d, w, b, *totals, told, _ = _HEADER.unpack_from(body, lead)
    if layout != LAYOUT or not n:
        raise ValueError("it is no block")
    rows = dict(zip(_TOTALS, totals, strict=True)) | {"n": n}
    if rows["found_by"] and not w:
        raise ValueError("there are sketches of nothing")
    widths = {"vectors": d, "sketches": w, "patterns": b, "spans": 3, "of each": len(_TOTALS)}
    # Whole numbers of Python, which no number that a stranger wrote makes overflow.
    at, places = lead + _HEADER.size, []
    for of, kind, name in _ARRAYS:
        places.append((name, kind, rows[of], at))
        at += rows[of] * widths.get(name, 1) * int(kind[-1])
    if at + told > len(body):
        raise ValueError("arrays are cut off")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, kind, many, start in places:
        width = widths.get(name)
        if width is None:
            arrays[name] = np.frombuffer(body, kind, many, start)
        else:
            arrays[name] = np.frombuffer(body, kind, many * width, start).reshape(many, width)
    of_each = arrays["of each"].reshape(len(_TOTALS), n).astype(np.int64)
    if of_each.sum(axis=1).tolist() != totals:
        raise ValueError("blocks are not as long as they say")
    counts = dict(zip(_TOTALS, of_each, strict=True))
    seqs: IntArray = arrays["seqs"].astype(np.int64)
    if seqs[0] < 0 or (np.diff(seqs) <= 0).any():
        raise ValueError("memories stand in no order")
    stamps: IntArray = arrays["stamps"].astype(np.int64)
    if ((stamps != NO_TIME) & ((stamps < _FIRST) | (stamps > _LAST))).any():
        raise ValueError("a time is out of range")
    marks = arrays["marks"]
    text = json.loads(decode_text(body[at : at + told]))
    ids, roles, sessions, metadata = text
    for column, kinds in (
        (ids, {str}), (roles, {str, type(None)}), (sessions, {str, type(None)}), (metadata, {str}),
    ):  # fmt: skip
        if not isinstance(column, list) or len(column) != n or not {*map(type, column)} <= kinds:
            raise ValueError("its texts are of another kind")
    return Rows(
        seqs=seqs,
        ids=ids,
        roles=roles,
        sessions=sessions,
        metadata=metadata,
        stamps=stamps,
        days=marks & _DAY > 0,
        traces=Columns(
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
        ),
        memory=lambda place: memory(int(seqs[place])),
    )
