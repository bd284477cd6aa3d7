"""What is put into a store comes back as it went in, or is refused by its name."""

from __future__ import annotations

import enum
from collections import OrderedDict, UserDict
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_samples import new_embedder
from langchain_stores import ALICE, new_engine, new_store
from langchain_words import SMALL

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.langchain import NuonuoStore


def exactly(value: Any) -> Any:
    """``value`` with its types and the order of its keys, which == does not look at."""
    if isinstance(value, dict):
        return [(name, exactly(each)) for name, each in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [exactly(each) for each in value]
    return type(value), value


NAMES = st.one_of(
    st.sampled_from(["b", "a", "", "$tuple", "$dict", "$eq", "x.y", "role", "é", "n"]), st.text()
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(NAMES, inner, max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_value_comes_back_as_it_went_in(value: dict[str, Any]) -> None:
    store = new_store()
    store.put(ALICE, "k", value)
    for found in (store.get(ALICE, "k"), *store.search(ALICE), *store.search(ALICE, query="a word")):
        assert exactly(found.value) == exactly(value)


def test_so_it_does_from_a_file(tmp_path: Path) -> None:
    value = {
        "z": {"b": 1, "a": [(), {}, [], (1, (2.0,))]},
        "a": 1.0,
        "m": 1,
        "text": "雷 \ud800 \x00 é",
        "none": None,
        "big": 10**300,
        "minus": -0.0,
        "flag": False,
    }
    with AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder(), config=SMALL) as memory:
        NuonuoStore(memory).put(ALICE, "k", value)
    with AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder(), config=SMALL) as memory:
        assert exactly(NuonuoStore(memory).get(ALICE, "k").value) == exactly(value)


class Colour(str, enum.Enum):
    RED = "red"


def test_what_is_like_a_dict_a_text_or_a_number_comes_back_equal() -> None:
    store = new_store()
    value = MappingProxyType({"b": OrderedDict(x=1), "a": Colour.RED})
    store.put(ALICE, "k", value)
    assert store.get(ALICE, "k").value == {"b": {"x": 1}, "a": "red"}
    assert [item.key for item in store.search(ALICE, filter={"a": Colour.RED})] == ["k"]


def own() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (
            {"a": {"when": datetime(2026, 5, 1, tzinfo=timezone.utc)}},
            r"'k': value\['a'\]\['when'\] is datetime",
        ),
        ({"tags": ["a", {"b"}]}, r"value\['tags'\]\[1\] is set"),
        ({"t": (b"x",)}, r"value\['t'\]\[0\] is bytes"),
        ({"n": float("nan")}, r"value\['n'\] is float nan"),
        ({"n": {"m": float("inf")}}, r"value\['n'\]\['m'\] is float inf"),
        ({"n": 10**5000}, r"value\['n'\] is int"),
        ({"a": {1: 2}}, r"value\['a'\] must be a dict with str keys, it has int 1"),
        ({1: 2}, "value must be a dict with str keys, it has int 1"),
        ({"a": UserDict(b=1)}, r"value\['a'\] is UserDict"),
        ({"a": own()}, r"value\['a'\]\[0\]\[0\].* is nested more than 200 deep"),
        ([("a", 1)], "the value of 'k' must be a dict"),
        ("text", "the value of 'k' must be a dict"),
    ],
)
def test_what_would_not_come_back_is_refused_by_its_name(value: Any, named: str) -> None:
    store = new_store()
    store.put(ALICE, "other", {"a": 1})
    with pytest.raises((InvalidTypeError, InvalidInputError), match=named):
        store.put(ALICE, "k", value)
    assert [item.key for item in store.search(())] == ["other"]


def test_items_of_earlier_versions_are_read_found_and_written_over() -> None:
    """They hold a value field by field, sorted by name, with what is nested as it is."""
    memory = new_engine()
    store = NuonuoStore(memory, fields=["text"])
    old = {
        "text": "a beagle called Rex",
        "n": 1,
        "tags": ["pet"],
        "meta": {"at": 3, "by": "me"},
        "none": None,
    }
    memory.add(
        Memory(
            "a beagle called Rex",
            id='default["users", "alice", "dog"]',
            timestamp=datetime(2026, 5, 1, tzinfo=timezone.utc),
            metadata={
                "store_key": "dog",
                "store_updated_at": "2026-05-02T00:00:00+00:00",
                **{f"store_value.{name}": each for name, each in old.items()},
            },
        ),
        namespace='default["users", "alice"]',
    )
    store.put(ALICE, "cat", {"text": "a cat", "n": 2})
    item = store.get(ALICE, "dog")
    assert item.value == old
    assert (item.created_at.day, item.updated_at.day) == (1, 2)
    for filter_ in (
        {"n": 1},
        {"tags": ["pet"]},
        {"meta": {"by": "me"}},
        {"meta.at": {"$gt": 2}},
        {"n": {"$lt": 2}},
    ):
        assert [item.key for item in store.search(ALICE, query="beagle", filter=filter_)] == ["dog"]
    assert {item.key for item in store.search(ALICE, filter={"none": None})} == {"dog", "cat"}
    store.put(ALICE, "dog", {"b": {"z": 1, "y": 2}, "a": ()})
    assert exactly(store.get(ALICE, "dog").value) == exactly({"b": {"z": 1, "y": 2}, "a": ()})
    assert store.get(ALICE, "dog").created_at == item.created_at


def test_lone_surrogates_and_tuples_can_be_asked_for() -> None:
    store = new_store(fields=["text", "tags[*]"])
    store.put(ALICE, "k", {"text": "the beagle \ud83d barks", "tags": ("garage",)})
    store.put(ALICE, "other", {"text": "two apple trees"})
    for query in ("beagle", "garage"):
        found = store.search(ALICE, query=query)[0]
        assert found.value == {"text": "the beagle \ud83d barks", "tags": ("garage",)}
