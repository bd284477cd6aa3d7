"""A namespace above `MemoryConfig.shard_memories` is asked in the database, and answers as one that is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory, MemoryConfig, Recall
from nuonuo.encoding.embedders import Embedder
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.recall import finding, wide
from nuonuo.recall.asking import Recalled, ask
from nuonuo.stores.postgres import fetching, nearest
from tests.corpus import CORPUS
from tests.fakes import SMALL, WordEmbedder
from tests.postgres import drop_schemas, fresh_address

pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTIONS = [*CORPUS[::6], "What did Ana do in May 1973?", "who is Rex", "Oskar in 1971"]
HOW: list[dict[str, Any]] = [
    {},
    {"k": 25},
    {"session_id": "s3"},
    {"where": {"a": 1}},
    {"where": {"a": {"$gt": 5}}},
    {"where": {"role": "assistant"}},
    {"after": 86_400 * 1000, "before": 86_400 * 2000},
    {"distinct": False},
]


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


def both(
    address: str, embedder: Embedder, config: MemoryConfig = SMALL
) -> tuple[AssociativeMemory, AssociativeMemory]:
    """One memory as a process holds it, and as it is asked in the database."""
    held, asked = (replace(config, shard_memories=bound) for bound in (0, 1))
    return (
        AssociativeMemory.open(address, embedder=embedder, config=held),
        AssociativeMemory.open(address, embedder=embedder, config=asked),
    )


def assert_same(found: Recall, whole: Recall) -> None:
    """The same hits, with the same evidence, and as sure of them.

    A candidate more or less among those that share one word shows in the last digits of how sure that is.
    """
    assert found.hits == whole.hits
    assert found.confidence == pytest.approx(whole.confidence, abs=1e-4)


def history(rng: random.Random, sessions: int, told: float) -> list[Memory]:
    """Turns about this and that, some of which are told again."""
    words = [word for text in CORPUS for word in text.split()]
    return [
        Memory(
            rng.choice(CORPUS) if rng.random() < told else " ".join(rng.sample(words, 9)),
            role=rng.choice(["user", "assistant", None]),
            session_id=f"s{session}",
            timestamp=86_400 * rng.randrange(3000) if rng.random() < 0.8 else None,  # type: ignore[arg-type]
            metadata={"a": rng.randrange(7)},
            id=f"{session}-{turn}",
        )
        for session in range(sessions)
        for turn in range(rng.randint(3, 12))
    ]


def change(memory: AssociativeMemory, rng: random.Random, ids: Sequence[str]) -> None:
    """Associate, rewrite and forget some memories."""
    for _ in range(len(ids) // 10):
        memory.associate(*rng.sample(ids, 2), weight=rng.random())
    for id in rng.sample(ids, 10):
        memory.update(id, text=rng.choice(CORPUS))
    memory.revise(rng.sample(ids, 5), lambda memory: {"a": 1})
    memory.forget(ids=rng.sample(ids, len(ids) // 15))


@pytest.mark.parametrize(("sessions", "told"), [(40, 0.5), (150, 0.05)])
def test_the_same_is_recalled(address: str, sessions: int, told: float) -> None:
    rng = random.Random(sessions)
    held, asked = both(address, WordEmbedder())
    turns = history(rng, sessions, told)
    held.add(turns[: len(turns) // 2])
    assert asked.recall("Rex")  # made ready here; what comes later is taken in as it is written
    ids = held.add(turns[len(turns) // 2 :]) + [str(memory.id) for memory in held.list()]
    change(held, rng, sorted({*ids}))
    change(asked, rng, [str(memory.id) for memory in held.list()])
    for how in HOW:
        for question in QUESTIONS:
            assert_same(asked.recall(question, **how), held.recall(question, **how))
    assert asked.stats().shards == 0


def test_what_all_say_is_not_all_read(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "ALIKE", 40)
    monkeypatch.setattr(finding, "MOST", 40)
    _, asked = both(address, WordEmbedder())
    asked.add([Memory("hello", id=f"h{n}", session_id=f"s{n}") for n in range(900)] + ["Rex is a beagle."])
    read = list[int]()
    whole = fetching.Fetched._bring
    monkeypatch.setattr(
        fetching.Fetched, "_bring", lambda self, seqs: read.append(len({*seqs})) or whole(self, seqs)
    )
    found = asked.recall("hello")
    assert found.hits[0].memory.text == "hello"
    assert 0 < max(read) < 600
    assert asked.recall("Which beagle is Rex?").hits[0].memory.text == "Rex is a beagle."


def test_everything_else_answers_too(address: str) -> None:
    rng = random.Random(5)
    held, asked = both(address, WordEmbedder())
    ids = held.add(history(rng, 60, 0.2))
    for _ in range(40):
        held.associate(*rng.sample(ids, 2))
    for question in QUESTIONS:
        assert asked.chain(question) == held.chain(question)
    some = WordEmbedder().encode_queries(["Ana paints boats"])[0].vectors[0]
    assert [step.memory for step in asked.chain(some)][:1] == [step.memory for step in held.chain(some)][:1]
    for page in ({}, {"limit": 3, "offset": 2}, {"limit": 3, "newest_first": True}, {"session_id": "s7"}):
        where: dict[str, Any] = {"where": {"a": {"$in": [1, 2]}}, "namespace": "default", **page}
        assert asked.list(**where) == held.list(**where) != []
    long = " ".join(CORPUS * 4)  # of a question that is too long the rarest words are asked
    assert_same(asked.recall(long), held.recall(long))
    assert asked.forget(session_id="s7") > 0
    assert not asked.list(session_id="s7")
    assert asked.recall(CORPUS[0], namespace="elsewhere") == held.recall(CORPUS[0], namespace="elsewhere")
    assert asked.recall(CORPUS[0], where={"a": 99}).confidence == 0


def test_a_namespace_that_grows_is_let_go(address: str) -> None:
    memory = AssociativeMemory.open(
        address, embedder=WordEmbedder(), config=replace(SMALL, shard_memories=20)
    )
    memory.add(CORPUS[:20])
    assert (memory.recall("Who adopted Rex?")[0].memory.text, memory.stats().shards) == (CORPUS[0], 1)
    memory.add(CORPUS[20:])
    assert (memory.recall("Who adopted Rex?")[0].memory.text, memory.stats().shards) == (CORPUS[0], 0)
    memory.forget(ids=[str(each.id) for each in memory.list()[:45]])
    assert memory.recall("Who restores violins?")[0].memory.text == CORPUS[-2]
    assert memory.stats().shards == 1


def test_a_real_conversation(address: str, kept_minilm: CachedEmbedder) -> None:
    held, asked = both(address, kept_minilm, MemoryConfig())
    for session in json.loads((EXAMPLES / "conversation.json").read_text(encoding="utf-8")):
        turns = [Memory(turn["text"], role=turn["role"]) for turn in session["turns"]]
        held.add(turns, session_id=session["session_id"], timestamp=session["date"])
    questions = [
        each["question"] for each in json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
    ]
    assert len(held.list()) > 100
    for question in questions:
        assert_same(asked.recall(question), held.recall(question))


def test_what_an_answer_names_is_of_the_state_that_was_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writes while a question is worked on: what completed a word would be cut out of other words."""
    held, asked = both(address, WordEmbedder())
    old, new = "The kettle stands beside the blue teapot.", "It was sold, with the blue teapot, in May."
    kept = held.add([old, *CORPUS])[0]
    asked.recall("Where is the blue teapot?")  # made ready

    def meanwhile(*args: Any, **kwargs: Any) -> Recalled:
        found = ask(*args, **kwargs)
        held.update(kept, text=new)
        return found

    monkeypatch.setattr(wide, "ask", meanwhile)
    hit = asked.recall("Where is the blue teapot?")[0]
    assert hit.memory.text == old
    assert {match.answer for match in hit.evidence.matches if match.source == "text"} >= {"blue", "teapot"}
    monkeypatch.undo()
    assert asked.recall("Where is the blue teapot?")[0].memory.text == new


