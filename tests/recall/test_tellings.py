"""What is told again and again takes one place among the hits, and says how often and when it was told."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Hit, Memory
from nuonuo.index.wordings import Wordings
from tests.fakes import Opened, VectorsOnly, fresh, indexed, some_left, texts

SENTENCE = "Rex the beagle is afraid of thunder."
FACTS = ["Rex sleeps in the shed.", "The beagle eats apples."]


def ids(hit: Hit) -> list[str]:
    return [telling.id for telling in hit.times]


@pytest.mark.parametrize("settings", [{}, {"embedder": VectorsOnly()}])
@pytest.mark.parametrize("role", ["user", "assistant", None])
def test_one_sentence_in_ten_sessions_leaves_room(opened: Opened, role: str | None, settings: Any) -> None:
    memory = opened(**settings)
    told = []
    for day in range(1, 11):
        text = SENTENCE if day % 2 else f"  {SENTENCE.upper()[:-1]}!"  # as somebody would type it
        told += memory.add(text, session_id=f"s{day}", role=role, timestamp=f"2026-05-{day:02}T12:00Z")
    memory.add(FACTS, session_id="other", role=role)
    found = memory.recall("What is Rex the beagle afraid of?", 3)
    assert found[0].memory.text.casefold().strip(" .!") == SENTENCE.casefold().strip(".")
    assert sorted(texts(found)[1:]) == sorted(FACTS)
    assert ids(found[0]) == told
    assert [each.session_id for each in found[0].times] == [f"s{day}" for day in range(1, 11)]
    assert [each.timestamp for each in found[0].times] == [
        datetime(2026, 5, day, 12, tzinfo=timezone.utc) for day in range(1, 11)
    ]
    assert [ids(hit) for hit in found[1:]] == [[hit.memory.id] for hit in found[1:]]
    every = memory.recall("What is Rex the beagle afraid of?", 12, distinct=False)
    assert len(every) == 12 and {str(hit.memory.id) for hit in every} >= {*told}


def test_of_equals_the_newest_stands_for_all() -> None:
    memory = fresh()
    told = memory.add(["Hello"] * 100) + memory.add(["rex", "beagle"]) + memory.add(["Hello"] * 50)
    found = memory.recall("Hello Rex", 3)
    assert [hit.memory.id for hit in found if len(hit.times) > 1] == [told[-1]]
    assert len(found) == 3
    best = next(hit for hit in found if hit.memory.id == told[-1])
    assert ids(best) == [*told[:100], *told[102:]]
    memory.forget(ids=[told[-1]])
    assert told[-2] in [hit.memory.id for hit in memory.recall("Hello Rex", 3)]


def test_the_best_telling_stands_for_all() -> None:
    memory = fresh()
    memory.add([SENTENCE, "and so on"], session_id="s")
    (best, _) = memory.add([SENTENCE, "He hides in Lisbon then."], session_id="t")
    memory.add(["quite so", SENTENCE], session_id="u")
    found = memory.recall("Where does Rex hide from thunder? Lisbon?", 9)
    assert [hit.memory.id for hit in found if hit.memory.text == SENTENCE] == [best]


def test_only_what_passes_the_filter_is_counted(memory: AssociativeMemory) -> None:
    told = [
        memory.add(Memory(SENTENCE, metadata={"n": n}, session_id="s" if n < 2 else None))[0]
        for n in range(5)
    ]
    memory.add(Memory(SENTENCE, role="assistant"))
    memory.add(Memory(SENTENCE, namespace="other"))
    memory.add([Memory(SENTENCE + "?"), "another thing"])

    def times(**how: Any) -> list[list[str]]:
        found = memory.recall("rex thunder", 9, **how)
        return [ids(hit) for hit in found if hit.memory.id in told]

    assert times() == [told]
    assert times(where={"n": {"$gte": 3}}) == [told[3:]]
    assert times(session_id="s") == [told[:2]]
    assert times(exclude=told[1:4]) == [[told[0], told[4]]]
    assert len(memory.recall("rex thunder", 9)) == 4  # another speaker's and a question are others


def test_k_hits_whenever_k_texts_pass() -> None:
    rng = np.random.default_rng(7)
    memory = fresh()
    different = [f"rex beagle number{number}" for number in range(300)]
    said = [*different, *(["rex beagle"] * 900), *(["rex"] * 400)]
    memory.add([said[at] for at in rng.permutation(len(said))])
    for k in (1, 10, 50, 200, 302, 400):
        found = texts(memory.recall("rex beagle", k))
        assert len(found) == len({*found}) == min(k, 302)


def test_telling_again_makes_nothing_surer() -> None:
    once, often = fresh(), fresh()
    for memory, count in ((once, 1), (often, 40)):
        memory.add(["the garage code", *["rex walks along the pier"] * count])
    question = "where does the beagle called rex sleep"
    assert often.recall(question).confidence < 0.5
    assert often.recall(question).confidence == pytest.approx(once.recall(question).confidence, abs=0.2)


def test_equal_texts_score_equal() -> None:
    memory = fresh()
    memory.add([SENTENCE] * 3 + FACTS)
    found = memory.recall("rex thunder", 9, distinct=False)
    scores = [hit.score for hit in found if hit.memory.text == SENTENCE]
    assert len(scores) == 3 and max(scores) - min(scores) < 1e-6


SAID = st.lists(
    st.builds(Memory, st.sampled_from(["Yes", "yes.", "no", "no?"]), st.sampled_from([None, "user"])),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(SAID, st.randoms(use_true_random=False), st.data())
def test_wordings_follow_what_is_left(said: list[Memory], rng: Any, data: st.DataObject) -> None:
    wordings = indexed(Wordings(), said)
    left = np.array(some_left(wordings, said, rng), np.int64)
    same = [(m.role, m.text.casefold().rstrip(".")) for m in said]
    values = np.array(data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=len(left), max_size=len(left))))
    best = [int(left[at]) for at in wordings.best(left, values.astype(np.float32))]
    value = dict(zip(left.tolist(), values.tolist(), strict=True))
    assert best == sorted(
        max((r for r in value if same[r] == one), key=lambda r: (value[r], r))
        for one in {same[r] for r in value}
    )
    mask = np.isin(np.arange(len(said)), left)
    for row in left.tolist():
        alike = [r for r in left.tolist() if same[r] == same[row]]
        assert wordings.alike(np.array([row]), mask) == [alike]
        assert wordings.newest(np.array([row]), mask).tolist() == (alike[-1:] if len(alike) > 1 else [])
