"""LangGraph store items as memories and back: places, values, and the texts that queries see.

A value stands in the memory's metadata field by field, so that filters see it, with the order of its
names beside it. What has an inside (a dict, a list, a tuple) is one JSON text in a list, which keeps
the order of keys and tells tuples from lists. An item that has no order of names was written by an
earlier version, and holds such values as they are.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from langgraph.store.base import PutOp, SearchItem, get_text_at_path, tokenize_path

from nuonuo import Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._engine import SILENT_KEY
from nuonuo_integrations.langchain._store_ttl import expiry

Path = tuple[str, ...]

KEY, UPDATED, NAMES, VALUE = "store_key", "store_updated_at", "store_names", "store_value."

_TUPLE, _DICT = "$tuple", "$dict"
_DEEPEST = 200
_LONGEST = 13_000  # bits of an int; Python writes about 4,300 digits


class Places:
    """Where the items of one store stand in the engine: each LangGraph namespace is an engine namespace.

    Written as JSON behind the store's root, so that no two places, and no two keys, meet.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def namespace_of(self, path: Path) -> str:
        return self._root + json.dumps(list(path), ensure_ascii=False)

    def prefix_of(self, path: Path) -> str:
        """How the names of `namespace_of` begin for ``path`` and all below it, and for no other."""
        return self.namespace_of(path)[:-1]

    def id_of(self, path: Path, key: str) -> str:
        return self._root + json.dumps([*path, key], ensure_ascii=False)

    def path_of(self, namespace: str) -> Path | None:
        """The LangGraph namespace that ``namespace`` stands for; None where it is not of this store."""
        if not namespace.startswith(self._root + "["):
            return None
        try:
            parts = json.loads(namespace[len(self._root) :])
        except json.JSONDecodeError:
            return None
        path = tuple(parts)
        return path if namespace == self.namespace_of(path) else None


def memory_of(
    op: PutOp, place: tuple[str, str], fields: Sequence[str], now: datetime, created: datetime | None
) -> Memory:
    """The value that ``op`` puts, as a memory.

    The first text at the indexed paths is the memory's own, the others are its cues. An item without
    any is kept, and no query finds it.

    Args:
        place: the namespace and the id that it has in the engine.
        created: when the item was first put; ``now`` where None.

    Raises:
        InvalidTypeError, InvalidInputError: the value is no dict with str keys, or holds what would not
            come back as it went in.
    """
    value: Any = op.value
    if not isinstance(value, Mapping):
        raise InvalidTypeError(
            f"the value of {op.key!r} must be a dict with str keys, got {type(value).__name__} {value!r}"
        )
    metadata = {
        VALUE + name: _kept(each) for name, each in _packed(dict(value), f"{op.key!r}: value").items()
    }
    metadata |= {KEY: op.key, UPDATED: now.isoformat(), NAMES: list(value)}
    if op.ttl is not None:
        metadata |= expiry(op.ttl)
    paths: Sequence[str] = [] if op.index is False else fields if op.index is None else op.index
    texts = [_mended(text) for path in paths for text in _texts(value, path) if text.strip()]
    if not texts:
        metadata[SILENT_KEY] = True
    namespace, id = place
    return Memory(
        texts[0] if texts else f"[{op.key}]",
        timestamp=created or now,
        metadata=metadata,
        cues=tuple(dict.fromkeys(texts[1:])),
        id=id,
        namespace=namespace,
    )


class Value(Mapping[str, Any]):
    """The value that ``memory`` was made of; a field is read when it is asked for, a copy each time."""

    def __init__(self, memory: Memory) -> None:
        self._metadata = memory.metadata
        self._read = _given if NAMES in memory.metadata else copy.deepcopy

    def __getitem__(self, name: str) -> Any:
        return self._read(self._metadata[VALUE + name])

    def __contains__(self, name: object) -> bool:
        return f"{VALUE}{name}" in self._metadata

    def __iter__(self) -> Iterator[str]:
        names = self._metadata.get(NAMES)
        if names is None:
            names = [name[len(VALUE) :] for name in self._metadata if name.startswith(VALUE)]
        return iter(names)

    def __len__(self) -> int:
        return len([*self])


def item_of(memory: Memory, path: Path, score: float | None = None) -> SearchItem:
    """The item that ``memory`` was made of."""
    created = memory.timestamp or datetime.fromtimestamp(0, timezone.utc)
    updated = memory.metadata.get(UPDATED)
    return SearchItem(
        path,
        str(memory.metadata.get(KEY)),
        dict(Value(memory)),
        created,
        datetime.fromisoformat(updated) if updated else created,
        score,
    )


# -- values -----------------------------------------------------------------------------------------


def _packed(value: Any, at: str, depth: int = 0) -> Any:
    """``value`` as JSON holds it; a tuple is {"$tuple": [...]}, and a dict that looks so is wrapped."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if depth > _DEEPEST:
        raise InvalidInputError(f"{at[:80]}... is nested more than {_DEEPEST} deep, or holds itself")
    if isinstance(value, int) and value.bit_length() <= _LONGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        parts = [_packed(each, f"{at}[{number}]", depth + 1) for number, each in enumerate(value)]
        return {_TUPLE: parts} if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise InvalidTypeError(
                    f"{at} must be a dict with str keys, it has {type(name).__name__} {name!r}"
                )
        found = {name: _packed(each, f"{at}[{name!r}]", depth + 1) for name, each in value.items()}
        return {_DICT: found} if depth and [*found] in ([_TUPLE], [_DICT]) else found
    raise InvalidTypeError(
        f"{at} is {type(value).__name__} {_short(value)}, which would not come back as it is: "
        "a store keeps str, bool, None, finite numbers, lists, tuples, and dicts with str keys"
    )


def _kept(packed: Any) -> Any:
    return [json.dumps(packed, ensure_ascii=False)] if isinstance(packed, (dict, list)) else packed


def _given(kept: Any) -> Any:
    return _unpacked(json.loads(kept[0])) if isinstance(kept, list) else kept


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    if [*value] == [_TUPLE]:
        return tuple(_unpacked(each) for each in value[_TUPLE])
    inside = value[_DICT] if [*value] == [_DICT] else value
    return {name: _unpacked(each) for name, each in inside.items()}


def _short(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:
        return "of more digits than Python writes"
    return shown if len(shown) <= 80 else shown[:77] + "..."


# -- texts ------------------------------------------------------------------------------------------


def _texts(value: Mapping[str, Any], path: str) -> list[str]:
    """The texts at ``path``; "$" is the whole value, a line for each leaf."""
    if path == "$":
        return ["\n".join(_leaves(value))]
    return list(get_text_at_path(_listed(value), tokenize_path(path)))


def _listed(value: Any) -> Any:
    """``value`` with lists for tuples, which LangGraph's paths do not enter."""
    if isinstance(value, Mapping):
        return {name: _listed(each) for name, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for each, inner in value.items():
            yield from _leaves(inner, each)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, name)
    elif value is not None and str(value).strip():
        yield f"{name}: {value}"


def _mended(text: str) -> str:
    """``text`` without lone surrogates: an embedder takes none. The value keeps them."""
    return text.encode("utf-8", "replace").decode()
