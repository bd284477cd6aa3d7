"""What links lead to, and what flows along them, is the same to the bit with kernels and with NumPy."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nuonuo import Memory, kernels
from nuonuo.associative.chain import Association, strongest
from nuonuo.index import following
from nuonuo.index import links as links_of_stems
from nuonuo.index.links import stem_links
from nuonuo.index.names import name_links
from nuonuo.recall import scoring
from nuonuo.recall.association import spread
from nuonuo.recall.leads import Sources, leading
from nuonuo.recall.scoring import score
from nuonuo.recall.search import prepare
from tests.fakes import SMALL, fresh

pytest.importorskip("numba")

SEEDS = st.integers(0, 2**32 - 1)


def test_links_for_which_there_is_no_room_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fresh()
    memory.add([f"Ann Lee\nShe met Bo Ek in a garage, number {at}." for at in range(9)])
    none = np.zeros(0, np.int64)

    def found() -> list[tuple[bytes, ...]]:
        with memory._shards.reading("default") as shard:
            every = np.arange(9)
            links = (stem_links(shard.postings, every, none, 50), name_links(shard.postings, every, none, 50))
        assert all(len(each.source) == 9 * 8 for each in links)
        return [tuple(getattr(each, name).tobytes() for name in each.__slots__) for each in links]

    wanted = found()
    kernels.use("numba")
    assert found() == wanted
    monkeypatch.setattr(links_of_stems, "ROOM", 1)
    assert found() == wanted


def test_links_of_a_question_for_which_there_is_no_room_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fresh()
    names = ("Bo Ek", "Ann Lee", "Thunder Bay")
    memory.add([f"She met {names[at % 3]}." for at in range(9)])
    memory.add([f"word{at} stands alone" for at in range(40)])
    question = memory._encoder.question("who was there?")
    sources = Sources(np.arange(9), np.ones(9, np.float32))

    def found() -> list[bytes]:
        with memory._shards.reading("default") as shard:
            links = leading(prepare(shard, question, shard.alive, memory.config), sources, 500)
        assert {*links.kind.tolist()} == {scoring.WORDS, scoring.NAME}
        return [getattr(links, field.name).tobytes() for field in fields(links)]

    wanted = found()
    kernels.use("numba")
    for room in range(1, 500, 40):
        monkeypatch.setattr(links_of_stems, "ROOM", room)
        assert found() == wanted


NAMED = st.lists(
    st.lists(
        st.sampled_from("Ann Lee met Bo Ek in the garage of Thunder Bay a beagle code 4471".split()),
        min_size=1,
        max_size=12,
    ).map(" ".join),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=60)
@given(NAMED, st.booleans(), st.integers(1, 40), st.sampled_from([0.0, 0.3, 0.6]), st.data())
def test_what_lies_ahead_of_a_memory(
    texts: list[str], titled: bool, fanout: int, content: float, data: st.DataObject
) -> None:
    """The oracle is what a walk makes of associations that are told one by one."""
    memory = fresh(config=replace(SMALL, chain_content=content))
    every = st.sampled_from([*map(str, range(len(texts)))])
    sessions = data.draw(st.lists(st.sampled_from([None, "one", "two"]), min_size=1, max_size=60))
    memory.add(
        [
            Memory(("Ann Lee\n" if titled else "") + text, id=str(at), session_id=session)
            for at, (text, session) in enumerate(zip(texts, cycle(sessions), strict=False))
        ]
    )
    for source, target in data.draw(st.sets(st.tuples(every, every), max_size=20)):
        if source != target:
            memory.associate(source, target, data.draw(st.sampled_from([0.3, 0.4, 0.36, 1.0])))
    gone = data.draw(st.sets(every, max_size=len(texts) - 1))
    memory.forget(ids=sorted(gone)) if gone else None
    visited = data.draw(st.sets(st.integers(0, len(texts)), max_size=7))

    def found() -> list[list[tuple[int, str, str]]]:
        each = []
        with memory._shards.reading("default") as shard:
            look = following.looking_ahead(shard, fanout, memory.config)
            for row in np.flatnonzero(shard.alive).tolist():
                ahead = look(row, np.zeros(0), {*visited, row})
                pairs = (
                    [] if ahead is None else zip(ahead.targets.tolist(), ahead.weights.tolist(), strict=True)
                )
                each.append([(target, weight.hex(), ahead.kind) for target, weight in pairs if ahead])
            assert (shard.postings.scratch == -1).all()
        return each

    def wanted() -> list[list[tuple[int, str, str]]]:
        each = []
        with memory._shards.reading("default") as shard:
            for row in np.flatnonzero(shard.alive).tolist():
                by_kind = following._following(shard, row, fanout, memory.config)
                told = [
                    Association(target, weight, kind)
                    for kind, weights in zip(following.KINDS, by_kind, strict=True)
                    for target, weight in weights.items()
                ]
                left = [at for at in strongest(told) if at.target not in {*visited, row}]
                each.append([(at.target, at.weight.hex(), left[0].kind) for at in left])
        return each

    kernels.use("numpy")
    assert found() == wanted()
    kernels.use("numba")
    assert found() == wanted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "FEW", 0)
        assert found() == wanted()


@settings(deadline=None, max_examples=60)
@given(NAMED, st.booleans(), st.booleans(), st.integers(1, 60), st.integers(1, 60), SEEDS)
@example(["Ann"] * 11 + ["4471"], False, True, 3, 1, 123871048)  # what flows is a zero, of either sign
def test_what_flows_along_links(
    texts: list[str], titled: bool, by_hand: bool, most: int, room: int, seed: int
) -> None:
    rng, n, memory = np.random.default_rng(seed), len(texts), fresh()
    memory.add([Memory(("Ann Lee\n" if titled else "") + text, id=str(at)) for at, text in enumerate(texts)])
    for source, target in rng.integers(0, n, (5 * by_hand, 2)).tolist():
        if source != target:
            memory.associate(str(source), str(target), rng.random())
    question = memory._encoder.question("who met Thunder Bay, the beagle and Ann Lee?")
    scoring = np.flatnonzero(rng.random(n) < 0.5) if n > 1 else np.arange(n)
    speaking = np.sort(rng.permutation(scoring)[:8])
    sources = Sources(speaking, (rng.integers(0, 4, len(speaking)) / 3).astype(np.float32))
    again = Sources(speaking[:2], np.ones(len(speaking[:2]), np.float32))

    def found() -> list[Any]:
        with memory._shards.reading("default") as shard:
            search = prepare(shard, question, np.random.default_rng(seed).random(n) < 0.9, memory.config)
            links = leading(search, sources, most)
            first = spread(search, score(search, scoring), sources, links)
            # Once more, to others, so that what has flowed already stays where it is.
            then = spread(search, first, again, leading(search, again, n))
        assert (shard.postings.scratch == -1).all()
        assert len(links.target) <= most
        return [
            (getattr(each, field.name).dtype, getattr(each, field.name).tobytes())
            for each in (links, first.own, first.shares, first, then.own, then.shares, then)
            for field in fields(each)
            if isinstance(getattr(each, field.name), np.ndarray)
        ]

    kernels.use("numpy")
    wanted = found()
    kernels.use("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links_of_stems, "ROOM", room)
        assert found() == wanted
