"""The compiled kernels give what NumPy gives, to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuonuo import Memory, Recall, kernels
from nuonuo.arrays import Blocks, Ragged, largest, weighted
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.patterns import RoundedStates, best_of, completions, pack, round_states
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.index.vectors import VectorIndex, dense_cue
from nuonuo.recall.candidates import with_neighbours
from nuonuo.traces import Columns
from tests.associative.codes import random_codes
from tests.fakes import NO_ARRAYS, VectorsOnly, WordEmbedder, fresh

pytest.importorskip("numba")

WORDS = "rex beagle thunder ana lisbon boats garage code apple tree the is a 4471 monday".split()
TEXTS = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join), min_size=1, max_size=90
)
SEEDS = st.integers(0, 2**32 - 1)
SPOKEN = st.lists(
    st.sampled_from([(None, None), ("s", "user"), ("s", "assistant"), ("t", "user")]), min_size=1
)


def told(recall: Recall) -> Any:
    """All that a recall tells, where 0.1 + 0.2 is not 0.3."""
    return [
        recall.confidence.hex(),
        [
            (hit.memory.id, hit.score.hex(), {k: v.hex() for k, v in hit.evidence.signals.items()},
             [*hit.evidence.matches], [*hit.evidence.path], [*hit.times], [*hit.span])
            for hit in recall
        ],
    ]  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, SPOKEN, st.booleans(), st.integers(1, 40), st.data())
def test_a_recall_is_the_same_to_the_bit(
    texts: list[str], spoken: list[tuple[str | None, str | None]], tokens: bool, k: int, data: st.DataObject
) -> None:
    embedder = WordEmbedder() if tokens else VectorsOnly()
    memory = fresh(embedder=embedder)
    for at, text in enumerate(texts):
        session, role = spoken[at % len(spoken)]
        marked = text + "?" * (at % 3 == 0)
        memory.add(Memory(marked, id=str(at), session_id=session, role=role, timestamp=None))
    memory.associate("0", str(len(texts) - 1), 0.7) if len(texts) > 1 else None
    gone = data.draw(st.sets(st.integers(0, len(texts) - 1), max_size=len(texts) - 1))
    if gone:
        memory.forget(ids=[str(at) for at in gone])
    for question in ("what is the code of the garage?", "rex", data.draw(st.sampled_from(texts))):
        found = []
        for choice in ("numpy", "numba"):
            kernels.use(choice)
            found.append([told(memory.recall(question, k, distinct=each)) for each in (True, False)])
            found[-1].append(told(memory.recall(question, k, where={"role": "user"})))
        assert found[0] == found[1]


@settings(deadline=None, max_examples=40)
@given(TEXTS, SPOKEN, st.booleans(), SEEDS)
def test_they_may_come_in_the_middle_of_a_recall(
    texts: list[str], spoken: list[tuple[str | None, str | None]], tokens: bool, seed: int
) -> None:
    memory = fresh(embedder=WordEmbedder() if tokens else VectorsOnly())
    for at, text in enumerate(texts):
        session, role = spoken[at % len(spoken)]
        memory.add(Memory(text + "?" * (at % 3 == 0), session_id=session, role=role))
    question = f"what is the code of the garage? {texts[0]}"
    kernels.use("numpy")
    wanted = told(memory.recall(question, 20))
    kernels.use("numba")
    module, coin = kernels.loaded(), np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "loaded", lambda: module if coin.integers(2) else None)
        assert told(memory.recall(question, 20)) == wanted


def completed(ragged: Ragged, rows: Any, states: RoundedStates) -> Any:
    """What `completions` finds, and that it leaves alone the tokens that have no state."""
    found = np.full((len(rows), len(states) + 2), 0.5, np.float32)
    completions(ragged, rows, states, found)
    assert (found[:, len(states) :] == 0.5).all()
    return np.ascontiguousarray(found[:, : len(states)])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(0, 20),
    st.sampled_from([8, 64, 100, 384]),
    SEEDS,
)  # fmt: skip
def test_what_patterns_complete(counts: list[int], tokens: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ragged = Ragged(np.uint64, (-(-d // 64),))
    ragged.extend(len(counts))
    blocks = pack(rng.integers(0, 2, (sum(counts), d)))
    ragged.put(np.arange(len(counts)), Blocks(blocks, np.array(counts)))
    states = round_states(rng.normal(size=(tokens, d)).astype(np.float32))
    rows = rng.permutation(len(counts)).astype(np.int64)
    kernels.use("numpy")
    wanted = completed(ragged, rows, states), best_of(*ragged.gather(rows), states)
    kernels.use("numba")
    found = completed(ragged, rows, states), best_of(*ragged.gather(rows), states)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(wanted, found, strict=True))
    assert wanted[0].tobytes() == wanted[1].tobytes()


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 9), st.sampled_from([1, 8, 64, 100, 384]), st.sampled_from([0, 1e-3, 1, 50]), SEEDS
)  # fmt: skip
def test_how_states_are_rounded(tokens: int, d: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    states = (scale * rng.normal(size=(tokens, d))).astype(np.float32)
    kernels.use("numpy")
    wanted = round_states(states)
    kernels.use("numba")
    found = round_states(states)
    for name in ("planes", "norms", "levels"):
        assert getattr(found, name).dtype == getattr(wanted, name).dtype
        assert getattr(found, name).tobytes() == getattr(wanted, name).tobytes()


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([1, 8, 64, 100, 384]), st.sampled_from([0, 1e-20, 1, 50]), SEEDS)
def test_how_the_vector_of_a_question_is_rounded(d: int, scale: float, seed: int) -> None:
    state = (scale * np.random.default_rng(seed).normal(size=d)).astype(np.float32)
    kernels.use("numpy")
    wanted = dense_cue(state)
    kernels.use("numba")
    found = dense_cue(state)
    for name in ("words", "components", "norm", "rounded"):
        assert getattr(found, name).dtype == getattr(wanted, name).dtype
        assert getattr(found, name).tobytes() == getattr(wanted, name).tobytes()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 60), SEEDS)
def test_which_values_are_the_largest(n: int, different: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, different, n) / 7 - 1).astype(np.float32)
    values[rng.integers(0, n, n // 9)] = rng.choice([-np.inf, np.nan])
    for k in rng.integers(0, n + 2, 5).tolist():
        kernels.use("numpy")
        wanted = largest(values, k)
        kernels.use("numba")
        assert largest(values, k).tolist() == wanted.tolist()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 60), st.integers(0, 150), SEEDS)
def test_what_rows_sum_to(n: int, tokens: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(-9, 9, (n, tokens)) * rng.random((n, 1))).astype(np.float32)
    values *= rng.choice([-1, 1], (n, 1)).astype(np.float32)  # rows whose zeros are -0 are among them
    weights = (rng.integers(0, 5, tokens) / 7).astype(np.float32)
    kernels.use("numpy")
    wanted = weighted(values, weights)
    kernels.use("numba")
    assert weighted(values, weights).tobytes() == wanted.tobytes()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.sampled_from([16, 384, 400]), SEEDS)
def test_which_vectors_are_the_nearest(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 4, n)
    vectors = rng.normal(size=(int(counts.sum()), d)).astype(np.float32)
    index = VectorIndex(d, oversampling=2)
    index.extend(n)
    index.put(
        np.arange(n),
        Columns.of(
            [
                replace(NO_ARRAYS, vectors=own, norms=norms, sketches=sketch(own.astype(np.float32)))
                for own, norms in map(round_vectors, np.split(vectors, counts.cumsum()[:-1]))
            ]
        ),
    )
    gone, left = np.split(rng.permutation(n), [n // 5])
    for row in gone.tolist():
        index.clear(row)
    mask = rng.random(n) < 0.8
    cue = dense_cue(vectors[0] / np.linalg.norm(vectors[0]))
    for k in (1, 5, n):
        kernels.use("numpy")
        wanted = index.nearest(cue, k, mask)
        kernels.use("numba")
        assert index.nearest(cue, k, mask).tolist() == wanted.tolist()
    rows = rng.permutation(n)  # those that were cleared among them
    kernels.use("numpy")
    near, units = index.cosines(rows, cue), index.units(left)
    kernels.use("numba")
    assert index.cosines(rows, cue).tobytes() == near.tobytes()
    assert index.units(left).tobytes() == units.tobytes()
    assert units.shape == index.units(left).shape == (len(left), d)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), SEEDS)
def test_what_stands_beside_the_candidates(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory = fresh(embedder=VectorsOnly())
    memory.add([Memory(f"turn {at}", session_id=f"s{rng.integers(3)}") for at in range(n)])
    rows, mask = rng.integers(0, n, rng.integers(0, 9)), rng.random(n) < 0.8
    with memory._shards.reading("default") as shard:
        kernels.use("numpy")
        wanted = with_neighbours(shard, rows, mask)
        kernels.use("numba")
        assert with_neighbours(shard, rows, mask).tolist() == wanted.tolist()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(0, 70), st.integers(1, 40), st.booleans(), SEEDS)
def test_who_shares_most_units_with_a_code(n: int, k: int, gap: int, few: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    associator = HebbianAssociator(8 if few else 400)
    codes = random_codes(rng, n + 1, associator.n_units, 4)
    for at, code in enumerate(codes[:-1]):
        associator.add(gap * at, code)  # beyond some gap they are not counted by their numbers
    for gone in rng.integers(0, n, n // 4).tolist():
        associator.discard(gap * gone)
    for code in (codes[-1], codes[-1][:1], codes[-1][:0]):
        kernels.use("numpy")
        wanted = associator.resembling(code, k)
        kernels.use("numba")
        assert associator.resembling(code, k).tolist() == wanted.tolist()
