"""The compiled kernels give what NumPy gives, to the bit; and they are loaded when that pays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuonuo import Memory, Recall, kernels
from nuonuo.arrays import Blocks, Ragged, largest
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.patterns import best_of, completions, pack, round_states
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.index import links as links_of_stems
from nuonuo.index.following import followers
from nuonuo.index.links import stem_links
from nuonuo.index.names import name_links
from nuonuo.index.vectors import VectorIndex, dense_cue
from nuonuo.recall import scoring
from nuonuo.recall.association import spread
from nuonuo.recall.candidates import with_neighbours
from nuonuo.recall.leads import Sources, leading
from nuonuo.recall.scoring import score
from nuonuo.recall.search import prepare
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


@pytest.fixture(autouse=True)
def numpy_afterwards() -> Iterator[None]:
    yield
    kernels.use("numpy")


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


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(1, 20),
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
    wanted = completions(ragged, rows, states), best_of(*ragged.gather(rows), states)
    kernels.use("numba")
    found = completions(ragged, rows, states), best_of(*ragged.gather(rows), states)
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
    for row in rng.permutation(n)[: n // 5].tolist():
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
    near = index.cosines(rows, cue)
    kernels.use("numba")
    assert index.cosines(rows, cue).tobytes() == near.tobytes()


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
@given(NAMED, st.booleans(), st.integers(1, 40), st.integers(1, 60), st.data())
def test_whom_a_memory_is_linked_to_most_strongly(
    texts: list[str], titled: bool, most: int, room: int, data: st.DataObject
) -> None:
    memory = fresh()
    memory.add([Memory(("Ann Lee\n" if titled else "") + text, id=str(at)) for at, text in enumerate(texts)])
    gone = data.draw(st.sets(st.sampled_from([*map(str, range(len(texts)))]), max_size=len(texts) - 1))
    memory.forget(ids=sorted(gone)) if gone else None

    def found() -> list[tuple[bytes, str]]:
        with memory._shards.reading("default") as shard:
            each = [
                of_kind
                for row in np.flatnonzero(shard.alive).tolist()
                for of_kind in followers(shard.postings, row, most, memory.config)
            ]
            assert (shard.postings.scratch == -1).all()
        assert all((np.diff(rows) > 0).all() and len(rows) <= most for rows, _ in each)
        return [(values.tobytes(), str(values.dtype)) for pair in each for values in pair]

    kernels.use("numpy")
    wanted = found()
    kernels.use("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links_of_stems, "ROOM", room)
        assert found() == wanted


@settings(deadline=None, max_examples=60)
@given(NAMED, st.booleans(), st.booleans(), st.integers(1, 60), st.integers(1, 60), SEEDS)
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


PROGRAM = """
import sys
from nuonuo import AssociativeMemory, kernels
from tests.fakes import fresh
memory = fresh()
memory.add([f"word{at} and code" for at in range(80)])
def told(): return [(hit.memory.id, hit.score.hex()) for hit in memory.recall("the code of word7")]
first = told()
assert "numba" not in sys.modules or kernels.loaded(), "nobody asked for it"
before = kernels.loaded() is not None
for _ in range(kernels.WARM):
    assert told() == first
kernels.wait()
assert told() == first
print(before, kernels.loaded() is not None)
"""


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [(None, "False True"), ("auto", "False True"), ("numpy", "False False"), ("numba", "True True")],
)
def test_they_are_loaded_with_the_hundredth_recall_or_as_the_environment_says(
    choice: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUONUO_KERNELS", raising=False)
    if choice is not None:
        monkeypatch.setenv("NUONUO_KERNELS", choice)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (wanted, "")


def test_another_choice_is_an_error() -> None:
    with pytest.raises(
        InvalidInputError, match="NUONUO_KERNELS must be one of auto, numba, numpy, got 'cuda'"
    ):
        kernels.use("cuda")


def test_a_numba_that_cannot_be_loaded_is_told_once_and_numpy_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"{name} needs another NumPy")

    kernels.use("auto")
    monkeypatch.setattr(kernels, "importlib", type("", (), {"import_module": staticmethod(broken)}))
    monkeypatch.setattr(kernels, "WARM", 3)
    memory = fresh()
    memory.add("rex hides")
    for _ in range(5):
        assert memory.recall("rex")[0].memory.text == "rex hides"
    kernels.wait()
    assert [record.message for record in caplog.records] == [
        "the compiled kernels cannot be loaded, NumPy goes on without them: "
        "nuonuo.kernels.compiled needs another NumPy"
    ]


FORKED = """
import os, threading
from nuonuo import kernels
begun, go = threading.Event(), threading.Event()
load = kernels._load
def slow():
    begun.set()
    go.wait()
    load()
kernels._load = slow
for _ in range(kernels.WARM):
    kernels.asked()
begun.wait()
child = os.fork()  # in the middle of the loading
if not child:
    kernels._load = load
    for _ in range(kernels.WARM):
        kernels.asked()
    kernels.wait()
    os._exit(0 if kernels.loaded() is not None else 7)
go.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_is_forked_while_they_are_loaded_loads_them_itself() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_without_numba_the_wish_for_it_is_an_error_at_each_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUONUO_KERNELS", "numba")
    monkeypatch.setitem(sys.modules, "nuonuo.kernels.compiled", None)
    kernels.use("auto")
    memory = fresh()
    memory.add("rex hides")
    for _ in range(2):
        with pytest.raises(MissingDependencyError, match=r"pip install 'nuonuo\[kernels\]'"):
            memory.recall("rex")
