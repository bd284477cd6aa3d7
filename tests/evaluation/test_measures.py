"""Speed and chains: what they report is consistent; how fast it is, is no test's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.chains import measure_chains, noisy
from nuonuo.evaluation.clock import AGAIN, TURN, MeteredEmbedder, Walks, by_turns, walks
from nuonuo.evaluation.generated import generated_texts
from nuonuo.evaluation.speed import SINGLE_ADDS, as_one_namespace, measure
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory
from tests.fakes import SMALL, WordEmbedder


def made_up(count: int) -> list[Memory]:
    return as_one_namespace(
        [Memory(text, session_id=f"s{at // 10}") for at, text in enumerate(generated_texts(count))]
    )


@pytest.mark.parametrize("in_ram", [False, True])
def test_speed_reports_what_it_stored(in_ram: bool) -> None:
    memories, told = made_up(160), []
    questions = [memory.text for memory in memories[:5]]
    found = measure(
        memories,
        questions,
        HashEmbedder(64),
        SMALL,
        in_ram=in_ram,
        progress=lambda what, n: told.append((what, n)),
    )
    assert (found.memories, found.questions, found.k) == (160, 5, 10)
    assert (found.file_bytes > 0) == (not in_ram)
    assert found.shard_bytes > 0
    assert found.add_per_second > 0
    assert 0 < found.recall_ms_p50 <= found.recall_ms_p95
    assert found.exact_ms_p50 > 0
    assert found.recall_to_exact > 0
    assert 0 < found.hop_ms_p50 <= found.hop_ms_p95
    assert found.chain_start_ms_p50 > 0
    assert sum(n for what, n in told if what == "memories added") == 160
    assert set(found.to_json()) >= {"store", "resident_bytes", "build_seconds"}


def test_what_is_compared_is_clocked_by_turns() -> None:
    called: list[str] = []
    metered = MeteredEmbedder(HashEmbedder(64))
    many = [partial(called.append, f"a{at}") for at in range(TURN + 7)]
    few = [partial(called.append, f"b{at}") for at in range(TURN + 2)]
    taken = by_turns(metered, many, few)
    assert [*map(len, taken)] == [len(many), len(few)]
    assert all(seconds > 0 for kind in taken for seconds in kind)

    def turn(kind: str, start: int, end: int) -> list[str]:
        return [f"{kind}{at}" for at in (*range(AGAIN), *range(start, end))]

    first, second = turn("a", 0, TURN) + turn("b", 0, TURN), turn("a", TURN, TURN + 7)
    assert called == first + second + turn("b", TURN, TURN + 2)


def test_speed_needs_enough() -> None:
    with pytest.raises(InvalidInputError, match=f"more than {SINGLE_ADDS} memories"):
        measure(made_up(SINGLE_ADDS), ["x"], HashEmbedder(64), SMALL)
    with pytest.raises(InvalidInputError, match="and a question"):
        measure(made_up(SINGLE_ADDS + 1), [], HashEmbedder(64), SMALL)


def test_the_metered_embedder_looks_questions_up() -> None:
    inner = WordEmbedder()
    metered = MeteredEmbedder(inner, ["known"])
    before = list(inner.texts)
    np.testing.assert_array_equal(
        metered.encode_queries(["known"])[0].vectors, WordEmbedder().encode_queries(["known"])[0].vectors
    )
    assert inner.texts == before
    assert metered.seconds == 0.0
    metered.encode_queries(["new"])
    metered.encode_documents(["known"])
    assert inner.texts == [*before, "new", "known"]
    assert metered.seconds > 0
    assert (metered.name, metered.dimension, metered.token_dimension) == ("words", 64, 64)


def test_a_walk_is_clocked_once_as_a_whole_and_once_to_where_it_begins() -> None:
    class Scripted(MeteredEmbedder):
        taken = iter([8.0, 3.0, 2.0, 1.0])

        def clock(self, call: Callable[..., Any], *args: Any) -> float:
            call(*args)
            return next(self.taken)

    metered = Scripted(HashEmbedder(64))
    with AssociativeMemory(embedder=metered, config=replace(SMALL, chain_content=0.0)) as memory:
        memory.add([Memory(f"turn {at}", session_id="s") for at in range(3)])
        memory.add("a word by itself")
        found = walks(memory, metered, ["turn 0", "a word by itself"], 3)
    assert (found.hops, found.starts, found.onward) == ([8 / 3, 3.0], [2.0, 1.0], [3.0])
    assert found.figures()["onward_hop_ms_p50"] == 3000
    assert Walks([1.0], [1.0], []).figures()["onward_hop_ms_p50"] == 0


@pytest.mark.parametrize("cosine", [0.2, 0.6, 1.0])
def test_noisy_is_as_far_as_it_says(cosine: float) -> None:
    rng = np.random.default_rng(0)
    pattern = rng.standard_normal(48).astype(np.float32)
    pattern /= np.linalg.norm(pattern)
    cue = noisy(pattern, cosine, rng)
    assert float(cue @ pattern) == pytest.approx(cosine, abs=1e-5)
    assert float(np.linalg.norm(cue)) == pytest.approx(1, abs=1e-5)


def test_chains_are_walked_as_learned() -> None:
    found = measure_chains(made_up(120), HashEmbedder(256), chains=4, hops=3, cosine=0.8, seed=1)
    assert (found.memories, found.chains, found.hops, found.cue_cosine) == (120, 4, 3, 0.8)
    assert found.starts_right == found.hops_right == 1.0
    assert found.least_cosine > 0.999


def test_no_chain_starts_where_two_memories_look_alike() -> None:
    twins = [
        Memory(f"{text}{end}", id=f"{at}{end}")
        for at, text in enumerate(generated_texts(30))
        for end in ("", "!")
    ]
    with pytest.raises(InvalidInputError, match="only 0 of 60 memories have a pattern of their own"):
        measure_chains(twins, HashEmbedder(64), SMALL, chains=1, hops=1)
    alone = Memory("This one stands alone.", id="alone")
    assert measure_chains([*twins, alone], HashEmbedder(256), chains=1, hops=1).starts_right == 1.0


def test_a_cue_that_is_mere_noise_loses_the_chain() -> None:
    found = measure_chains(made_up(120), HashEmbedder(256), chains=8, hops=3, cosine=0.001)
    assert found.starts_right < 1
    assert found.hops_right <= found.starts_right


@pytest.mark.parametrize(
    "options", [{"chains": 31}, {"chains": 0}, {"hops": 0}, {"cosine": 0.0}, {"cosine": 1.1}]
)
def test_chains_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match=r"need|cosine"):
        measure_chains(made_up(120), HashEmbedder(64), SMALL, **{"chains": 2, "hops": 3, **options})  # type: ignore[arg-type]