def test_titles_and_names_are_followed(address: str) -> None:
    held, asked = both(address, WordEmbedder())
    people = ["Ada Veil", "Bo Stone", "Cy Marsh", "Di Frost", "Ed Reed"]
    for at, person in enumerate(people):
        other = people[(at + 1) % len(people)]
        held.add(f"{person}\n\n{person} was taught by {other} in a town called Lake {at}.")
        held.add(f"Lake {at}\n\nLake {at} is a town of {at + 2} bridges, and {person} is its mayor.")
    held.add([" ".join(random.Random(at).sample(CORPUS, 2)) for at in range(200)])
    for question in (
        "How many bridges has the town where Ada Veil was taught?",
        "Who taught the teacher of Bo Stone?",
        "Are Cy Marsh and Di Frost mayors of the same town?",
    ):
        found = asked.recall(question)
        assert_same(found, held.recall(question))
        assert any(hit.evidence.path for hit in found)


def test_the_statistics_are_those_of_the_whole(address: str) -> None:
    """How rare a word is does not depend on what was read, nor on what other namespaces hold."""
    held, asked = both(address, WordEmbedder())
    held.add([f"{text} {at}" for at in range(8) for text in CORPUS])
    held.add(["Rex Rex Rex"] * 50, namespace="other")
    for question in QUESTIONS:
        found, whole = asked.recall(question), held.recall(question)
        assert found.confidence == pytest.approx(whole.confidence, abs=1e-4)
        assert [match.weight for hit in found for match in hit.evidence.matches] == [
            match.weight for hit in whole for match in hit.evidence.matches
        ]
