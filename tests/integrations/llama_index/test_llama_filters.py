"""MetadataFilters in the engine's grammar: LlamaIndex's own filter is the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from llama_samples import new_embedder

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.llama_index import NuonuoRetriever
from nuonuo_integrations.llama_index._filters import where_of

RECORDS: list[dict[str, Any]] = [
    {"colour": colour, "size": size} | ({"note": note} if note is not None else {})
    for colour in ("red", "green")
    for size in (1, 2, 3)
    for note in (None, "", "x")
]

comparisons = st.one_of(
    st.builds(
        MetadataFilter,
        key=st.just("colour"),
        value=st.sampled_from(["red", "green", "blue"]),
        operator=st.sampled_from(["==", "!="]),
    ),
    st.builds(
        MetadataFilter,
        key=st.just("colour"),
        value=st.lists(st.sampled_from(["red", "green"])),
        operator=st.sampled_from(["in", "nin"]),
    ),
    st.builds(
        MetadataFilter,
        key=st.just("size"),
        value=st.sampled_from([1, 2, 2.5, 3]),
        operator=st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
    ),
    st.builds(
        MetadataFilter, key=st.just("note"), value=st.just("x"), operator=st.sampled_from(["==", "!="])
    ),
    st.builds(MetadataFilter, key=st.just("note"), value=st.none(), operator=st.just("is_empty")),
)


@pytest.fixture(scope="module")
def filled() -> Iterator[AssociativeMemory]:
    with AssociativeMemory(embedder=new_embedder()) as memory:
        memory.add([Memory("thing", id=str(i), metadata=record) for i, record in enumerate(RECORDS)])
        yield memory


def retrieved(memory: AssociativeMemory, filters: MetadataFilters) -> set[str]:
    return {
        node.node_id for node in NuonuoRetriever(memory, k=len(RECORDS), filters=filters).retrieve("thing")
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(comparisons, min_size=1, max_size=4), st.sampled_from(list(FilterCondition)))
def test_it_lets_through_what_llama_index_would(
    filled: AssociativeMemory, each: list[MetadataFilter], condition: FilterCondition
) -> None:
    filters = MetadataFilters(filters=each, condition=condition)
    try:
        found = retrieved(filled, filters)
    except InvalidInputError:
        assert condition != FilterCondition.AND  # AND is always possible
        return
    passes = build_metadata_filter_fn(lambda id: RECORDS[int(id)], filters)
    assert found == {str(i) for i in range(len(RECORDS)) if passes(str(i))}


def test_nested_filters_are_and_ed(filled: AssociativeMemory) -> None:
    either = MetadataFilters(
        filters=[MetadataFilter(key="size", value=1), MetadataFilter(key="size", value=3)], condition="or"
    )
    never = MetadataFilters(filters=[MetadataFilter(key="colour", value="red")], condition="not")
    found = retrieved(filled, MetadataFilters(filters=[either, never]))
    assert found == {str(i) for i, r in enumerate(RECORDS) if r["size"] in (1, 3) and r["colour"] != "red"}


def test_the_role_is_a_field(engine: AssociativeMemory) -> None:
    engine.add("a thing", role="user")
    engine.add("a thing too", role="assistant")
    filters = MetadataFilters(filters=[MetadataFilter(key="role", value="user")])
    assert [n.text for n in NuonuoRetriever(engine, filters=filters).retrieve("thing")] == ["a thing"]


@pytest.mark.parametrize("operator", ["any", "all", "text_match", "text_match_insensitive", "contains"])
def test_what_looks_inside_a_value_is_refused_at_once(engine: AssociativeMemory, operator: str) -> None:
    value = ["x"] if operator in ("any", "all") else "x"
    filters = MetadataFilters(filters=[MetadataFilter(key="tags", value=value, operator=operator)])
    with pytest.raises(InvalidInputError, match=f"'tags' uses '{operator}'"):
        NuonuoRetriever(engine, filters=filters)


def filter_(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, value=value, operator=FilterOperator(operator))


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (MetadataFilters(filters=[filter_("a", "==", 1), filter_("b", "==", 2)], condition="or"), "OR over"),
        (MetadataFilters(filters=[filter_("a", ">", 1), filter_("a", "<", 0)], condition="or"), "OR over"),
        (MetadataFilters(filters=[filter_("a", ">", 1)], condition="not"), "NOT over 'a'"),
        (MetadataFilters(filters=[filter_("a", "in", "x")]), "needs a list"),
        (MetadataFilters(filters=[filter_("a", ">", 1), filter_("a", ">", "x")]), "one type"),
    ],
)
def test_what_cannot_be_expressed_is_an_error_that_says_so(filters: MetadataFilters, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        where_of(filters)


def test_nothing_and_what_is_no_filter() -> None:
    assert where_of(None) is None
    assert where_of(MetadataFilters(filters=[])) is None
    with pytest.raises(InvalidTypeError, match="dict"):
        where_of({"a": 1})
