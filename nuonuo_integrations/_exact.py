"""Metadata of a framework's documents: what the engine can filter by, and the way back to what it was.

The engine keeps JSON. A document may hold more: dates, tuples, sets, NaN. What JSON has no word for is
kept twice, once in a form that filters can compare, once in one from which it comes back.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from nuonuo.errors import InvalidInputError
from nuonuo_integrations._engine import mended

EXACT_KEY = "nuonuo_exact"

_OURS = ("nuonuo_", "_node_", "langchain_message", "llama_index_message")  # how the adapters' own keys begin
_FOREIGN = "nuonuo_not_ours_"  # before a caller's key that begins so too
_TAG = "$is"
# How a type is written, and made again; a datetime is a date too, so it comes first.
_SCALARS: Mapping[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    PurePath: (str, PurePath),
    bytes: (lambda value: base64.b64encode(value).decode(), base64.b64decode),
    float: (repr, float),  # NaN and infinity: others are JSON
}
_LISTS: Mapping[type, Callable[[list[Any]], Any]] = {tuple: tuple, set: set, frozenset: frozenset}


def kept(metadata: Mapping[Any, Any], of: str) -> dict[str, Any]:
    """``metadata`` as the engine keeps it, with `EXACT_KEY` for what JSON has no word for.

    Args:
        of: whose it is, for the error: "document 3".

    Raises:
        InvalidInputError: a value that cannot be written down; it says which.
    """
    found, exact = {}, {}
    for name, value in metadata.items():
        if not isinstance(name, str):
            raise InvalidInputError(f"the metadata of {of} has the key {name!r}; convert it to a str")
        try:
            written = _written(value, f"metadata[{name!r}]")
        except InvalidInputError as error:
            raise InvalidInputError(f"{of} cannot be kept: {error}") from error
        key = _FOREIGN + mended(name) if name.startswith(_OURS) else mended(name)
        found[key] = _plain(written)
        if found[key] != written:
            exact[key] = written
    return found | ({EXACT_KEY: json.dumps(exact)} if exact else {})


def as_it_was(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that `kept` was given, without what the adapters keep beside it.

    A value that was changed since is what it was changed to.
    """
    exact = json.loads(metadata.get(EXACT_KEY, "{}"))
    return {
        name.removeprefix(_FOREIGN): _revived(exact[name])
        if name in exact and _plain(exact[name]) == value
        else value
        for name, value in metadata.items()
        if name.startswith(_FOREIGN) or not name.startswith(_OURS)
    }


def _written(value: Any, where: str) -> Any:
    """``value`` in JSON, with a tag at what is none."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Mapping):
        pairs = [[key, _written(each, f"{where}[{key!r}]")] for key, each in value.items()]
        if _TAG not in value and all(isinstance(key, str) for key in value):
            return {mended(key): each for key, each in pairs}
        return {_TAG: "dict", "value": [[_written(key, where), each] for key, each in pairs]}
    if isinstance(value, list):
        return [_written(each, f"{where}[{at}]") for at, each in enumerate(value)]
    if isinstance(value, (tuple, set, frozenset)):
        kind = next(each for each in _LISTS if isinstance(value, each))
        items = [_written(each, f"{where}[{at}]") for at, each in enumerate(value)]
        return {_TAG: kind.__name__, "value": items}
    for kind, (write, _) in _SCALARS.items():
        if isinstance(value, kind):
            return {_TAG: kind.__name__, "value": write(value)}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of NumPy's
        return _written(value.item(), where)
    raise InvalidInputError(
        f"{where} is no text, number, date, list or dict, but a {type(value).__name__}: {value!r}; convert it"
    )


def _plain(written: Any) -> Any:
    """What a filter compares: dates as ISO texts, tuples and sets as lists."""
    if isinstance(written, list):
        return [_plain(each) for each in written]
    if not isinstance(written, dict):
        return written
    if _TAG not in written:
        return {key: _plain(each) for key, each in written.items()}
    if written[_TAG] == "dict":
        return {str(_plain(key)): _plain(each) for key, each in written["value"]}
    return _plain(written["value"])


def _revived(written: Any) -> Any:
    if isinstance(written, list):
        return [_revived(each) for each in written]
    if not isinstance(written, dict):
        return written
    if _TAG not in written:
        return {key: _revived(each) for key, each in written.items()}
    kind, value = written[_TAG], written["value"]
    if kind == "dict":
        return {_revived(key): _revived(each) for key, each in value}
    for each, make in _LISTS.items():
        if kind == each.__name__:
            return make([_revived(item) for item in value])
    return next(make(value) for each, (_, make) in _SCALARS.items() if kind == each.__name__)
