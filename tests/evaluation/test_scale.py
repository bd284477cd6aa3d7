"""The measure of scale: what it reports is consistent; how fast anything is, is no test's business."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo.encoding.embedders import Encoding
from nuonuo.errors import InvalidInputError, MissingDependencyError, NuonuoError
from nuonuo.evaluation.clock import resident_bytes
from nuonuo.evaluation.generated import TURNS, generated_memories, generated_texts
from nuonuo.evaluation.plot import plot_scale
from nuonuo.evaluation.scale import results, tenants
from nuonuo.evaluation.scale.corpus import BATCH, PART, Corpus
from nuonuo.evaluation.scale.jobs import Job, Limits, run
from nuonuo.evaluation.scale.run import Plan, _system, exponents, measure_scale
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.evaluation.systems.vector_stores import VECTOR_STORES
from nuonuo.memory import AssociativeMemory
from tests.fakes import SMALL, WordEmbedder

MODULES = {
    "exact": "numpy", "faiss-flat": "faiss", "faiss-hnsw": "faiss", "usearch": "usearch",
    "chroma": "chromadb", "lancedb": "lancedb", "sqlite-vec": "sqlite_vec", "langchain": "langchain_core",
}  # fmt: skip
LIMITS = Limits(seconds=120, bytes=2**33, threads=1)


def corpus_of(folder: Path, count: int, questions: list[str]) -> Corpus:
    corpus = Corpus(folder)
    corpus.write(generated_memories(count), questions, lambda count: None)
    return corpus


# -- what it is measured over -----------------------------------------------------------------------


def test_generated_memories_are_turns_of_conversations() -> None:
    memories = [*generated_memories(3 * TURNS)]
    assert len({memory.text for memory in memories}) == len({memory.id for memory in memories}) == 3 * TURNS
    assert Counter(memory.session_id for memory in memories) == {f"s{at}": TURNS for at in range(3)}
    assert [memory.role for memory in memories[:3]] == ["user", "assistant", "user"]
    times = [memory.timestamp for memory in memories]
    assert times == sorted(times, key=str)


def test_fewer_generated_texts_are_the_first_of_more() -> None:
    assert generated_texts(5000)[:70] == generated_texts(70)


def test_generated_words_have_the_frequencies_of_real_ones() -> None:
    """Few words are most of a text, and most words stand in it once: both hold of English too."""
    words = Counter(word.strip(".?").casefold() for text in generated_texts(6000) for word in text.split())
    total = sum(words.values())
    assert 0.25 < sum(count for _, count in words.most_common(50)) / total < 0.65
    assert 0.35 < sum(count == 1 for count in words.values()) / len(words) < 0.7
    few = {word.strip(".?").casefold() for text in generated_texts(1500) for word in text.split()}
    assert 1.5 < len(words) / len(few) < 3.5  # Heaps' law: 4 ** 0.3 to 4 ** 0.9


def test_a_corpus_gives_back_what_was_written(tmp_path: Path) -> None:
    count = PART + BATCH + 3
    corpus, told = corpus_of(tmp_path, count, ["who?"]), []
    written = [*generated_memories(count)]
    assert [memory for batch in corpus.memories(count) for memory in batch] == written
    assert [len(batch) for batch in corpus.memories(BATCH + 1)] == [BATCH, 1]
    assert corpus.texts(7) == [memory.text for memory in written[:7]]
    assert corpus.questions == ["who?"]
    corpus.embed(HashEmbedder(8), 300, told.append)
    assert sum(told) == 300
    expected = np.stack([e.vectors[0] for e in HashEmbedder(8).encode_documents(corpus.texts(300))])
    np.testing.assert_array_equal(corpus.vectors(300), expected)
    np.testing.assert_array_equal(corpus.vectors(10, 290), expected[290:])
    assert corpus.queries.shape == (1, 8)


# -- the stores that are measured beside ------------------------------------------------------------


@pytest.mark.parametrize("name", VECTOR_STORES)
def test_a_vector_store_finds_the_nearest(name: str, tmp_path: Path) -> None:
    if find_spec(MODULES[name]) is None:
        with pytest.raises(MissingDependencyError, match="pip install"):
            VECTOR_STORES[name](8, tmp_path, 1)
        pytest.skip(f"{MODULES[name]} is not installed")
    vectors = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    try:
        store = VECTOR_STORES[name](8, tmp_path, 1)
    except MissingDependencyError as error:  # Python's sqlite3 may load no extensions
        pytest.skip(str(error))
    for first in (0, 40):
        part = vectors[first : first + 40]
        store.add(first, part, [f"text {first + at}" for at in range(len(part))])
    for query in vectors[::15]:
        assert store.nearest(query, 5) == np.argsort(-(vectors @ query))[:5].tolist()


# -- jobs in processes of their own -----------------------------------------------------------------


def job_of(tmp_path: Path, task: str, **options: Any) -> Job:
    corpus_of(tmp_path, 40, ["who?"])
    return Job(task, tmp_path, 40, 5, HashEmbedder(32), None, SMALL, options)


def test_a_job_runs_elsewhere_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    job = job_of(tmp_path, "embed")
    found = run(job, LIMITS, lambda *each: told.append(each))
    assert found.pop("processor_share") > 0
    assert found == {"embedder": "hash-32", "dimension": 32}
    assert told == [("vectors written", 40)]


def test_a_job_that_takes_too_much_is_stopped(tmp_path: Path) -> None:
    job = job_of(tmp_path, "embed")
    assert run(job, replace(LIMITS, seconds=1e-9), lambda *_: None) == {"stopped": "more than 0 s"}
    if resident_bytes() is not None:
        little = run(job, replace(LIMITS, bytes=1 << 20), lambda *_: None)
        assert little == {"stopped": "more than 0.0 GiB of RAM"}


def test_a_job_that_fails_says_its_last_words(tmp_path: Path) -> None:
    job = replace(job_of(tmp_path, "embed"), size=41)
    with pytest.raises(NuonuoError, match=r"measuring embed with 41 memories failed: .*part-00001\.pickle"):
        run(job, LIMITS, lambda *_: None)


class Refusing(WordEmbedder):
    """A model that is not to be asked."""

    def _encode(self, text: str) -> Encoding:
        raise AssertionError(f"embedded again: {text}")


def test_embeddings_of_real_texts_are_made_once(tmp_path: Path) -> None:
    """What is stored of a text is in the cache before anything is clocked."""
    corpus_of(tmp_path, 30, ["who was it?"])
    cache = str(tmp_path / "cache.db")
    job = Job("embed", tmp_path, 30, 5, WordEmbedder(), cache, SMALL)
    assert run(job, LIMITS, lambda *_: None)["embedder"] == "words"
    for task, options in (("grow", {"in_ram": False}), ("open", {}), ("grow", {"in_ram": True})):
        found = run(replace(job, task=task, embedder=Refusing(), options=options), LIMITS, lambda *_: None)
        assert found["kernels"] in ("numba", "numpy")


def test_a_file_that_is_filled_is_left_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    job = job_of(tmp_path, "fill namespaces", namespaces=3, each=20, filled=str(kept))  # of 40 texts
    told: list[int] = []

    def tell(what: str, count: int) -> None:
        told.append(count)

    first = tenants.fill(job, tell)
    assert first["memories"] == sum(told) == 60 and first["add_per_second"] > 0
    told.clear()
    again = tenants.fill(job, tell)
    assert again == {"memories": 60, "file_bytes": kept.stat().st_size} and not told
    with AssociativeMemory.open(kept, embedder=HashEmbedder(32), config=SMALL) as memory:
        assert [len(memory.list(namespace=name)) for name in ("0", "1", "2")] == [20, 20, 20]
    assert results.namespaces_table({"namespaces": {**job.options, **again, "visits": 9}})[1][-2][1] == "–"
    for other in ({"each": 21}, {"namespaces": 6, "each": 10}):
        with pytest.raises(InvalidInputError, match=r"kept\.db holds 60 memories, not .* delete"):
            tenants.fill(replace(job, options={**job.options, **other}), tell)


# -- the whole --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"sizes": ()}, "got none"),
        ({"sizes": (50, 50)}, "distinct numbers"),
        ({"sizes": (3,)}, "at least 20 memories, got 3"),
        ({"stores": ("tape",)}, "no store 'tape'; there are file, ram"),
        ({"stores": ()}, "no store ''"),
        ({"systems": ("psychic",)}, "no system 'psychic'; there are exact, "),
        ({"limits": replace(LIMITS, threads=0)}, "above 0"),
        ({"namespaces": -1}, "at least 0"),
        ({"namespaces": 2, "each": 0}, "at least 1"),
        ({"filled": "tenants.db"}, "give --namespaces"),
    ],
)
def test_a_plan_that_cannot_be(fields: dict[str, Any], complaint: str) -> None:
    given: dict[str, Any] = {"sizes": (50,), "stores": ("file",), "systems": (), "limits": LIMITS}
    with pytest.raises(InvalidInputError, match=complaint):
        Plan(**{**given, **fields})


def test_scale_reports_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUONUO_KERNELS", "numpy")  # which processes need not load
    plan = Plan((50, 100), ("file", "ram"), (), LIMITS)
    bars: list[str] = []

    def start(name: str, total: int | None) -> Any:
        bars.append(name)
        return lambda what, count: None

    questions = [text[:20] for text in generated_texts(4)]
    found = measure_scale(plan, generated_memories(100), questions, HashEmbedder(32), None, SMALL, start)
    assert [(row["size"], row["store"]) for row in found["engine"]] == [
        (50, "SQLite file"), (50, "RAM"), (100, "SQLite file"), (100, "RAM"),
    ]  # fmt: skip
    assert (found["embedder"], found["dimension"], found["questions"]) == ("hash-32", 32, 4)
    for row in found["engine"]:
        assert 0 < row["recall_ms_p50"] <= row["recall_ms_p95"] <= row["recall_ms_p99"]
        assert 0 < row["add_one_ms_p50"] <= row["add_one_ms_p99"] <= row["add_one_ms_max"]
        assert row["recall_to_exact"] == pytest.approx(row["recall_ms_p50"] / row["exact_ms_p50"])
        assert ("file_bytes" in row) == ("first_answer_seconds" in row) == (row["store"] == "SQLite file")
        assert row["shard_bytes"] > 0
        assert row["processor_share"] > 0
        assert row["kernels"] == "numpy"
    exact = [row for row in found["systems"] if row["system"] == "exact"]
    assert [row["recall_at_k"] for row in exact] == [
        1.0,
        1.0,
    ]  # it is measured unasked: others are held to it
    assert "recall_ms_p50" in found["exponents"]["nuonuo, RAM"]
    assert "exact, 100" in bars
    tables = {title: rows for title, _, rows in results.shown(found)}
    assert [*tables] == ["NuoNuo, SQLite file", "NuoNuo, RAM", "50 memories", "100 memories"]
    if find_spec("matplotlib"):
        plot_scale(found, tmp_path / "scale.png")
        assert (tmp_path / "scale.png").stat().st_size > 10_000


def test_a_file_of_something_else_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes")
    plan = Plan((20,), ("ram",), (), LIMITS, namespaces=2, each=20, filled=str(tmp_path / "notes.db"))
    bars: list[str] = []

    def start(name: str, total: int | None) -> Any:
        bars.append(name)
        return lambda what, count: None

    with pytest.raises(NuonuoError, match=r"notes\.db' is not a NuoNuo database"):
        measure_scale(plan, generated_memories(20), ["who?"], HashEmbedder(32), None, SMALL, start)
    assert bars == ["memories written", "embed, 20", "fill namespaces, 20"]
    assert (tmp_path / "notes.db").read_text() == "these are notes"


def test_without_an_exact_search_there_is_nothing_to_hold_the_others_to() -> None:
    plan = Plan((20,), ("ram",), (), replace(LIMITS, seconds=1e-9))
    with pytest.raises(NuonuoError, match="an exact search among 20 vectors took more than 0 s"):
        measure_scale(
            plan, generated_memories(20), ["who?"], HashEmbedder(32), None, SMALL, lambda *_: lambda *_: None
        )


@pytest.mark.parametrize(
    ("measured", "row", "why"),
    [
        ({"stopped": "more than 9 s"}, {"stopped": "more than 9 s"}, "with 50 memories more than 9 s"),
        ({"missing": "pip install it"}, None, "pip install it"),
    ],
)
def test_a_system_that_cannot_be_measured_is_told_of(measured: Any, row: Any, why: str) -> None:
    skipped: dict[str, str] = {}
    assert _system(lambda *_, **__: measured, 50, "usearch", 1, skipped) == row  # type: ignore[arg-type]
    assert skipped == {"usearch": why}
    found = {"skipped": skipped, "engine": [{"size": 9, "store": "RAM", "stopped": "more than 1 s"}]}
    assert results.notes(found) == [
        f"usearch is left out: {why}", "NuoNuo, RAM, 9 memories: stopped at more than 1 s",
    ]  # fmt: skip


def test_a_busy_machine_is_told_of() -> None:
    engine = [{"size": 9, "store": "RAM", "processor_share": share} for share in (0.31, 0.95)]
    (note,) = results.notes({"skipped": {}, "engine": engine})
    assert "had 31% to 95% of a processor" in note
    assert results.notes({"skipped": {}, "engine": engine[1:]}) == []


def test_an_exponent_is_a_slope_in_logarithms() -> None:
    engine = [{"size": n, "store": "RAM", "recall_ms_p50": 3 * n**0.5} for n in (100, 1000, 10_000)]
    systems = [{"system": "x", "name": "X", "size": n, "build_seconds": 2.0 * n} for n in (10, 20)]
    systems.append({"system": "y", "size": 10, "build_seconds": 1.0})  # one size has no slope
    found = {"engine": engine, "systems": systems}
    assert exponents(found) == {
        "nuonuo, RAM": {"recall_ms_p50": 0.5}, "X": {"build_seconds": 1.0}, "y": {},
    }  # fmt: skip
