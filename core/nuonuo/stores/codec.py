"""How a memory becomes bytes: explicit, little-endian, and nothing but data.

A memory's payload is a header of six uint32 (the byte lengths of id, text, role, session id,
metadata and cues; `_ABSENT` for None), then those six as UTF-8. Metadata and cues are JSON: cues a list,
or where there are paraphrases, or the timestamp is a whole day, an object that says so too.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.checks import metadata_json
from nuonuo.errors import InvalidInputError, NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import NO_TIME, Rows
from nuonuo.stores.layout import unpack_traces
from nuonuo.stores.sums import SIZE, Sums
from nuonuo.traces import Columns, Traces

_MEMORY = struct.Struct("<6I")
_LENGTH = struct.Struct("<I")
_ABSENT = 0xFFFFFFFF
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
NO_TRACES = Traces(
    vectors=np.zeros((0, 1), np.int8),
    norms=np.zeros(0, np.float32),
    parts=np.zeros(0, np.int32),
    sketches=np.zeros((0, 1), np.uint64),
    patterns=np.zeros((0, 1), np.uint8),
    spans=np.zeros((0, 3), np.int32),
    code=np.zeros(0, np.int32),
)
_NO_CUES: tuple[tuple[str, ...], tuple[str, ...], bool] = ((), (), False)


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates pass, since Python strings may hold them."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(data: bytes) -> str:
    """What `encode_text` made ``data`` of."""
    return data.decode("utf-8", "surrogatepass")


def to_microseconds(moment: datetime | None) -> int | None:
    """Microseconds since 1970 in UTC; a naive datetime is read as UTC."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - _EPOCH) // _MICROSECOND


def is_before(timestamp: int | None, all_day: bool, limit: datetime) -> bool:
    """Whether a kept timestamp lies before ``limit`` (aware): a whole day on the clock of its zone."""
    bound = to_microseconds(limit.replace(tzinfo=timezone.utc) if all_day else limit)
    return timestamp is not None and bound is not None and timestamp < bound


def pack_memory(memory: Memory) -> bytes:
    """Everything of ``memory`` but its namespace and timestamp.

    Raises:
        InvalidInputError: it has no id, or metadata that JSON cannot hold.
    """
    if not isinstance(memory.id, str) or not memory.id:
        raise InvalidInputError(
            f"a store keeps memories by their id, got id={memory.id!r}; give each a str that is not empty"
        )
    metadata = metadata_json(memory.metadata) if memory.metadata else ""
    fields = (memory.id, memory.text, memory.role, memory.session_id, metadata, _cues_json(memory))
    parts = [None if field is None else encode_text(field) for field in fields]
    lengths = [_ABSENT if part is None else len(part) for part in parts]
    return _MEMORY.pack(*lengths) + b"".join(part for part in parts if part)


def unpack_memory(payload: bytes, at: int, timestamp: int | None, namespace: str) -> Memory:
    """The memory whose payload starts at byte ``at``.

    Raises:
        NotAStoreError: the bytes are not what `pack_memory` wrote.
    """
    try:
        key, text, role, session_id, metadata, cues_json = _fields(payload, at)
        cues, paraphrases, all_day = _cues(cues_json) if cues_json else _NO_CUES
        described = json.loads(metadata) if metadata else {}
        if not isinstance(described, dict):
            raise ValueError("metadata are of another kind")
        return Memory(
            text=text or "",
            role=role,
            timestamp=None if timestamp is None else _EPOCH + timedelta(microseconds=timestamp),
            metadata=described,
            cues=cues,
            session_id=session_id,
            id=key,
            namespace=namespace,
            paraphrases=paraphrases,
            all_day=all_day,
        )
    except (struct.error, TypeError, ValueError, OverflowError, KeyError, RecursionError) as error:
        raise NotAStoreError(f"a stored memory is damaged ({error}); restore the file from a copy") from error


