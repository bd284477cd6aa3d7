"""Metadata of a framework's documents: what the engine can filter by, and the way back to what it was.

The engine keeps JSON. A document may hold more: dates, tuples, sets, NaN. What JSON has no word for is
kept twice, once in a form that filters can compare, once in one from which it comes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nuonuo.errors import InvalidInputError
from nuonuo_integrations._engine import mended
from nuonuo_integrations._written import TAG, revived, tagged

EXACT_KEY = "nuonuo_exact"

_OURS = ("nuonuo_", "_node_", "langchain_message", "llama_index_message")  # how the adapters' own keys begin
_FOREIGN = "nuonuo_not_ours_"  # before a caller's key that begins so too


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
            written = tagged(_mended(value), f"metadata[{name!r}]")
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
        name.removeprefix(_FOREIGN): revived(exact[name])
        if name in exact and _plain(exact[name]) == value
        else value
        for name, value in metadata.items()
        if name.startswith(_FOREIGN) or not name.startswith(_OURS)
    }


def _mended(value: Any) -> Any:
    """``value`` with each of its texts mended: the engine keeps whole characters."""
    if type(value) is str:
        return mended(value)
    if type(value) is dict:
        return {_mended(key): _mended(each) for key, each in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_mended(each) for each in value)
    return value


def _plain(written: Any) -> Any:
    """What a filter compares: dates as ISO texts, tuples and sets as lists."""
    if isinstance(written, list):
        return [_plain(each) for each in written]
    if not isinstance(written, dict):
        return written
    if TAG not in written:
        return {key: _plain(each) for key, each in written.items()}
    if written[TAG] == "dict":
        return {str(_plain(key)): _plain(each) for key, each in written["value"]}
    return _plain(written["value"])
