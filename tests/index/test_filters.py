"""Filters and namespaces: what is outside is in no hit and in no evidence."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory, Recall
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.filters import Conditions, Fields
from tests.fakes import fresh, indexed, texts

VALUES: list[Any] = [None, True, False, 0, 1, 2, 2.5, "1", "a", "b", "犬", [1], [1, 2], {"a": 1}]
MISSING = object()
ROWS = st.lists(st.sampled_from([MISSING, *VALUES]), min_size=1, max_size=8)


def kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def equal(one: Any, other: Any) -> bool:
    return kind(one) == kind(other) and bool(one == other)


def holds(value: Any, op: str, wanted: Any) -> bool:
    """What each operator means, one value at a time; a missing field is None."""
    value = None if value is MISSING else value
    if op == "$eq":
        return equal(value, wanted)
    if op == "$ne":
        return not equal(value, wanted)
    if op == "$in":
        return any(equal(value, each) for each in wanted)
    if op == "$nin":
        return not any(equal(value, each) for each in wanted)
    compare = {"$gt": "__gt__", "$gte": "__ge__", "$lt": "__lt__", "$lte": "__le__"}[op]
    return kind(value) == kind(wanted) and getattr(type(value), compare)(value, type(value)(wanted)) is True


def let_through(rows: list[Any], where: dict[str, Any]) -> list[int]:
    told = [{} if value is MISSING else {"f": value} for value in rows]
    fields = indexed(Fields(), [Memory("x", metadata=metadata) for metadata in told])
    mask = fields.mask(np.ones(len(rows), bool), Conditions(where=where))
    return np.flatnonzero(mask).tolist()


@settings(max_examples=200)
@given(ROWS, st.sampled_from(["$eq", "$ne"]), st.sampled_from(VALUES))
def test_equality(rows: list[Any], op: str, wanted: Any) -> None:
    assert let_through(rows, {"f": {op: wanted}}) == [r for r, v in enumerate(rows) if holds(v, op, wanted)]
    if op == "$eq":
        assert let_through(rows, {"f": wanted}) == let_through(rows, {"f": {"$eq": wanted}})


@settings(max_examples=200)
@given(ROWS, st.sampled_from(["$in", "$nin"]), st.lists(st.sampled_from(VALUES), max_size=4))
def test_membership(rows: list[Any], op: str, wanted: list[Any]) -> None:
    expected = [r for r, v in enumerate(rows) if holds(v, op, wanted)]
    assert let_through(rows, {"f": {op: wanted}}) == expected
    assert let_through(rows, {"f": {op: tuple(wanted)}}) == expected


@settings(max_examples=200)
@given(ROWS, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.sampled_from([0, 1, 2.5, "a", "犬", ""]))
def test_order(rows: list[Any], op: str, wanted: Any) -> None:
    expected = []
    for row, value in enumerate(rows):
        if kind(value) == kind(wanted):
            sides = {
                "$gt": value > wanted,
                "$gte": value >= wanted,
                "$lt": value < wanted,
                "$lte": value <= wanted,
            }
            expected += [row] if sides[op] else []
    assert let_through(rows, {"f": {op: wanted}}) == expected


def test_several_conditions_hold_together() -> None:
    rows = [1, 2, 3, 4, MISSING]
    assert let_through(rows, {"f": {"$gt": 1, "$lte": 3}}) == [1, 2]
    assert let_through(rows, {"f": {"$gt": 1}, "g": None}) == [1, 2, 3]
    assert let_through(rows, {"g": 1}) == []


def ask(memory: AssociativeMemory, **how: Any) -> list[str]:
    return sorted(texts(memory.recall("note", k=99, **how)))


def test_in_a_recall(memory: AssociativeMemory) -> None:
    memory.add(
        [
            Memory("note one", role="user", metadata={"n": 1, "tags": ["x"]}),
            Memory("note two", role="assistant", metadata={"n": True}),
            Memory("note three", session_id="s", metadata={"n": None}),
        ]
    )
    assert ask(memory, where={"n": 1}) == ["note one"]
    assert ask(memory, where={"n": True}) == ["note two"]
    assert ask(memory, where={"n": None}) == ["note three"]
    assert ask(memory, where={"role": "user"}) == ["note one"]
    assert ask(memory, where={"role": {"$in": ["user", "assistant"]}, "n": {"$ne": True}}) == ["note one"]
    assert ask(memory, where={"tags": ["x"]}) == ["note one"]
    assert ask(memory, session_id="s") == ["note three"]
    assert ask(memory, session_id="no such") == []
    assert ask(memory, where={}) == ask(memory)
    memory.update(memory.list()[0].id or "", metadata={"n": 2})
    assert ask(memory, where={"n": 1}) == []
    assert ask(memory, where={"n": {"$gt": 1}}) == ["note one"]


ROLES: list[Any] = [MISSING, "user", "manager", 1]
NAMED = st.lists(st.tuples(st.sampled_from([None, "user", "manager"]), st.sampled_from(ROLES)), min_size=1)


@settings(max_examples=200)
@given(
    NAMED,
    st.sampled_from(["role", "session_id"]),
    st.sampled_from(["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte"]),
    st.sampled_from(["user", "manager", "nobody", None, 1]),
)
def test_own_fields_and_metadata_of_one_name_do_not_shadow_each_other(
    rows: list[tuple[str | None, Any]], name: str, op: str, value: Any
) -> None:
    wanted: Any = [value, "x"] if op in ("$in", "$nin") else value
    if value is None and op in ("$gt", "$gte", "$lt", "$lte"):
        wanted = "user"
    memories = [
        Memory("x", metadata={} if told is MISSING else {name: told}, **{name: own})  # type: ignore[arg-type]
        for own, told in rows
    ]
    fields = indexed(Fields(), memories)

    def through(where: dict[str, Any]) -> list[int]:
        mask = fields.mask(np.ones(len(rows), bool), Conditions(where=where))
        return np.flatnonzero(mask).tolist()

    for scope, values in (
        ("$record", [[own] for own, _ in rows]),
        ("$metadata", [[told] for _, told in rows]),
        (None, [[v for v in (own, told) if v not in (None, MISSING)] or [None] for own, told in rows]),
    ):
        quantor = all if op in ("$ne", "$nin") else any
        expected = [r for r, vs in enumerate(values) if quantor(holds(v, op, wanted) for v in vs)]
        where = {name: {op: wanted}}
        assert through({scope: where} if scope else where) == expected
    session = [r for r, (own, _) in enumerate(rows) if name == "session_id" and own == "user"]
    mask = fields.mask(np.ones(len(rows), bool), Conditions(session_id="user"))
    assert np.flatnonzero(mask).tolist() == session  # what metadata calls a session is none


def test_a_role_in_the_metadata(memory: AssociativeMemory) -> None:
    memory.add(
        [
            Memory("note one", metadata={"role": "manager", "session_id": "s", "$record": 1}),
            Memory("note two", role="user", metadata={"role": "clerk"}),
            Memory("note three", role="manager", session_id="s"),
            Memory("note four", metadata={"timestamp": "00:01:35", "id": 7, "text": "t", "namespace": "n"}),
        ]
    )
    assert ask(memory, where={"role": "manager"}) == ["note one", "note three"]
    assert ask(memory, where={"role": {"$ne": "manager"}}) == ["note four", "note two"]
    assert ask(memory, where={"role": "clerk"}) == ask(memory, where={"role": "user"}) == ["note two"]
    assert ask(memory, where={"$metadata": {"role": "manager"}}) == ["note one"]
    assert ask(memory, where={"$record": {"role": "manager"}}) == ["note three"]
    assert ask(memory, where={"$record": {"role": None}, "$metadata": {"role": None}}) == ["note four"]
    assert ask(memory, where={"$metadata": {"$record": 1}}) == ["note one"]
    assert ask(memory, session_id="s") == ["note three"]
    assert memory.forget(session_id="s") == 1
    for name, value in {"timestamp": "00:01:35", "id": 7, "text": "t", "namespace": "n"}.items():
        assert (
            ask(memory, where={name: value})
            == ask(memory, where={"$metadata": {name: value}})
            == ["note four"]
        )


def test_metadata_comes_back_as_it_went_in(memory: AssociativeMemory) -> None:
    told = {
        "zeta": 1, "alpha": {"y": [1, {"b": None, "a": 2.5}], "x": "\ud800"}, "role": "manager",
        "timestamp": 3, "session_id": None,
        "": True, "id": "mine", "text": "", "namespace": ["n"], "cues": {}, "big": 2**70,
    }  # fmt: skip
    (id,) = memory.add(Memory("note", role="user", metadata=told))
    (back,) = memory.get([id])
    assert back is not None
    for found in (back, memory.list()[0], memory.recall("note")[0].memory):
        assert json.dumps(dict(found.metadata)) == json.dumps(told)  # in its order too
        assert (found.role, found.session_id, found.timestamp, found.id) == ("user", None, None, id)
    memory.update(id, metadata={"b": 1, "a": 2})
    assert [*memory.list()[0].metadata] == ["b", "a"]


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"a": {"b": [{1: 2}]}}, r"metadata\['a'\]\['b'\]\[0\] has the key 1"),
        ({"a": 1, "b": [1, {2}]}, r"metadata\['b'\]\[1\] is set"),
        ({"a": [float("inf")]}, r"metadata\['a'\]\[0\] is float inf"),
        ({"when": datetime(2026, 1, 1)}, r"metadata\['when'\] is datetime"),
    ],
)
def test_what_metadata_cannot_give_back_is_refused_by_name(
    memory: AssociativeMemory, metadata: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        memory.add(["fine", Memory("note", metadata=metadata)])
    assert memory.list() == []


def test_time_is_from_after_until_before(memory: AssociativeMemory) -> None:
    for hour in (10, 11, 12):
        memory.add(f"note {hour}", timestamp=datetime(2026, 5, 1, hour, tzinfo=timezone.utc))
    memory.add("note undated")
    assert ask(memory, after="2026-05-01T11:00:00Z") == ["note 11", "note 12"]
    assert ask(memory, before="2026-05-01T11:00:00Z") == ["note 10"]
    assert ask(memory, after="2026-05-01T10:00:00Z", before=datetime(2026, 5, 1, 12)) == [
        "note 10",
        "note 11",
    ]
    assert ask(memory, after="2026-05-01T13:00:00+02:00", before="2026-05-01T11:00:00.000001Z") == ["note 11"]
    assert ask(memory, after=0) == ["note 10", "note 11", "note 12"]
    assert ask(memory, before=0) == []
    assert len(ask(memory)) == 4


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ({"n": {"$regex": "x"}}, InvalidInputError),
        ({"n": {"$in": "abc"}}, InvalidInputError),
        ({"n": {"$in": 5}}, InvalidInputError),
        ({"n": {"$gt": None}}, InvalidInputError),
        ({"n": {"$gt": True}}, InvalidInputError),
        ({"n": {"$gt": 1, "plain": 2}}, InvalidInputError),
        ({"n": object()}, InvalidInputError),
        ({1: 2}, InvalidTypeError),
        ({"$record": "user"}, InvalidTypeError),
        ({"$record": {"timestamp": "2026-01-01"}}, InvalidInputError),
        ({"$metadata": {"n": {"$regex": "x"}}}, InvalidInputError),
        ([("n", 1)], InvalidTypeError),
        ("n", InvalidTypeError),
    ],
)
def test_a_filter_that_means_nothing(memory: AssociativeMemory, where: Any, error: type[Exception]) -> None:
    with pytest.raises(error):  # even where nothing is stored
        memory.recall("note", where=where)


def outsiders(found: Recall) -> set[str]:
    """Every id that the evidence names."""
    named = {match.memory_id for hit in found for match in hit.evidence.matches}
    return named | {
        end for hit in found for link in hit.evidence.path for end in (link.source_id, link.target_id)
    }


def test_k_hits_inside_a_filter_whenever_k_exist() -> None:
    rng = np.random.default_rng(5)
    vocabulary = [f"word{number}" for number in range(300)]
    memory = fresh()
    items = [
        Memory(
            " ".join(rng.choice(vocabulary, 4)), session_id=f"s{at // 50}", metadata={"rare": at % 1700 == 9}
        )
        for at in range(5000)
    ]
    ids = memory.add(items)
    inside = [ids[at] for at in range(5000) if at % 1700 == 9]
    for query in ("word1 word2", "nothing like it", items[0].text, items[4999].text):
        found = memory.recall(query, k=10, where={"rare": True})
        assert sorted(str(hit.memory.id) for hit in found) == sorted(inside)
        assert outsiders(found) <= set(inside)
        assert len(memory.recall(query, k=100)) == 100
        assert len(memory.recall(query, k=60, session_id="s7")) == 50


@settings(deadline=None, max_examples=25)
@given(st.lists(st.booleans(), min_size=2, max_size=12), st.integers(0, 10_000))
def test_nothing_from_outside_a_filter(inside: list[bool], seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory = fresh()
    ids = memory.add(
        [
            Memory(" ".join(rng.choice(["rex", "ana", "boat", "code", "tree"], 3)), metadata={"in": i})
            for i in inside
        ],
        session_id="s",
    )
    for one, other in pairwise(ids):
        memory.associate(one, other)
    allowed = {id for id, yes in zip(ids, inside, strict=True) if yes}
    found = memory.recall("rex ana boat", k=20, where={"in": True}, distinct=False)
    assert {hit.memory.id for hit in found} == allowed
    assert outsiders(found) <= allowed


def test_a_namespace_is_a_wall(memory: AssociativeMemory) -> None:
    mine = memory.add(["rex the beagle", "thunder scares rex", "an apple"], namespace="me", session_id="s")
    yours = memory.add(["rex the cat", "thunder scares rex"], namespace="you", session_id="s")
    memory.associate(mine[0], mine[2])
    for name, ids in (("me", mine), ("you", yours)):
        found = memory.recall("what scares rex the beagle", k=50, namespace=name)
        assert {hit.memory.id for hit in found} == set(ids)
        assert outsiders(found) <= set(ids)
        assert {hit.memory.namespace for hit in found} == {name}
        assert {step.memory.id for step in memory.chain("rex", 20, namespace=name)} <= set(ids)
        assert {stored.id for stored in memory.list(namespace=name)} == set(ids)
    assert memory.get(mine, namespace="you") == [None, None, None]
    assert memory.recall("rex").hits == ()
    alone = fresh([*memory.list(namespace="me")])
    alone.associate(mine[0], mine[2])
    beside = memory.recall("what scares rex", namespace="me")
    assert beside == alone.recall("what scares rex", namespace="me")  # not even a statistic crosses
    with pytest.raises(InvalidInputError, match="namespace"):
        memory.associate(mine[0], yours[0])
    assert memory.forget(ids=yours, namespace="me") == 0
    memory.forget(namespace="you")
    assert memory.recall("what scares rex", namespace="me") == beside
