"""A hit carries the passage that answered: a long text is not shown from its beginning."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory
from nuonuo.encoding.sentences import piece_spans, sentence_spans
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.recall.passage import LONGEST, MANY, _pieces, _window
from tests.fakes import VectorsOnly, WordEmbedder, fresh

TOPICS = (
    "boilers ferries tulips violins taxes glaciers pottery cellos beehives windows orchards lamps".split()
)


def handbook(sections: int, answer: str, at: int, heading: bool = True) -> str:
    rng = random.Random(at)
    parts = []
    for number in range(1, sections + 1):
        said = [f"The {rng.choice(TOPICS)} are checked by the {rng.choice(TOPICS)} team." for _ in range(4)]
        if number == at:
            said[2] = answer
        parts.append((f"Section {number}\n" if heading else "") + " ".join(said))
    return "\n\n".join(parts)


@pytest.mark.parametrize("embedder", [WordEmbedder, VectorsOnly])
@pytest.mark.parametrize("at", [1, 17, 41, 60])
def test_the_section_that_answers_is_the_passage(embedder: type[WordEmbedder], at: int) -> None:
    answer = "The password of the greenhouse is xylophone."
    memory = fresh(embedder=embedder())
    memory.add([handbook(60, answer, at), "A short note on the greenhouse."])
    hit = next(h for h in memory.recall("What is the password of the greenhouse?") if len(h.memory.text) > 99)
    assert answer in hit.passage
    assert len(hit.passage) <= LONGEST
    start, end = hit.span
    assert hit.passage == hit.memory.text[start:end] == hit.passage.strip()
    short = next(
        h for h in memory.recall("What is the password of the greenhouse?") if len(h.memory.text) < 99
    )
    assert short.passage == short.memory.text


@pytest.mark.parametrize(
    ("said", "question"),
    [
        (
            "The spare key to the boat shed hangs behind the blue calendar.",
            "Where is the key of the boat shed?",
        ),
        ("Oskar is allergic to hazelnuts.", "Which food must Oskar avoid?"),
        ("Invoices are paid within thirty days.", "How long may paying an invoice take?"),
    ],
)
def test_with_the_real_encoder(kept_minilm: CachedEmbedder, said: str, question: str) -> None:
    with AssociativeMemory(embedder=kept_minilm) as memory:
        memory.add([handbook(40, said, 29), "Nothing of it.", Memory(handbook(30, "x", 0), cues=[question])])
        hit = next(h for h in memory.recall(question) if said in h.memory.text)
        assert said in hit.passage


@pytest.mark.parametrize(
    "text", ["x" * 5000, "犬" * 2000, "word " * 900, ("a. " * 700).strip(), "\n" * 700 + "a"]
)
def test_texts_without_sentences(text: str) -> None:
    memory = fresh()
    memory.add(text)
    for question in ("word", "犬", "what is x?", "zebra"):
        hit = memory.recall(question)[0]
        assert 0 < len(hit.passage) <= LONGEST
        assert hit.passage in text


def test_an_answer_in_one_long_sentence_is_not_cut_away() -> None:
    words = [f"filler{number}" for number in range(800)]
    words[500:505] = "the code is 4471 exactly".split()
    memory = fresh()
    memory.add(" ".join(words))
    assert "code is 4471" in memory.recall("what is the code, 4471?")[0].passage


@settings(deadline=None)
@given(st.text("ab .!?\n。？", max_size=900))
def test_pieces_are_what_stands_in_the_text(text: str) -> None:
    pieces = [*piece_spans(text)]
    assert all(text[a:b].strip() and b - a <= 200 for a, b in pieces)
    assert all(one[1] <= other[0] for one, other in pairwise(pieces))
    kept = "".join(text[a:b] for a, b in pieces)
    assert "".join(kept.split()) == "".join(text.split())
    assert "".join("".join(text[a:b] for a, b in sentence_spans(text)).split()) == "".join(text.split())


def test_the_window_is_the_best_and_the_shortest_then_filled_up() -> None:

    pieces = [(at * 100, at * 100 + 99) for at in range(20)]
    completed = np.zeros((20, 2), np.float32)
    completed[3, 0], completed[15, 0], completed[17, 1] = 1, 0.9, 0.8
    start, end = _window(pieces, completed)  # 0.9 + 0.8 within reach of each other beat 1 alone
    assert start <= 1500 and end >= 1799 and end - start <= LONGEST
    assert end - start > LONGEST - 200  # there is room, and it is used
    completed[3, 1] = 0.9
    start, end = _window(pieces, completed)
    assert start <= 300 and end >= 399


def test_many_short_sentences_are_looked_at_several_at_a_time() -> None:
    few, many = "a. b! " * (MANY // 2), "a. b! " * 10_000
    assert len(_pieces(few)) == MANY
    pieces = _pieces(many)
    assert len(pieces) < len(many) / 100
    assert (pieces[0][0], pieces[-1][1]) == (0, len(many.rstrip()))