def in_order(
    seqs: Sequence[int], rows: Iterable[tuple[int, int | None, bytes]], at: int, namespace: str
) -> list[Memory | None]:
    """The memories of ``rows`` (seq, timestamp, body) in the order of ``seqs``; None where there is none.

    Args:
        at: the byte of a body at which the payload starts.

    Raises:
        NotAStoreError: as `unpack_memory`.
    """
    found = {seq: unpack_memory(body, at, timestamp, namespace) for seq, timestamp, body in rows}
    return [found.get(seq) for seq in seqs]


def _cues(written: str) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The cues, the paraphrases, and whether it is a whole day's: what `_cues_json` made of them."""
    found = json.loads(written)
    both = found if isinstance(found, dict) else {"cues": found, "paraphrases": []}
    if not all(isinstance(text, str) for text in (*both["cues"], *both["paraphrases"])):
        raise ValueError("cues are of another kind")
    return tuple(both["cues"]), tuple(both["paraphrases"]), bool(both.get("all_day"))


def _fields(payload: bytes, at: int) -> Sequence[str | None]:
    """The six fields of the memory whose payload starts at byte ``at``.

    Raises:
        struct.error, ValueError: they are not there, or no text.
    """
    lengths, written = _MEMORY.unpack_from(payload, at), payload[at + _MEMORY.size :]
    text = written.decode("ascii") if written.isascii() else None  # all at once: as many characters as bytes
    fields: list[str | None] = []
    end = 0
    for length in lengths:
        if length == _ABSENT:
            fields.append(None)
            continue
        first, end = end, end + length
        fields.append(_text(written[first:end]) if text is None else text[first:end])
    if end > len(written):
        raise ValueError(f"a field is cut off: {end} bytes were written, and {len(written)} are there")
    return fields


