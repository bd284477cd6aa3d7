"""Every experiment runs whole, quickly, by its command, and finds what it must find even then."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from nuonuo.associative.projection import LearnedProjection
from nuonuo.cli import commands as cli
from nuonuo.evaluation.tables import read_reports, render
from nuonuo.research.catalogue import NAMES, experiment_of
from tests.pages import ROOT, read


def ran(name: str, folder: Path, *options: str) -> dict[str, Any]:
    """The report of a quick run."""
    out = folder / f"{name}.json"
    given = ["bench", "research", name, "--quick", "--out", str(out), *options]
    assert cli.main(given) == 0
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "| " in out.with_suffix(".md").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert content["conditions"]["quick"] is True
    assert content["conditions"]["command"].startswith(f"nuonuo bench research {name} --quick")
    empty = [table["title"] for table in content["research"]["tables"] if not table["rows"]]
    assert empty == (["Rank correlation over models of the gap and recall"] if name == "embedders" else [])
    for row in content["research"]["rows"]:
        assert row["seeds"] == content["conditions"]["seeds"] and row["seconds"]["mean"] >= 0, row
    return content


def value(content: dict[str, Any], name: str, **condition: Any) -> float:
    """The mean of a value under the one condition that has all of ``condition``."""
    found = [
        row["values"][name]["mean"]
        for row in content["research"]["rows"]
        if name in row["values"] and condition.items() <= row["condition"].items()
    ]
    assert len(found) == 1, (condition, len(found))
    return float(found[0])


def test_an_experiment_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "research", "nosie"]) == 1
    assert "there are noise" in capsys.readouterr().err
    assert cli.main(["bench", "research", "noise", "--quick", "--seeds", "0"]) == 1
    assert "at least one seed" in capsys.readouterr().err


def test_noise(tmp_path: Path) -> None:
    content = ran("noise", tmp_path)
    stands = "patterns that stand apart"
    for method in (
        "nearest neighbour",
        "Hopfield, one step",
        "Hopfield, settled",
        "two stages: nearest 20, then settled",
    ):
        assert value(content, "recall", patterns=400, cues=stands, method=method, cosine=0.5) == 1.0
    for method in ("W linear (flat Hebbian)", "dual, softmax", "dual, power 10"):
        assert value(content, "recall", patterns=200, cues=stands, method=method, cosine=1.0) >= 0.9
        assert value(content, "recall", patterns=400, cues=stands, method=method, cosine=0.5) < 0.9


def test_capacity(tmp_path: Path) -> None:
    content = ran("capacity", tmp_path, "--seeds", "1")
    narrow, wide = (value(content, "pairs", codes="random", n=n) for n in (256, 512))
    assert 50 < value(content, "pairs", codes="real text", n=256) < narrow < wide  # text is not random
    assert narrow < value(content, "pairs", codes="limit of Tsodyks & Feigelman", n=256)
    for pairs in (400, 800):
        for codes in ("random", "real text"):
            found = [
                row["values"]["right"]["mean"]
                for row in content["research"]["rows"]
                if row["condition"].get("load") == "dual"
                and (row["condition"]["codes"], row["condition"]["pairs"]) == (codes, pairs)
                and "itself" in row["condition"]["cue"]
            ]
            assert found == [1.0]
    assert value(content, "right", load="real text", form="dual", pairs=200) == 1.0


def test_chains(tmp_path: Path) -> None:
    content = ran("chains", tmp_path)
    for hop in (0, 10, 30):
        right = {
            form: value(content, "right", form=form, hop=hop) for form in ("dual, power 10", "W, linear")
        }
        assert right["dual, power 10"] == 1.0 >= right["W, linear"]
    assert value(content, "hops", form="the settled item's row (the engine's walk)") == 30.0
    for form in ("dual, softmax, beta 0.5", "dual, power 10"):
        assert value(content, "cosine", form=form, of="the whole walk") > 0.999


def test_biohash(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    content = ran("biohash", tmp_path)
    assert value(content, "rose", learned="biohash") == 0.0
    assert value(content, "last", learned="biohash") < value(content, "first", learned="biohash")
    # What pays for overlap with other texts has less of it than what does not.
    negative = {rule: value(content, "negative", separator=rule) for rule in ("biohash", "hub penalty")}
    assert negative["hub penalty"] < negative["biohash"]


def test_a_separator_is_learned_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "weights.npz"
    given = ["bench", "separator", "--rule", "biohash", "--quick", "--n-units", "256", "--n-active", "8"]
    assert cli.main(given) == 1
    assert "name a file, --out weights.npz" in capsys.readouterr().err
    assert cli.main([*given, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    found = LearnedProjection.load(out)
    assert (found.n_units, found.n_active, found.rule) == (256, 8, "biohash")
    assert found.describe() in " ".join(shown.split())


def test_spiking(tmp_path: Path) -> None:
    content = ran("spiking", tmp_path)
    softmax = value(content, "recall", method="softmax, settled", background=0)
    for method in ("population, 25 draws vote", "neural sampling of the nearest 12"):
        assert abs(value(content, "recall", method=method, background=0) - softmax) <= 0.1
    assert value(content, "divergence", neurons=4) < 2e-3 < value(content, "wrong", neurons=4)


def test_spikes(tmp_path: Path) -> None:
    pytest.importorskip("snntorch")
    content = ran("spikes", tmp_path, "--seeds", "1")
    assert value(content, "cosine", when="thresholds from data") > 0.99
    assert value(content, "silent", when="thresholds from data") < 0.02
    assert 0.03 < value(content, "rate", when="thresholds from data") < 0.06
    assert value(content, "cosine", when="thresholds of 1, as snnTorch has them") == 0.0  # no decoder yet


def test_matrix(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    content = ran("matrix", tmp_path)
    assert value(content, "megabytes", form="W, dense, on cpu", n=1024) == 4 * 1024**2 / 1e6
    assert value(content, "megabytes", form="dual", n=1024) < 1
    assert all(row["values"]["hop"]["mean"] > 0 for row in content["research"]["rows"])


def test_cues(tmp_path: Path) -> None:
    content = ran("cues", tmp_path)
    plain, helped = (
        value(content, "first", cues=kind)
        for kind in ("text and sentences", "text, sentences and the caller's paraphrase")
    )
    assert min(plain, helped) > 0.5
    assert value(content, "tenth", cues="text, sentences and the caller's paraphrase") > 0.9


def test_embedders(tmp_path: Path) -> None:
    content = ran("embedders", tmp_path)
    assert 0 < value(content, "gap", of="recall") < 1


def test_the_page_has_every_experiment() -> None:
    """Each experiment's figures stand on the page, and are those of the reports."""
    page = read("docs/experiments.md")
    assert {*re.findall(r"<!-- figures:begin research-([\w-]+) -->", page)} == {*NAMES}
    assert render("docs/experiments.md", page, read_reports(ROOT / "benchmarks"), "../benchmarks/") == page


@pytest.mark.parametrize("name", NAMES)
def test_committed_reports_are_full_runs(name: str) -> None:
    report = json.loads((ROOT / "benchmarks" / "research" / f"{name}.json").read_text(encoding="utf-8"))
    assert report["conditions"]["quick"] is False and report["conditions"]["seeds"] >= 3
    assert report["research"]["seconds"] > 0
    assert [table["title"] for table in report["research"]["tables"]] == [
        table.title for table in experiment_of(name).tables
    ]
