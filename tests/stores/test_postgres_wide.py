"""What is kept of a namespace that no process holds: a function of what survives, and nothing beyond it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nuonuo.records import Memory
from nuonuo.stores import PostgresStore
from nuonuo.stores.exploring import Explorable, Explorer, Within
from nuonuo.stores.opening import open_store
from nuonuo.traces import Traces
from tests.postgres import drop_schemas, fresh_address

from .samples import child, item

psycopg = pytest.importorskip("psycopg", reason="pip install 'nuonuo[postgres]'")
pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

TABLES = ("wide_words", "wide_sketches", "wide_stems")


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


def run(address: str, *queries: str) -> list[tuple[Any, ...]]:
    base, schema = address.rsplit("?schema=", 1)
    with psycopg.connect(base, autocommit=True) as db:
        db.execute(f"SET search_path = {schema}".encode())
        for query in queries[:-1]:
            db.execute(query.encode())
        cursor = db.execute(queries[-1].encode())
        return cursor.fetchall() if cursor.description else []


def kept(address: str) -> dict[str, Any]:
    """Everything in the tables, and the sums."""
    found = {table: sorted(run(address, f"SELECT {table}::text FROM {table}")) for table in TABLES}
    sums = "id, wide_memories, wide_words, wide_seq >= last_seq"
    return {**found, "sums": run(address, f"SELECT {sums} FROM namespaces WHERE wide_seq >= 0 ORDER BY 1")}


def anew(address: str, *namespaces: str) -> dict[str, Any]:
    """The same, made ready afresh."""
    clear = [f"DELETE FROM {table}" for table in TABLES]
    run(address, *clear, "UPDATE namespaces SET wide_seq = NULL, wide_memories = 0, wide_words = 0")
    store = opened(address)
    for namespace in namespaces:
        store.widened(namespace, 0)
    store.close()
    return kept(address)


def opened(address: str) -> PostgresStore:
    store = open_store(address)
    assert isinstance(store, PostgresStore)
    assert isinstance(store, Explorable)
    return store


def test_it_is_kept_up_to_date_by_whoever_writes(address: str) -> None:
    store, rng = opened(address), random.Random(4)
    store.insert("a", [item("first", seed=1), item("second", seed=2)])
    store.insert("b", [item("b1", seed=1)])
    assert not store.widened("a", 2)
    assert store.widened("a", 1)
    assert store.widened("b", 0)
    assert not store.widened("nowhere", 0)
    ids = {"a": ["first", "second"], "b": ["b1"]}
    for turn in range(60):
        namespace = rng.choice("ab")
        new = [f"{turn}-{at}" for at in range(rng.randint(1, 4))]
        store.insert(namespace, [item(key, seed=rng.randrange(9), session_id=f"s{turn % 5}") for key in new])
        ids[namespace] += new
        if turn % 3 == 0:
            store.insert(namespace, [item(rng.choice(ids[namespace]), seed=rng.randrange(9))], replace=True)
        if turn % 4 == 0:
            memory, traces = item(rng.choice(ids[namespace]), "new", seed=rng.randrange(9), role="user")
            store.replace(replace(memory, namespace=namespace), traces)
        if turn % 5 == 0:
            gone = rng.choice(ids[namespace])
            assert store.delete(ids=[gone]) == 1
            ids[namespace].remove(gone)
        if turn % 7 == 0:
            gone = rng.choice(ids[namespace])
            store.revise([gone], lambda memory: None)
            ids[namespace].remove(gone)
    now = kept(address)
    assert len(now["wide_words"]) == len(ids["a"]) + len(ids["b"])
    assert now == anew(address, "a", "b")
    store.close()


def test_nothing_outlives_what_was_forgotten(address: str) -> None:
    store = opened(address)
    store.insert("a", [item(f"{at}", seed=at, session_id=f"s{at % 2}") for at in range(20)])
    store.insert("kept", [item("k", seed=3)])
    store.widened("a", 0)
    store.delete(namespace="a", session_id="s1")
    assert kept(address) == anew(address, "a")
    store.delete(namespace="a")
    assert {name: rows for name, rows in kept(address).items() if rows} == {}
    assert store.widened("kept", 0)
    store.close()


def test_a_namespace_that_is_written_while_it_is_made_ready(address: str) -> None:
    """One that was made ready in part is gone on with, whatever was written, rewritten or forgotten since."""
    from nuonuo.stores.postgres import wide

    store = opened(address)
    store.insert("a", [item(f"{at}", seed=at % 7) for at in range(40)])
    store._db.write(lambda db: wide.extend(db, store._digests, "a", 15))
    assert len(kept(address)["wide_words"]) == 15
    store.delete(ids=["3", "30"])
    store.insert("a", [item("5", seed=8), item("35", seed=8), item("new", seed=1)], replace=True)
    assert len(kept(address)["wide_words"]) == 14
    assert store.widened("a", 0)
    assert kept(address) == anew(address, "a")
    assert len(kept(address)["wide_words"]) == 39
    store.close()


READER = """
import sys
from nuonuo.stores.opening import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    print(store.widened("a", 0), flush=True)
"""


def test_two_make_it_ready_at_once(address: str) -> None:
    store = opened(address)
    store.insert("a", [item(f"{at}", seed=at % 7) for at in range(1200)])
    others = [child(READER, address) for _ in range(2)]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    store.insert("a", [item("meanwhile", seed=1)])
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        other.communicate(timeout=60)
    assert kept(address) == anew(address, "a")
    store.close()


def test_words_that_are_worked_out_anew_are_found_by_them(address: str) -> None:
    from nuonuo.traces import Words

    store = opened(address)
    store.insert("a", [item(f"{at}", seed=at) for at in range(5)])
    store.insert("b", [item("b", seed=1)])
    store.widened("a", 0)
    stem = np.array([2**63 + 7], np.uint64)
    one = np.ones(1, np.int32)
    told = Words(stem, one, one[:0], 1, 5, 0, False)
    assert store.refresh(77, lambda memory: told) == 6
    assert store.explore("a", lambda found: found.frequencies([2**63 + 7])) == {2**63 + 7: 5}
    assert kept(address) == anew(address, "a")
    store.close()


def test_one_namespace_is_never_found_from_another(address: str) -> None:
    store = opened(address)
    store.insert("a", [item(f"a{at}", seed=at, session_id="s") for at in range(6)])
    store.insert("b", [item(f"b{at}", seed=at, session_id="s") for at in range(4)])
    for namespace in "ab":
        store.widened(namespace, 0)

    def all_seqs(found: Explorer) -> set[int]:
        return {seq for rows in found.every(3, newest_first=False) for seq in rows.seqs.tolist()}

    own = {namespace: store.explore(namespace, all_seqs) for namespace in "ab"}
    assert (len(own["a"]), len(own["b"])) == (6, 4)
    stems = [int(stem) for at in range(6) for stem in item("x", seed=at)[1].words.stems]
    said = [item("x", seed=at)[1].words.said for at in range(6)]

    def everything(found: Explorer) -> tuple[set[int], dict[int, int]]:
        seqs = {*found.nearest(np.zeros(1, np.uint64), 99, Within())}
        seqs |= {*found.sharing(dict.fromkeys(stems, 1.0), (1.2, 0.75), 99, Within())}
        seqs |= {*found.beside([*own["a"], *own["b"]], 9)}
        seqs |= {*found.holders(stems).seqs.tolist()}
        seqs |= {*found.called(stems, 99)}
        with found.told(said, 9) as told:
            seqs |= {seq for each in told().values() for seq in each.newest}
        rows = found.rows([*own["a"], *own["b"]])
        assert rows is not None
        return seqs | {*rows.seqs.tolist()}, found.frequencies(stems)

    for namespace in "ab":
        seqs, frequencies = store.explore(namespace, everything)
        assert seqs == own[namespace]
        assert {*frequencies.values()} == {1}
    store.close()


def test_stems_are_looked_up_as_far_as_they_can_be_among_the_best() -> None:
    from nuonuo.stores.postgres.sharing import CHOICES, worth_looking

    assert worth_looking([5.0, 4.0, 3.0, 1.0], 2, 0) == [(0,), (1,), (2, 3)]
    assert worth_looking([5.0, 4.0, 3.0, 1.0], 2, 4.5) == [(0,), (1, 2), (1, 3)]
    assert worth_looking([5.0, 4.0, 3.0, 1.0], 0, 7.5) == [(0, 1), (0, 2), (1, 2, 3)]
    assert worth_looking([5.0, 4.0], 1, 9.5) == []
    assert worth_looking([], 0, 1.0) == []
    many = [1.0] * (CHOICES + 1)
    assert worth_looking(many, CHOICES, 3.0) == [(at,) for at in range(CHOICES)]


@pytest.mark.parametrize("steps", [{}, {"FIRST": 8, "RANKED": 40, "SETS": 3}, {"FIRST": 1, "RANKED": 120}])
def test_the_best_by_their_words_are_found(
    address: str, monkeypatch: pytest.MonkeyPatch, steps: dict[str, int]
) -> None:
    """Step by step as all at once: the greatest BM25, worked out by hand."""
    from nuonuo.stores.postgres import sharing

    for name, value in steps.items():
        monkeypatch.setattr(sharing, name, value)
    store, rng = opened(address), np.random.default_rng(7)
    texts, vocabulary = list[np.ndarray](), np.unique(rng.integers(1, 2**62, 40).astype(np.uint64) * 2)
    chance = 0.5 / (1 + np.arange(len(vocabulary)))
    items = []
    for at in range(300):
        memory, traces = item(f"{at}")
        stems = vocabulary[rng.random(len(vocabulary)) < chance]
        counts = rng.integers(1, 3, len(stems)).astype(np.int32)
        words = replace(traces.words, stems=stems, counts=counts, title=np.zeros(0, np.int32))
        items.append((memory, replace(traces, words=words)))
        texts.append(
            np.array([dict(zip(stems.tolist(), counts, strict=True)).get(int(v), 0) for v in vocabulary])
        )
    seqs = np.array(store.insert("a", items))
    store.widened("a", 0)
    tf = np.stack(texts).astype(np.float64)
    idf = np.log(1 + len(tf) / np.maximum((tf > 0).sum(axis=0), 1))
    norm = 0.3 + 0.9 * tf.sum(axis=1, keepdims=True) / tf.sum(axis=1).mean()
    for _ in range(20):
        asked = rng.choice(np.flatnonzero(tf.any(axis=0)), 5, replace=False)
        stems_of = {int(vocabulary[at]): float(idf[at]) for at in sorted(asked, key=lambda at: -idf[at])}
        worth = (idf * tf / (tf + norm))[:, asked].sum(axis=1)
        found = store.explore("a", lambda e, s=stems_of: e.sharing(s, (1.2, 0.75), 10, Within()))  # type: ignore[misc]
        best = np.sort(worth)[::-1][: len(found)]
        got = worth[[int(np.flatnonzero(seqs == seq)[0]) for seq in found]]
        if not steps:
            assert got == pytest.approx(best, rel=1e-5)
        assert got[:1] == pytest.approx(best[:1], rel=1e-5)
        assert got.sum() > 0.9 * best.sum()
    store.close()


@pytest.mark.parametrize("indexed", [False, True])
def test_pgvector_finds_the_same(address: str, indexed: bool) -> None:
    """The statements of the documentation; without the index the very same, with it as good as always."""
    store, rng = opened(address), np.random.default_rng(5)
    width, ids = 128, [f"{at}" for at in range(400)]

    def sketches(count: int) -> np.ndarray:
        return rng.integers(0, 1 << 64, (count, width // 64), dtype=np.uint64)

    def sketched(key: str) -> tuple[Memory, Traces]:
        memory, traces = item(key)
        return memory, replace(traces, sketches=sketches(1))

    store.insert("a", [sketched(key) for key in ids])
    store.insert("b", [sketched(f"b{key}") for key in ids[:50]])
    assert store.widened("a", 0) and store.widened("b", 0)
    asked = sketches(20)

    def near(found: Explorer) -> list[set[int]]:
        return [{*found.nearest(sketch, 30, Within())} for sketch in asked]

    before = {namespace: store.explore(namespace, near) for namespace in "ab"}
    try:
        run(address, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except psycopg.Error as error:
        pytest.skip(f"the server has no pgvector: {error}")
    try:
        home = run(
            address, "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
        )[0][0]
        if indexed:
            run(
                address,
                "CREATE INDEX wide_sketches_near ON wide_sketches USING hnsw "
                f"((sketch::bit({width})) {home}.bit_hamming_ops)",
            )
        after = {namespace: store.explore(namespace, near) for namespace in "ab"}
        store.delete(ids=ids[100:])
        store.insert("a", [sketched("new")])
        left = store.explore("a", near)
        assert all(len(each) >= 30 for each in left)
    finally:
        store.close()
        run(address, "DROP EXTENSION vector CASCADE")
    if not indexed:
        assert after == before
        return
    for namespace in "ab":
        both = zip(after[namespace], before[namespace], strict=True)
        assert np.mean([len(one & other) / len(other) for one, other in both]) > 0.9


def test_memories_are_told_however_many_readings_brought_them(address: str) -> None:
    store = opened(address)
    store.insert("n", [item(f"k{at}") for at in range(1200)])
    assert store.widened("n", 0)
    seqs = store.seqs(0, 2000)

    def work(explorer: Explorer) -> dict[int, Memory]:
        for seq in seqs:
            explorer.rows([seq])
        every = explorer.rows(seqs)
        assert every is not None and every.memory(len(seqs) - 1).id == f"k{len(seqs) - 1}"
        return explorer.stored([*seqs, seqs[-1] + 1])

    assert [*store.explore("n", work).values()] == store.get_seqs("n", seqs)
    store.close()
