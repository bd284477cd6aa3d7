"""What callers pass, checked and brought into one form; every complaint says what to do."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.records import DEFAULT_NAMESPACE, Memory
from nuonuo.times import Moment, local_of, moment_of, stamp_of

__all__ = ["Moment", "local_of", "moment_of"]  # as what callers pass too


def text_of(value: object, name: str, most: int | None = None) -> str:
    """``value`` if it is a text that can be stored.

    Args:
        most: bytes of UTF-8 that it may have; any number where None.

    Raises:
        InvalidTypeError: no str. InvalidInputError: empty, too long, or not encodable as UTF-8.
    """
    if not isinstance(value, str):
        raise InvalidTypeError(f"{name} must be a str, got {type(value).__name__} {_short(value)}")
    if not value.strip():
        raise InvalidInputError(f"{name} must hold some text, got {_short(value)}")
    if most is not None and len(value) > most // 4 and (size := len(encodable(value, name).encode())) > most:
        raise InvalidInputError(
            f"{name} has {size:,} bytes of UTF-8, expected at most {most:,}; split it, as into pages, "
            "or set MemoryConfig(text_bytes=...) higher"
        )
    return encodable(value, name)


def texts_of(value: object, name: str, most: int | None = None) -> list[str]:
    """Texts: an iterable of str, not one str; each as `text_of`."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTypeError(f"{name} must be a list of texts, got {type(value).__name__} {_short(value)}")
    return [text_of(each, f"{name}[{at}]", most) for at, each in enumerate(value)]


def encodable(value: str, name: str) -> str:
    """``value`` if it can be written as UTF-8 (a lone surrogate cannot)."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{name} holds a lone surrogate at {error.start}, which is no text; "
            "decode it again with errors='replace'"
        ) from error
    return value


def label_of(value: object, name: str) -> str:
    """A namespace, session id, role or id: any non-empty str."""
    return text_of(value, name)


def optional_label(value: object, name: str) -> str | None:
    """The same, or None."""
    return None if value is None else label_of(value, name)


def path_of(value: object, name: str = "path") -> str:
    """A path, with "~" expanded as a shell does.

    Raises:
        InvalidTypeError: no str and no path.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidTypeError(f"{name} must be a str or a path, got {type(value).__name__} {_short(value)}")
    found = os.path.expanduser(os.fspath(value))
    if not isinstance(found, str):
        raise InvalidTypeError(f"{name} must be a path of text, got bytes {_short(found)}")
    return found


def count_of(value: object, name: str, least: int) -> int:
    """An int of at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidTypeError(f"{name} must be an int, got {type(value).__name__} {_short(value)}")
    number = int(value.__index__())
    if number < least:
        raise InvalidInputError(f"{name} must be at least {least}, got {number}")
    return number


def weight_of(value: object) -> float:
    """The strength of an association, in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(f"weight must be a number, got {type(value).__name__} {_short(value)}")
    if not 0 <= value <= 1:
        raise InvalidInputError(f"weight must be in [0, 1], got {value!r}; 0 takes the association away")
    return float(value)


def cues_of(value: object, name: str = "cues", most: int | None = None) -> tuple[str, ...]:
    """Cue texts: an iterable of texts, not one text."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTypeError(f"{name} must be a list of texts, got {type(value).__name__} {_short(value)}")
    return tuple(text_of(cue, f"one of the {name}", most) for cue in value)


def ids_of(value: object) -> list[str]:
    """Ids: an iterable of str, not one str."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTypeError(f"ids must be a list of ids, got {type(value).__name__} {_short(value)}")
    return [label_of(each, "an id") for each in value]


def metadata_json(metadata: Mapping[str, Any]) -> str:
    """``metadata`` as JSON, from which it comes back as it was, its order included; a tuple as a list.

    Raises:
        InvalidInputError: it holds what JSON cannot (NaN and infinity included), or a key that is no str:
            at any depth, since JSON would change it.
    """
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise InvalidInputError(
            f"metadata must be a mapping with str keys, got {metadata!r}; convert the keys to str"
        )
    try:
        for name, value in metadata.items():
            _must_fit(value, f"metadata[{name!r}]")
        return json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"metadata must be JSON (numbers, str, bool, None, lists, dicts): {error}"
        ) from error