def _text(data: bytes) -> str:
    """As `decode_text`, which takes twice the time; most texts have no lone surrogate."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return decode_text(data)


def unpack_rows(
    seqs: Sequence[int],
    timestamps: Sequence[int | None],
    memories: Sequence[bytes],
    traces: Sequence[bytes] | None,
    at: int,
    namespace: str,
) -> Rows | None:
    """Stored memories as `Rows`; None for none. The payloads of both start at byte ``at``.

    Args:
        traces: None where nobody will look at them.

    Raises:
        NotAStoreError: the bytes are not what `pack_memory` and `pack_traces` wrote.
    """
    if not seqs:
        return None
    try:
        head = b"".join([payload[at : at + _MEMORY.size] for payload in memories])
        lengths = np.frombuffer(head, "<u4").reshape(-1, 6).astype(np.int64)
        lengths[lengths == _ABSENT] = -1
        ends = np.maximum(lengths, 0).cumsum(axis=1) + at + _MEMORY.size
        if (ends[:, -1] > [len(payload) for payload in memories]).any():
            raise ValueError("a field is cut off")
        days = np.zeros(len(memories), np.bool_)
        for place in np.flatnonzero(lengths[:, 5] > 0).tolist():
            cues = json.loads(memories[place][ends[place, 4] : ends[place, 5]])
            days[place] = isinstance(cues, dict) and cues.get("all_day", False)
        ids, _, roles, sessions, metadata, _ = (
            _column(memories, lengths[:, field], ends[:, field], skip=field in (1, 5)) for field in range(6)
        )
        stamps = np.array([NO_TIME if stamp is None else stamp for stamp in timestamps], np.int64)
    except (struct.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAStoreError(f"a stored memory is damaged ({error}); restore the file from a copy") from error
    return Rows(
        seqs=np.array(seqs, np.int64),
        ids=[key or "" for key in ids],
        roles=roles,
        sessions=sessions,
        metadata=[described or "" for described in metadata],
        stamps=stamps,
        days=days,
        traces=Columns.of([NO_TRACES]) if traces is None else unpack_traces(traces, at),
        memory=lambda place: unpack_memory(memories[place], at, timestamps[place], namespace),
    )


def _column(payloads: Sequence[bytes], lengths: IntArray, ends: IntArray, *, skip: bool) -> list[str | None]:
    """One field of each of ``payloads`` (N,), of ``lengths`` (N,), -1 for None, that end at ``ends`` (N,)."""
    if skip:
        return []
    first, last = (ends - lengths).tolist(), ends.tolist()
    try:
        return [
            None if at > to else payload[at:to].decode()
            for payload, at, to in zip(payloads, first, last, strict=True)
        ]
    except UnicodeDecodeError:  # a lone surrogate; to allow for it takes twice the time
        return [
            None if at > to else decode_text(payload[at:to])
            for payload, at, to in zip(payloads, first, last, strict=True)
        ]


def _cues_json(memory: Memory) -> str:
    cues, paraphrases = list(memory.cues), list(memory.paraphrases)
    if paraphrases or memory.all_day:
        both = {"cues": cues, "paraphrases": paraphrases, **({"all_day": True} if memory.all_day else {})}
        return json.dumps(both, ensure_ascii=False)
    return json.dumps(cues, ensure_ascii=False) if cues else ""


def pack_name(name: str) -> bytes:
    """The payload of a namespace: the length of its name as uint32, then the name in UTF-8."""
    data = encode_text(name)
    return _LENGTH.pack(len(data)) + data


def unpack_name(payload: bytes, at: int) -> str:
    """The name whose payload starts at byte ``at``.

    Raises:
        NotAStoreError: the bytes are not what `pack_name` wrote.
    """
    try:
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        return decode_text(payload[at : at + length])
    except (struct.error, TypeError, ValueError) as error:
        raise NotAStoreError(
            f"the name of a namespace is damaged ({error}); restore the file from a copy"
        ) from error


class Pages:
    """Lays a payload out so that SQLite keeps all of it on pages of its own.

    ``secure_delete`` zeroes what is deleted, but not the stale copies that SQLite leaves behind when
    it moves rows between the pages of a b-tree: a text deleted later may survive in such a copy (one
    random history of 20,000 writes in a plain table left one text and five ids of 4,900 deleted).
    Overflow pages never move: each belongs to one row and is zeroed as a whole. By the file format
    a row of P bytes on pages of U bytes keeps only its first M + (P - M) mod (U - 4) bytes in the
    b-tree, M = (U - 12) * 32 // 255 - 23.
    So a body is M bytes, then the payload, then zeros up to a multiple of U - 4: what stays in the
    b-tree is exactly the row's integers and digests and those M bytes, whatever their number: a checksum
    of what follows them, begun with the salt, and zeros. Older versions wrote zeros only.
    """

    def __init__(self, page_size: int, sums: Sums) -> None:
        self.lead = (page_size - 12) * 32 // 255 - 23
        self._chunk = page_size - 4
        self._zeros = bytes(self.lead - SIZE)
        self._sums = sums

    def pad(self, payload: bytes) -> bytes:
        """The body to store; the payload starts at byte ``lead``."""
        padded = payload + bytes(-len(payload) % self._chunk)
        return self._sums.of(padded) + self._zeros + padded

    @property
    def lost(self) -> bytes:
        """What stands in the place of a body that could not be read: nothing, and no checksum that holds."""
        padded = bytes(self._chunk)
        wrong = bytes(byte ^ 1 for byte in self._sums.of(padded))
        return wrong + self._zeros + padded

    def check(self, bodies: Iterable[bytes]) -> None:
        """Raise `NotAStoreError` unless each of ``bodies`` is what `pad` gave, or an older version's."""
        self._sums.check(bodies, self.lead)


class Digests:
    """Keyed digests of 128 bits: what ids, session ids and namespace names are looked up by.

    Index pages are b-tree pages (see `Pages`), so no name may ever stand in one.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def of_id(self, text: str) -> bytes:
        return self._digest(text, b"id")

    def of_session(self, text: str) -> bytes:
        return self._digest(text, b"session")

    def of_namespace(self, text: str) -> bytes:
        return self._digest(text, b"namespace")

    def _digest(self, text: str, person: bytes) -> bytes:
        return hashlib.blake2b(encode_text(text), digest_size=16, key=self._salt, person=person).digest()
