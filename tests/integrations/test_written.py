"""What is written as JSON is read as it was: equal, of the same types, in the same order."""

from __future__ import annotations

import io
import math
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel

from nuonuo.errors import InvalidInputError
from nuonuo_integrations._written import read, written


class Mood(str, Enum):
    GLAD = "glad"


class Inner(BaseModel):
    model_config = {"extra": "allow"}
    name: str
    given: Any = None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(st.characters(exclude_categories=())),  # half characters too
    st.binary(max_size=8),
    st.datetimes(timezones=st.none() | st.just(timezone(timedelta(hours=-5)))),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([Mood.GLAD, Path("a/b"), AnyUrl("http://a.com/b")]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3) | st.just("$is"), inner, max_size=4),
        st.dictionaries(st.integers() | st.booleans() | st.none(), inner, max_size=3),
        st.sets(st.integers() | st.text(max_size=2), max_size=3),
        st.frozensets(st.dates(), max_size=3),
        st.builds(Inner, name=st.text(max_size=3), given=inner, more=inner),
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """Its type and those of all that it holds, in order."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(each)) for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shape(each) for each in value]
    if isinstance(value, BaseModel):
        return type(value), value.model_fields_set, shape(dict(value))
    return type(value), repr(value) if isinstance(value, float) else None


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_what_is_written_is_read(fields: dict[str, Any]) -> None:
    text = written(fields)
    text.encode()  # it can be stored
    assert read(text) == fields
    assert shape(read(text)) == shape(fields)


def test_what_is_no_number_is_read_as_what_it_was() -> None:
    back = read(written({"a": [math.nan, math.inf, -math.inf]}))["a"]
    assert math.isnan(back[0]) and back[1:] == [math.inf, -math.inf]


def test_a_file_in_ram_is_its_bytes_and_stays_where_it_was() -> None:
    file = io.BytesIO(b"abc")
    file.read(1)
    assert read(written({"a": file})) == {"a": b"abc"}
    assert file.read() == b"bc"


class Gone(BaseModel):
    a: int


def test_a_class_that_is_not_there_is_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written({"model": Gone(a=1), "mood": Mood.GLAD})
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    monkeypatch.delattr(sys.modules[__name__], "Mood")
    assert read(text) == {"model": {"a": 1}, "mood": "glad"}


@pytest.mark.parametrize(
    "of", ["os:system", "builtins:eval", "subprocess:Popen", "nowhere:Nothing", ":", "os"]
)
def test_nothing_but_models_and_enums_is_made_by_name(of: str) -> None:
    assert read(f'{{"a": {{"$is": "model", "of": "{of}", "value": {{"x": 1}}, "set": []}}}}') == {
        "a": {"x": 1}
    }
    assert read(f'{{"a": {{"$is": "enum", "of": "{of}", "value": "ls"}}}}') == {"a": "ls"}


Self: list[Any] = []
Self.append(Self)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"raw": object()}, "raw cannot"),
        ({"kwargs": {"a": [1, object()]}}, r"kwargs\['a'\]\[1\]"),
        ({"blocks": [Inner(name="a", given=object())]}, r"blocks\[0\].given"),
        ({"kwargs": {"error": ValueError("x")}}, r"kwargs\['error'\].*ValueError"),
        ({"kwargs": {object(): 1}}, "kwargs cannot"),
        ({"kwargs": Self}, "kwargs holds itself"),
    ],
)
def test_what_cannot_be_written_is_refused_by_its_name(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidInputError, match=where):
        written(fields)


def test_times_keep_what_they_are() -> None:
    kept = {
        "a": date(2024, 1, 1),
        "b": datetime(2024, 1, 1),
        "c": time(1, 2),
        "d": Decimal("1.0"),
        "e": UUID(int=1),
    }
    assert shape(read(written(kept))) == shape(kept)