def _must_fit(value: object, where: str) -> None:
    """Raise `TypeError` unless JSON can hold ``value``, which stands at ``where``, and give it back."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {_short(key)}, which is no str")
            _must_fit(inner, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for at, inner in enumerate(value):
            _must_fit(inner, f"{where}[{at}]")
    elif (
        not isinstance(value, (str, int, float, type(None)))
        or value in (math.inf, -math.inf)
        or value != value
    ):
        raise TypeError(f"{where} is {type(value).__name__} {_short(value)}")


def memories_of(
    items: object,
    *,
    namespace: str | None = None,
    session_id: str | None = None,
    role: str | None = None,
    timestamp: Moment | None = None,
    metadata: Mapping[str, Any] | None = None,
    cues: Sequence[str] = (),
    zone: tzinfo | None = None,
    most: int | None = None,
) -> list[Memory]:
    """What `add` takes as complete records; the keywords fill in what an item leaves open.

    Args:
        zone: where a timestamp that names no offset is read; UTC where None.
        most: bytes of UTF-8 that a text or a cue may have; any number where None.

    Raises:
        InvalidInputError: a record's namespace is not the one that was named: no wall is crossed in silence.
    """
    if isinstance(items, (str, Memory)):
        items = [items]
    if not isinstance(items, Iterable) or isinstance(items, (bytes, Mapping)):
        raise InvalidTypeError(
            f"add takes a text, a Memory, or a list of them, got {type(items).__name__} {_short(items)}"
        )
    metadata = {} if metadata is None else metadata
    metadata_json(metadata)
    stamp, all_day = stamp_of(timestamp, False, "timestamp", zone)
    open_fields = Memory(
        "-",
        optional_label(role, "role"),
        stamp,
        metadata,
        cues_of(cues, most=most),
        optional_label(session_id, "session_id"),
        None,
        optional_label(namespace, "namespace"),
        all_day=all_day,
    )
    return [_complete(item, at, open_fields, zone, most) for at, item in enumerate(items)]


def _complete(item: object, at: int, default: Memory, zone: tzinfo | None, most: int | None) -> Memory:
    if isinstance(item, str):
        item = Memory(item)
    if not isinstance(item, Memory):
        raise InvalidTypeError(
            f"item {at} must be a str or a Memory, got {type(item).__name__} {_short(item)}"
        )
    metadata_json(item.metadata)
    metadata = {**default.metadata, **item.metadata}
    metadata_json(metadata)
    role = item.role if item.role is not None else default.role
    namespace = optional_label(item.namespace, f"the namespace of item {at}")
    if None not in (namespace, default.namespace) and namespace != default.namespace:
        raise InvalidInputError(
            f"item {at} is of the namespace {namespace!r}, the call names {default.namespace!r}; "
            "leave namespace= out, or copy it: dataclasses.replace(item, namespace=None, id=None)"
        )
    session_id = item.session_id if item.session_id is not None else default.session_id
    stamp, all_day = default.timestamp, default.all_day
    if item.timestamp is not None:
        stamp, all_day = stamp_of(item.timestamp, item.all_day, "timestamp", zone)
    return replace(
        default,
        text=text_of(item.text, f"the text of item {at}", most),
        role=optional_label(role, "role"),
        timestamp=stamp,
        all_day=all_day,
        metadata=metadata,
        cues=cues_of(item.cues, most=most) or default.cues,
        paraphrases=cues_of(item.paraphrases, "paraphrases", most),
        session_id=optional_label(session_id, "session_id"),
        id=uuid.uuid4().hex if item.id is None else label_of(item.id, "id"),
        namespace=namespace or default.namespace or DEFAULT_NAMESPACE,
    )


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
