"""`nuonuo bench wide`, the short form: the database answers as a process does that holds the namespace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nuonuo import AssociativeMemory, MemoryConfig
from nuonuo.evaluation.generated import generated_memories
from nuonuo.evaluation.multiplied import RARER
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.stores import PostgresStore
from nuonuo.stores.exploring import Explorer, Within
from tests import postgres
from tests.evaluation.samples import LOCOMO, LONGMEMEVAL, write
from tests.fakes import FAST

pytest.importorskip("rich")
pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

from nuonuo.cli import commands as cli


def test_made_up_memories_are_asked_in_each_way(tmp_path: Path) -> None:
    out = tmp_path / "wide.json"
    sizes = ("--n", "150", "--questions", "12", "--ways", "database,held,cells")
    given = ["bench", "wide", *sizes, "--store", postgres.address(), "--out", str(out), *FAST]
    assert cli.main(given) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    found = report["wide"]
    assert (found["memories"], found["encoded"], found["questions"]) == (150, 150, 12)
    held, asked, celled = found["ways"]
    assert (held["way"], asked["way"], celled["way"]) == ("held", "database", "cells")
    assert (asked["same"], asked["shared"], celled["shared"]) == (1, 1, 1)
    for way in (held, asked, celled):
        assert 0 < way["recall_ms_p50"] <= way["recall_ms_p95"] <= way["recall_ms_p99"]
        assert way["ready_seconds"] > 0 and "figures" not in way
    assert found["store_seconds"] > 0 and found["bytes"] > 0
    assert "pass" not in report["conditions"]["command"]
    assert "| recall, p50 / p95 / p99 |" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_more_are_made_in_the_database(tmp_path: Path) -> None:
    out = tmp_path / "wide.json"
    sizes = ("--n", "60", "--times", "3", "--questions", "3", "--ways", "database")
    assert cli.main(["bench", "wide", *sizes, "--store", postgres.address(), "--out", str(out), *FAST]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))["wide"]
    assert (found["memories"], found["encoded"], len(found["ways"])) == (180, 60, 1)
    assert found["ready_seconds"] > 0
    assert "| 180 memories, of them 60 encoded" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_a_data_set_is_judged_in_each_way(tmp_path: Path) -> None:
    data, out = write(tmp_path, "longmemeval_dev.json", LONGMEMEVAL), tmp_path / "wide.json"
    given = ["bench", "wide", "--data", str(data), "--pooled", "--store", postgres.address()]
    assert cli.main([*given, "--out", str(out), *FAST]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    held, asked = report["wide"]["ways"]
    assert (
        [{**each, "system": None} for each in held["figures"]]
        == [{**each, "system": None} for each in asked["figures"]]
        != []
    )
    assert report["conditions"]["data"]["pooled"] and asked["same"] == 1
    assert "| sessions, any@1 |" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_what_cannot_be_asked_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path, "locomo_dev.json", LOCOMO)
    address = postgres.address()
    for given, complaint in (
        (["--store", "file"], "--store takes postgres or an address"),
        (["--store", address, "--ways", "telepathy"], "there is no way 'telepathy' to ask"),
        (["--store", address, "--n", "0"], "got 0 and 0"),
        (["--store", address, "--n", "9", "--times", "2"], "asked there alone: got times = 2"),
        (["--store", address, "--data", str(data)], "has 2 namespaces, and one is asked"),
    ):
        assert cli.main(["bench", "wide", *given]) == 1
        assert complaint in " ".join(capsys.readouterr().err.split())


def test_multiplied_memories_are_there_for_every_query() -> None:
    place = PostgresPlace(postgres.address())
    config = MemoryConfig(n_units=512, n_active=12, shard_memories=1)

    def look(explorer: Explorer) -> tuple[int, list[int], list[int], dict[int, int]]:
        rows = explorer.rows([*range(1, 500)])
        assert rows is not None
        near = explorer.nearest(rows.traces.sketches.rows[0], 1, Within())
        stems = np.unique(rows.traces.words.stems.rows).tolist()
        return explorer.memories, rows.seqs.tolist(), near, explorer.frequencies(stems)

    with AssociativeMemory.open(place.where, embedder=HashEmbedder(128), config=config) as memory:
        memory.add([*generated_memories(80)])
        assert memory.recall("made ready")
        store = memory._store
        assert isinstance(store, PostgresStore)
        before = store.explore("default", look)
        place.multiply(3, lambda what, count: None)
        after = store.explore("default", look)
        assert (before[0], len(before[1]), after[0], len(after[1])) == (80, 80, 240, 240)
        assert before[2] == after[2] == [before[1][0]]  # the others' sketches are turned
        expected = {stem: often * (2 if often <= RARER else 3) for stem, often in before[3].items()}
        assert after[3] == expected
        assert {*expected.values()} & {3 * often for often in range(RARER + 1, 81)}
        new = memory.add("One more, which comes after all of them.")
        assert memory.recall("One more, which comes after all of them")[0].memory.id == new[0]
        assert store.widened("default", 240)
    place.close()
