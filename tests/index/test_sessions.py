"""Sessions: neighbours, replies, and what a reply takes from its question."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory, MemoryConfig
from nuonuo.encoding.lexicon import asks
from nuonuo.index.sessions import NOBODY
from tests.fakes import LEXICON, SessionsAlone, WordEmbedder, indexed, some_left


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("How are you?", True),
        ("How are you? Fine, I hope. [shares a photo of a dog]", True),
        ("你好吗？", True),
        ("كيف حالك؟", True),
        ("Fine; and it is warm.", False),
        ("See https://example.org/?q=1", False),
        ("Why? " + "Because of this and that, you know. " * 5, False),
        ("", False),
    ],
)
def test_what_asks(text: str, wanted: bool) -> None:
    assert asks(text) is wanted


def test_a_speaker_is_the_role_or_the_name_before_the_colon() -> None:
    def speaker(text: str, role: str | None = None) -> int:
        return LEXICON.words(Memory(text, role=role)).speaker

    assert speaker("Ann: hello", role="user") == speaker("so", role="user") != speaker("so", role="assistant")
    assert speaker("Ann: hello") == speaker("Ann: bye") != speaker("Bob: hello")
    assert speaker("hello") == 0
    assert speaker("Ann: hello\nis anyone there") == speaker("Ann: hello")
    assert speaker("Shopping\nmilk and eggs") == 0


def turn(text: str, session: str | None = "s", role: str | None = None) -> Memory:
    return Memory(text, session_id=session, role=role)


def test_neighbours_and_replies() -> None:
    turns = [
        turn("Ann: Where do you live?"),
        turn("Bob: In Graz."),
        turn("elsewhere", "t"),
        turn("Bob: And you?"),
        turn("Bob: Still in Linz?"),
        turn("no name, no role"),
        turn("alone?", None),
    ]
    sessions = indexed(SessionsAlone(), turns)
    rows = np.arange(len(turns))
    assert sessions.neighbours(rows).T.tolist() == [
        [-1, 1, -1, 3],
        [0, 3, -1, 4],
        [-1, -1, -1, -1],
        [1, 4, 0, 5],
        [3, 5, 1, -1],
        [4, -1, 3, -1],
        [-1, -1, -1, -1],
    ]
    assert np.flatnonzero(sessions.replies(rows)).tolist() == [1]
    assert not sessions.replies(np.array([NOBODY]))[0]
    sessions.clear(0)
    assert not sessions.replies(rows).any()  # what it answered is gone


ROWS = st.lists(
    st.tuples(st.sampled_from(["s", "t", None]), st.sampled_from(["user", "assistant", None]), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_after_any_history_it_is_as_built_afresh(
    made: list[tuple[str | None, str | None, bool]], rng: random.Random
) -> None:
    turns = [turn("why?" if asked else "so", session, role) for session, role, asked in made]
    sessions = indexed(SessionsAlone(), turns)
    left = some_left(sessions, turns, rng)
    place = {row: at for at, row in enumerate(left)} | {NOBODY: NOBODY}
    afresh = indexed(SessionsAlone(), [turns[row] for row in left])
    again = {at: at for at in range(len(left))} | {NOBODY: NOBODY}
    assert sessions.state(place) == afresh.state(again)


def talk(**config: object) -> AssociativeMemory:
    memory = AssociativeMemory(embedder=WordEmbedder(), config=MemoryConfig(**config))  # type: ignore[arg-type]
    for n, (question, answer) in enumerate(
        [("favourite colour", "teal"), ("oldest friend", "Zsofia"), ("biggest fear", "spiders")]
    ):
        memory.add(f"What is your {question}?", role="user", session_id=f"s{n}")
        memory.add(f"Definitely {answer}.", role="assistant", session_id=f"s{n}")
    return memory


def test_a_reply_is_completed_by_the_question_that_it_answers() -> None:
    with talk() as memory:
        hits = memory.recall("the oldest friend", 2)
        assert [hit.memory.text for hit in hits] == ["Definitely Zsofia.", "What is your oldest friend?"]
        (reply, asked) = ({match.word: match for match in hit.evidence.matches}["friend"] for hit in hits)
        assert (reply.source, reply.memory_id) == ("neighbour", hits[1].memory.id)
        assert reply.similarity == pytest.approx(asked.similarity)
    plain = MemoryConfig()
    off = {"reply_discount": plain.neighbour_discount, "temporal_reply": plain.temporal_near}
    with talk(asked_discount=1, **off) as memory:
        assert memory.recall("the oldest friend", 1)[0].memory.text == "What is your oldest friend?"


def test_a_reply_that_may_not_take_part_discounts_nothing() -> None:
    with talk() as memory:
        (reply,) = [m for m in memory.list() if m.text == "Definitely Zsofia."]
        asked = memory.recall("the oldest friend", 2)[1].evidence.signals["tokens"]
        discount = memory.config.asked_discount
        without = memory.recall("the oldest friend", 1, exclude=[str(reply.id)])[0]
        filtered = memory.recall("the oldest friend", 1, where={"role": "user"})[0]
        for hit in (without, filtered):
            assert hit.memory.text == "What is your oldest friend?"
            assert hit.evidence.signals["tokens"] == pytest.approx(asked / discount, rel=1e-5)


def test_a_long_turn_takes_little_from_its_neighbours() -> None:
    words = " ".join(f"word{n}" for n in range(400))
    for answer, first in (("Zsofia.", "reply"), (f"Zsofia. {words}", "question")):
        with AssociativeMemory(embedder=WordEmbedder()) as memory:
            memory.add("Who is your oldest friend?", role="user", session_id="s")
            memory.add(answer, role="assistant", session_id="s")
            memory.add("The weather was fine.", role="user", session_id="t")
            best = memory.recall("the oldest friend", 1)[0]
            assert (best.memory.role == "assistant") == (first == "reply")
