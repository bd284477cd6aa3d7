"""LangGraph store items as memories and back, and LangGraph's filters."""

from __future__ import annotations

import copy
import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from langgraph.store.base import MatchCondition, PutOp, SearchItem, get_text_at_path, tokenize_path

from nuonuo import Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._engine import SILENT_KEY

Path = tuple[str, ...]

KEY, UPDATED, VALUE = "store_key", "store_updated_at", "store_value."

_RANGES: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = ("$eq", "$ne", *_RANGES)


class Places:
    """Where the items of one store stand in the engine: each LangGraph namespace is an engine namespace.

    Written as JSON behind the store's root, so that no two places, and no two keys, meet.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def namespace_of(self, path: Path) -> str:
        return self._root + json.dumps(list(path), ensure_ascii=False)

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


def memory_of(op: PutOp, id: str, fields: Sequence[str], created: datetime | None) -> Memory:
    """The value that ``op`` puts, as a memory.

    The first text at the indexed paths is the memory's own, the others are its cues. An item without
    any is kept, and no query finds it.

    Raises:
        InvalidTypeError: the value is no dict with str keys.
    """
    value: Any = op.value
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidTypeError(f"the value of {op.key!r} must be a dict with str keys, got {value!r}")
    paths: Sequence[str] = [] if op.index is False else fields if op.index is None else op.index
    texts = [text for path in paths for text in _texts(value, path) if text.strip()]
    now = datetime.now(timezone.utc)
    metadata = {VALUE + name: each for name, each in value.items()}
    metadata |= {KEY: op.key, UPDATED: now.isoformat()}
    if not texts:
        metadata[SILENT_KEY] = True
    return Memory(
        texts[0] if texts else f"[{op.key}]",
        timestamp=created or now,
        metadata=metadata,
        cues=tuple(dict.fromkeys(texts[1:])),
        id=id,
    )


def value_of(memory: Memory) -> dict[str, Any]:
    """The value that was put, a copy of the caller's own to do with as he likes."""
    found = {name[len(VALUE) :]: each for name, each in memory.metadata.items() if name.startswith(VALUE)}
    return copy.deepcopy(found)


def item_of(memory: Memory, path: Path, score: float | None = None) -> SearchItem:
    """The item that ``memory`` was made of."""
    created = memory.timestamp or datetime.fromtimestamp(0, timezone.utc)
    updated = memory.metadata.get(UPDATED)
    return SearchItem(
        path,
        str(memory.metadata.get(KEY)),
        value_of(memory),
        created,
        datetime.fromisoformat(updated) if updated else created,
        score,
    )


def is_silent(memory: Memory) -> bool:
    """Whether no query finds it."""
    return bool(memory.metadata.get(SILENT_KEY))


# -- filters ----------------------------------------------------------------------------------------


def checked(filter_: Mapping[str, Any] | None) -> dict[str, Any]:
    """``filter_`` if it means something.

    Raises:
        InvalidInputError: an unknown operator, or a comparison with what has no order.
    """
    for name, wanted in (filter_ or {}).items():
        for op, value in wanted.items() if _has_operators(wanted) else ():
            if op not in _OPERATORS:
                raise InvalidInputError(
                    f"the filter on {name!r} has the operator {op!r}; expected one of {', '.join(_OPERATORS)}"
                )
            if op in _RANGES and _kind(value) not in ("number", "str"):
                raise InvalidInputError(f"{op} on {name!r} needs a number or a str, got {value!r}")
    return dict(filter_ or {})


def where_of(filter_: Mapping[str, Any]) -> dict[str, Any] | None:
    """The engine's filter for ``filter_``; None where it looks inside of values: the engine does not."""
    for wanted in filter_.values():
        bounds = wanted.values() if _has_operators(wanted) else [wanted]
        if any(_kind(bound) == "json" for bound in bounds):
            return None
    return {VALUE + name: wanted for name, wanted in filter_.items()}


def matches(value: Mapping[str, Any], filter_: Mapping[str, Any]) -> bool:
    """Whether ``value`` meets every condition, as the engine would say, or LangGraph for nested ones."""
    return all(_meets(value.get(name), wanted) for name, wanted in filter_.items())


def _meets(value: Any, wanted: Any) -> bool:
    if _has_operators(wanted):
        return all(_holds(value, op, bound) for op, bound in wanted.items())
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_meets(value.get(name), each) for name, each in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, (list, tuple)) and len(value) == len(wanted) and all(map(_meets, value, wanted))
        )
    return _holds(value, "$eq", wanted)


def _holds(value: Any, op: str, bound: Any) -> bool:
    if op in _RANGES:
        return _kind(value) == _kind(bound) and _RANGES[op](value, bound)
    equal = _kind(value) == _kind(bound) and value == bound
    return equal if op == "$eq" else not equal


def _has_operators(wanted: Any) -> bool:
    return isinstance(wanted, dict) and any(str(name).startswith("$") for name in wanted)


def _kind(value: Any) -> str:
    """Values of two kinds are never equal: True is not 1, though Python says so."""
    if isinstance(value, (bool, str)) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, (int, float)) else "json"


# -- namespaces -------------------------------------------------------------------------------------


def fits(path: Path, condition: MatchCondition) -> bool:
    """Whether ``path`` begins or ends as ``condition`` says; "*" stands for any label."""
    wanted = tuple(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise InvalidInputError(
            f"match_type must be 'prefix' or 'suffix', got {condition.match_type!r} for {wanted!r}"
        )
    if len(path) < len(wanted):
        return False
    part = path[: len(wanted)] if condition.match_type == "prefix" else path[len(path) - len(wanted) :]
    return all(label in (each, "*") for each, label in zip(part, wanted, strict=True))


# -- texts ------------------------------------------------------------------------------------------


def _texts(value: Mapping[str, Any], path: str) -> list[str]:
    """The texts at ``path``; "$" is the whole value, a line for each leaf."""
    if path == "$":
        return ["\n".join(_leaves(value))]
    return list(get_text_at_path(value, tokenize_path(path)))


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for each, inner in value.items():
            yield from _leaves(inner, each)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, name)
    elif value is not None and str(value).strip():
        yield f"{name}: {value}"
