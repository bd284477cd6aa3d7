"""How sure a recall is does not depend on how long the text is that holds the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.recall import pipeline
from nuonuo.recall.certainty import certain
from nuonuo.recall.scoring import score
from nuonuo.recall.search import prepare
from tests.corpus import CORPUS, UNKNOWN
from tests.fakes import VectorsOnly, fresh

WORDS = [f"word{number}" for number in range(40)]
LONG = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=150).map(" ".join), min_size=1, max_size=6
)


@pytest.mark.parametrize("said", [CORPUS[3], CORPUS[20], CORPUS[33], CORPUS[46]])
def test_a_long_text_is_as_sure_of_its_own_words_as_a_short_one(
    kept_minilm: CachedEmbedder, said: str
) -> None:
    rest = [line for line in CORPUS if line != said]
    book = " ".join([*rest[:40], said, *rest[40:]])
    with AssociativeMemory(embedder=kept_minilm) as memory:
        memory.add([said, "The lake was frozen."], namespace="short")
        memory.add([book, "The lake was frozen."], namespace="long")
        for question in (said, " ".join(said.split()[:6])):
            short, long = (memory.recall(question, namespace=name).confidence for name in ("short", "long"))
            assert short > 0.95
            assert long > 0.9
        for question in UNKNOWN:
            assert memory.recall(question, namespace="long").confidence < 0.2


def bases(memory: AssociativeMemory, query: str) -> tuple[Any, Any, Any]:
    question = memory._encoder.question(query)
    with memory._shards.reading("default") as shard:
        search = prepare(shard, question, shard.alive, memory.config)
        scored = score(search, np.arange(len(shard.ids)))
        return scored.shares.base, certain(search, scored, np.arange(len(shard.ids))), scored.own.leans


@settings(deadline=None, max_examples=40)
@given(LONG, st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join))
def test_only_long_texts_gain_and_none_loses(texts: list[str], query: str) -> None:
    memory = fresh()
    memory.add([*texts, "word1 word2"])
    base, certainty, leans = bases(memory, query)
    assert (certainty >= base).all()
    assert (certainty[leans == 1] == base[leans == 1]).all()


def test_the_order_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fresh()
    memory.add([" ".join(WORDS * 3), "word3 word7", " ".join([*WORDS[5:], "and", *WORDS[:5]])])
    found = memory.recall("word3 word7 word9")
    monkeypatch.setattr(pipeline, "certain", lambda search, scored, at: scored.shares.base)
    before = memory.recall("word3 word7 word9")
    assert found.hits == before.hits and found.confidence >= before.confidence


def test_without_token_vectors_nothing_changes() -> None:
    memory = fresh(embedder=VectorsOnly())
    memory.add([" ".join(WORDS * 3), "word3 word7"])
    base, certainty, _ = bases(memory, "word3 word7")
    assert (base == certainty).all()
