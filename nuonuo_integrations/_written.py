"""What a framework holds as JSON and back: equal, with its types and the order of its keys.

What JSON has a word for is written as it is. What it has none for stands in an object whose `$is` says
what it is. Nothing is imported to read it: the class of a pydantic model or an enum is looked up among
what the program has imported already, and where it is not there, its fields or its value come back.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from io import IOBase
from pathlib import Path, PurePath
from typing import Any, cast
from uuid import UUID

from pydantic import AnyUrl, BaseModel

from nuonuo.errors import InvalidInputError

TAG = "$is"

# How a type is written, and made again; a datetime is a date too, so it comes first.
_SCALARS: Mapping[Any, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),  # and its fold, as `_write` says
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (lambda it: [it.days, it.seconds, it.microseconds], lambda it: timedelta(*it)),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    Path: (str, Path),
    PurePath: (str, PurePath),
    AnyUrl: (str, AnyUrl),
    bytes: (lambda it: base64.b64encode(it).decode(), base64.b64decode),
    complex: (lambda it: [repr(it.real), repr(it.imag)], lambda it: complex(float(it[0]), float(it[1]))),
    float: (repr, float),  # NaN and infinity: others are JSON
}
_LISTS: Mapping[Any, Callable[[list[Any]], Any]] = {tuple: tuple, set: set, frozenset: frozenset}


def written(fields: Mapping[str, Any]) -> str:
    """``fields`` as a JSON text, which may be stored whatever it holds.

    Raises:
        InvalidInputError: a field holds what cannot be written and read back; the error says where.
    """
    found = {}
    for name, value in fields.items():
        try:
            found[name] = tagged(value, name)
        except RecursionError as error:
            raise InvalidInputError(
                f"{name} holds itself, or is too deep to be kept; make it flatter"
            ) from error
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character: as an escape it is a text like any other
        return json.dumps(found, allow_nan=False)
    return text


def read(text: str) -> dict[str, Any]:
    """The fields that `written` was given."""
    return {name: revived(value) for name, value in json.loads(text).items()}


def tagged(value: Any, name: str) -> Any:
    """``value`` in JSON, with a tag at what JSON has no word for. A number of NumPy's is one of Python's.

    Args:
        name: where it stands, for the error.

    Raises:
        InvalidInputError: it holds what cannot be written and read back; the error says where.
    """
    if isinstance(value, Enum):
        return {TAG: "enum", "of": _class(value), "value": tagged(value.value, name)}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list):
        return [tagged(each, f"{name}[{at}]") for at, each in enumerate(value)]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and TAG not in value:
            return {key: tagged(each, f"{name}[{key!r}]") for key, each in value.items()}
        pairs = [[tagged(key, name), tagged(each, f"{name}[{key!r}]")] for key, each in value.items()]
        return {TAG: "dict", "value": pairs}
    for kind in _LISTS:
        if isinstance(value, kind):
            return {TAG: kind.__name__, "value": [tagged(each, name) for each in value]}
    if isinstance(value, BaseModel):
        fields = {**value.__dict__, **(value.model_extra or {})}
        return {
            TAG: "model",
            "of": _class(value),
            "value": {key: tagged(each, f"{name}.{key}") for key, each in fields.items()},
            "set": sorted(value.model_fields_set),
        }
    if isinstance(value, IOBase) and value.readable() and value.seekable():
        at = value.tell()
        value.seek(0)
        content = cast(Any, value).read()
        value.seek(at)
        return tagged(content, name)
    if isinstance(value, datetime) and value.fold:  # the second of two hours, where clocks go back
        return {TAG: "datetime", "value": value.isoformat(), "fold": value.fold}
    for kind, (write, _) in _SCALARS.items():
        if isinstance(value, kind):
            return {TAG: kind.__name__, "value": write(value)}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return tagged(value.item(), name)
    raise InvalidInputError(
        f"{name} cannot be written down and read back: it is a {type(value).__name__}, {value!r:.80}; leave "
        "it out, or give its text or its fields as a dict"
    )


def revived(found: Any) -> Any:
    """What `tagged` was given."""
    if isinstance(found, list):
        return [revived(each) for each in found]
    if not isinstance(found, dict):
        return found
    if TAG not in found:
        return {key: revived(each) for key, each in found.items()}
    kind, value = found[TAG], found["value"]
    if kind == "datetime":
        return datetime.fromisoformat(value).replace(fold=found.get("fold", 0))
    if kind == "dict":
        return {revived(key): revived(each) for key, each in value}
    if kind == "enum":
        return _enum(found["of"], revived(value))
    if kind == "model":
        return _model(found["of"], {key: revived(each) for key, each in value.items()}, set(found["set"]))
    for each, make in _LISTS.items():
        if kind == each.__name__:
            return make([revived(item) for item in value])
    return next(make(value) for each, (_, make) in _SCALARS.items() if kind == each.__name__)


def _enum(of: str, value: Any) -> Any:
    kind = _known(of, Enum)
    try:
        return value if kind is None else kind(value)
    except ValueError:  # it lost this value since
        return value


def _model(of: str, fields: dict[str, Any], given: set[str]) -> Any:
    kind = _known(of, BaseModel)
    return fields if kind is None else kind.model_construct(_fields_set=given, **fields)


def _class(value: object) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _known(of: str, base: type) -> Any:
    """The class of that name, if the program has imported it."""
    module, _, path = of.partition(":")
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) and issubclass(found, base) else None
