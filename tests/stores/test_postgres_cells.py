"""Cells of sketches: each is where it belongs after any history, and little is lost by looking into few."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nuonuo.associative.rounding import sketch
from nuonuo.records import Memory
from nuonuo.stores import PostgresStore
from nuonuo.stores.exploring import Explorer, Within
from nuonuo.stores.opening import open_store
from nuonuo.traces import Traces
from tests.postgres import drop_schemas, fresh_address

from .samples import item
from .test_postgres_wide import kept, run

pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

from nuonuo.stores.postgres import cells, schema, wide

D = 128


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells from a few memories on, so that what is done in a large namespace is done here."""
    for name, value in {"SHARE": 4, "LEAST": 20, "STEP": 7, "_BLOCK": 5}.items():
        monkeypatch.setattr(cells, name, value)


def opened(address: str) -> PostgresStore:
    store = open_store(address)
    assert isinstance(store, PostgresStore)
    return store


class Maker:
    """Memories whose vectors lie in clusters, of up to three vectors each."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._centres = self._rng.standard_normal((12, D))

    def vectors(self, n: int) -> np.ndarray:
        at = self._rng.integers(0, len(self._centres), n)
        return self._centres[at] + 0.8 * self._rng.standard_normal((n, D))

    def __call__(self, key: str, most: int = 3) -> tuple[Memory, Traces]:
        memory, traces = item(key)
        return memory, replace(traces, sketches=sketch(self.vectors(int(self._rng.integers(1, most + 1)))))


def assert_where_they_belong(address: str) -> int:
    """Each sketch is in the cell in which one that is compared by hand would be; how many lead."""
    founded, share, last = run(address, "SELECT cells_founded, cells_share, last_seq FROM namespaces")[0]
    rows = run(address, "SELECT seq, place, sketch::text, cell FROM wide_sketches ORDER BY seq, place")
    leads = cells.leading(np.arange(last + 1), share)
    leaders = [(seq, bits) for seq, place, bits, _ in rows if place == 0 and leads[seq]]
    for seq, place, bits, cell in rows:
        if place == 0 and leads[seq]:
            assert cell == seq
            continue
        those = [
            (sum(one != other for one, other in zip(bits, theirs, strict=True)), leader)
            for leader, theirs in leaders
            if leader <= max(founded, seq)
        ]
        assert cell == min(those, default=(0, cells.HOMELESS))[1]
    return len(leaders)


@pytest.mark.usefixtures("small")
def test_each_is_where_it_belongs_whatever_happened(address: str) -> None:
    store, rng, made = opened(address), random.Random(3), Maker(3)
    ids = [f"{at}" for at in range(60)]
    store.insert("a", [made(key) for key in ids])
    assert store.widened("a", 0)
    assert run(address, "SELECT cells_founded = last_seq, cells_founders FROM namespaces") == [(True, 60)]
    assert assert_where_they_belong(address) > 5
    for turn in range(40):
        new = [f"{turn}-{at}" for at in range(rng.randint(1, 4))]
        store.insert("a", [made(key) for key in new])
        ids += new
        again = rng.sample(ids, 3)
        store.insert("a", [made(key) for key in again], replace=True)
        gone = rng.sample(ids, rng.randint(1, 3))
        store.delete(ids=gone)
        ids = [key for key in ids if key not in gone]
        if turn % 8 == 0:
            assert_where_they_belong(address)
    assert assert_where_they_belong(address) > 5
    store.close()


@pytest.mark.usefixtures("small")
def test_nothing_of_a_leader_outlives_it(address: str) -> None:
    store, made = opened(address), Maker(1)
    ids = [f"{at}" for at in range(80)]
    store.insert("a", [made(key) for key in ids])
    store.widened("a", 0)
    seqs = store.insert("a", [made("last")]) and [row[0] for row in run(address, "SELECT seq FROM memories")]
    by_id = dict(zip(ids, sorted(seqs), strict=False))
    leaders = [key for key in ids if cells.leading(np.array([by_id[key]]), 4)[0]]
    gone = {by_id[key] for key in leaders[:-1]}
    store.delete(ids=leaders[:-1])
    named = {cell for (cell,) in run(address, "SELECT DISTINCT cell FROM wide_sketches")}
    assert not named & gone
    assert assert_where_they_belong(address) >= 1
    store.delete(ids=[leaders[-1]])
    assert_where_they_belong(address)
    store.delete(namespace="a")
    assert not any(kept(address).values())
    store.close()


@pytest.mark.usefixtures("small")
def test_one_that_grew_is_founded_again_and_is_written_meanwhile(address: str) -> None:
    store, made = opened(address), Maker(2)
    store.insert("a", [made(f"{at}") for at in range(30)])
    store.widened("a", 0)
    store.insert("a", [made(f"n{at}") for at in range(89)])
    store.widened("a", 0)
    assert run(address, "SELECT cells_founders FROM namespaces") == [(30,)]
    store.insert("a", [made("one more")])
    digest = store._digests.of_namespace("a")
    for turn in range(4):  # in steps, between which others write
        assert not store._db.write(lambda db: cells.settle(db, digest))
        store.insert("a", [made(f"{turn * 7}"), made(f"n{turn * 20}")], replace=True)
        store.delete(ids=[f"n{turn + 40}"])
        store.insert("a", [made(f"m{turn}")])
    store.widened("a", 0)
    assert run(address, "SELECT cells_founders > 100, cells_settled = cells_founded FROM namespaces") == [
        (True, True)
    ]
    assert_where_they_belong(address)
    store.close()


def test_little_is_lost_by_looking_into_few(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Maker(5)
    store = opened(address)
    store.insert("a", [made(f"{at}", most=1) for at in range(1200)])
    store.insert("b", [made(f"b{at}", most=1) for at in range(300)])
    asked = made.vectors(30)

    def near(found: Explorer) -> list[list[int]]:
        return [found.nearest(sketch(each[None])[0], 20, Within(), each.astype(np.float32)) for each in asked]

    for namespace in "ab":
        store.widened(namespace, 0)
    exact = store.explore("a", near)
    for name, value in {"SHARE": 16, "LEAST": 20, "PROBED": 20}.items():
        monkeypatch.setattr(cells, name, value)
    for namespace in "ab":
        store.widened(namespace, 0)
    queries = list[str]()
    _watch(monkeypatch, queries)
    few = store.explore("a", near)
    assert queries and all("cell = ANY" in query for query in queries)
    both = zip(exact, few, strict=True)
    assert np.mean([len({*one} & {*other}) / len(one) for one, other in both]) > 0.9
    monkeypatch.setattr(cells, "PROBED", 10_000)
    assert store.explore("a", near) == exact
    monkeypatch.setattr(cells, "PROBED", 1)  # fewer are there than are asked for: all are compared
    first = sketch(asked[:1])[0]
    assert len(store.explore("a", lambda found: found.nearest(first, 700, Within()))) >= 700
    own = {seq for (seq,) in run(address, "SELECT seq FROM memories WHERE namespace = "
                                          "(SELECT min(id) FROM namespaces)")}  # fmt: skip
    assert {seq for each in few for seq in each} <= own
    store.close()


def _watch(monkeypatch: pytest.MonkeyPatch, queries: list[str]) -> None:
    from nuonuo.stores.postgres.exploring import Explored

    ask = Explored._ask

    def watched(self: Explored, query: str, **values: Any) -> list[tuple[Any, ...]]:
        queries.append(query)
        return ask(self, query, **values)

    monkeypatch.setattr(Explored, "_ask", watched)


def test_a_schema_of_the_version_before_is_brought_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, every = Maker(4), schema.MIGRATIONS
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", every[:2])
        store = opened(address)
        store.insert("a", [made(f"{at}") for at in range(50)])
        store.close()
    columns = (
        f"SELECT count(*) FROM information_schema.columns WHERE table_schema = '{address.split('=')[-1]}' "
    )
    assert run(address, columns + "AND column_name LIKE 'cell%'") == [(0,)]
    for name, value in {"SHARE": 4, "LEAST": 20}.items():
        monkeypatch.setattr(cells, name, value)
    store = opened(address)
    assert run(address, "SELECT convert_from(value, 'UTF8') FROM meta WHERE key = 'schema_version'") == [
        (str(len(every)),)
    ]
    assert store.widened("a", 0)
    assert assert_where_they_belong(address) > 5
    store.close()


def test_leaders_are_spread_evenly() -> None:
    seqs = np.arange(1, 200_001)
    for step in (1, 3, 256):  # as where several namespaces are written in turns
        assert 0.8 < cells.leading(seqs * step, 256).mean() * 256 < 1.2


def test_sketches_are_read_as_they_were_written() -> None:
    rng = np.random.default_rng(0)
    sketches = rng.integers(0, 1 << 64, (5, 3), dtype=np.uint64)
    sent = [(192).to_bytes(4, "big") + int(each, 2).to_bytes(24, "big") for each in wide.bits(sketches)]
    assert (cells.words(sent) == sketches).all()
    vectors = rng.standard_normal((5, 100))
    assert (cells.signs(sketch(vectors))[:, :100] == np.where(vectors > 0, 1, -1)).all()
