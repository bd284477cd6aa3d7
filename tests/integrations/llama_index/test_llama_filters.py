"""MetadataFilters in the engine's grammar: LlamaIndex's own filter is the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from llama_samples import new_embedder

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.llama_index import NuonuoRetriever
from nuonuo_integrations.llama_index._filters import where_of

VALUES: list[Any] = [None, "", "red", "Red wine", 1, 0, 2.5, True, [], ["red", "x"], ["x", 1], ["green"]]
RECORDS: list[dict[str, Any]] = [
    {"a": a, "b": b, **({"c": "red"} if b in ("", 1) else {})} for a in VALUES for b in ("", 1, ["red", 1])
]
KEYS = ["a", "b", "c", "nowhere"]
TEXTS = ["red", "e", "RED", "", "x"]
LISTS = [[], ["red"], ["x", "red"], ["", "green"], [1, 0], [1.0, 2.5]]
ANY_OF = {
    "==": [None, *TEXTS, 0, 1, 2.5, ["x", "red"]],
    "in": LISTS,
    "text_match": TEXTS,
    ">": [0, 1, 2.5, "e"],
}
OF = {
    "!=": "==",
    "contains": "==",
    "nin": "in",
    "any": "in",
    "all": "in",
    "text_match_insensitive": "text_match",
    ">=": ">",
    "<": ">",
    "<=": ">",
}


@st.composite
def comparison(draw: Any) -> MetadataFilter:
    operator = draw(st.sampled_from([*ANY_OF, *OF, "is_empty"]))
    values = [None] if operator == "is_empty" else ANY_OF[OF.get(operator, operator)]
    return MetadataFilter(
        key=draw(st.sampled_from(KEYS)), value=draw(st.sampled_from(values)), operator=operator
    )


def lets_through(filters: MetadataFilters, record: dict[str, Any]) -> bool:
    """What LlamaIndex's own store says of a record; nested groups, which that one refuses, as it does flat.

    Where it raises since types do not fit, as in ``"x" > 3``, such a filter lets nothing through.
    """
    passed = []
    for each in filters.filters:
        if isinstance(each, MetadataFilters):
            passed.append(lets_through(each, record))
            continue
        ordered = each.operator.value in (">", ">=", "<", "<=")
        if ordered and isinstance(record.get(each.key), bool):  # Python orders them, the engine does not
            passed.append(False)
            continue
        try:
            passed.append(build_metadata_filter_fn(lambda _: record, MetadataFilters(filters=[each]))(""))
        except TypeError:
            passed.append(False)
    join = {"and": all, "or": any, "not": lambda found: not any(found)}
    return not passed or bool(join[filters.condition.value if filters.condition else "and"](passed))


groups = st.recursive(
    st.builds(
        MetadataFilters,
        filters=st.lists(comparison(), min_size=1, max_size=3),
        condition=st.sampled_from([*FilterCondition, None]),
    ),
    lambda inner: st.builds(
        MetadataFilters,
        filters=st.lists(inner | comparison(), min_size=1, max_size=3),
        condition=st.sampled_from(list(FilterCondition)),
    ),
    max_leaves=4,
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


@settings(max_examples=300, deadline=None)
@given(groups)
def test_it_lets_through_what_llama_index_would(filled: AssociativeMemory, filters: MetadataFilters) -> None:
    expected = {str(i) for i, record in enumerate(RECORDS) if lets_through(filters, record)}
    assert retrieved(filled, filters) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("tags", "any", ["boats", "cats"])], {"a", "b"}),
        ([("tags", "all", ["boats", "sea"])], {"a"}),
        ([("tags", "contains", "sea")], {"a"}),
        ([("title", "text_match", "Ferry")], {"a"}),
        ([("title", "text_match_insensitive", "ferry")], {"a", "c"}),
        ([("year", "in", [2024, 2026]), ("title", "text_match", "the")], {"c"}),
        ([("tags", "is_empty", None)], {"c"}),
        ([("year", "!=", 2024)], {"b", "c"}),
    ],
)
def test_each_operator(engine: AssociativeMemory, filters: list[Any], expected: set[str]) -> None:
    retriever = NuonuoRetriever(
        engine, filters=MetadataFilters(filters=[filter_(*each) for each in filters], condition="and")
    )
    retriever.add_nodes(
        [
            TextNode(
                id_="a", text="thing", metadata={"tags": ["boats", "sea"], "title": "The Ferry", "year": 2024}
            ),
            TextNode(id_="b", text="thing", metadata={"tags": ["cats"], "title": "Cats", "year": 2025}),
            TextNode(id_="c", text="thing", metadata={"tags": [], "title": "On the ferry", "year": 2026}),
        ]
    )
    assert {node.node_id for node in retriever.retrieve("thing")} == expected


def test_the_role_is_a_field(engine: AssociativeMemory) -> None:
    engine.add("a thing", role="user")
    engine.add("a thing too", role="assistant")
    filters = MetadataFilters(filters=[MetadataFilter(key="role", value="user")])
    assert [n.text for n in NuonuoRetriever(engine, filters=filters).retrieve("thing")] == ["a thing"]


def filter_(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, value=value, operator=FilterOperator(operator))


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (MetadataFilters(filters=[filter_("a", "in", "x")]), "'a' uses 'in', which needs a list"),
        (MetadataFilters(filters=[filter_("a", "any", "x")]), "'a' uses 'any', which needs a list"),
        (
            MetadataFilters(filters=[filter_("a", "text_match", 3)]),
            "'a' uses 'text_match', which needs a text",
        ),
        (MetadataFilters(filters=[filter_("a", ">", None)]), "needs a number or a str, got None"),
        (MetadataFilters(filters=[filter_("$or", "==", "x")]), "must not begin with"),
    ],
)
def test_what_a_filter_cannot_take_is_named_at_once(
    engine: AssociativeMemory, filters: MetadataFilters, says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        NuonuoRetriever(engine, filters=filters)
    nested = MetadataFilters(filters=[filters], condition="or")
    with pytest.raises(InvalidInputError, match=says):
        where_of(nested)


def test_nothing_and_what_is_no_filter() -> None:
    assert where_of(None) is None
    assert where_of(MetadataFilters(filters=[])) is None
    with pytest.raises(InvalidTypeError, match="dict"):
        where_of({"a": 1})
