"""The frame of the experiments: samples become rows, rows become tables, reports and pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.tables import BEGIN, END, read_reports, render
from nuonuo.research import report
from nuonuo.research.catalogue import NAMES, experiment_of
from nuonuo.research.frame import Plot, Row, Sample, Spread, Table, Tell, Value, gather, percent, run
from nuonuo.research.layout import fill
from nuonuo.research.material.source import Material

SHARE = percent("share", "share")
COUNT = Value("count", "how many", ",.0f")


class Doubling:
    """Measures nothing but its seed."""

    name = "doubling"
    title = "Doubling"
    question = "What is twice the seed?"
    seeds = 3
    tables = (
        Table("across", ("kind",), (SHARE,), "n"),
        Table("both across", ("kind",), (SHARE, COUNT), "n"),
        Table("down", ("kind", "n"), (SHARE, COUNT)),
        Table("one kind", ("n",), (COUNT,), where={"kind": "b"}),
    )
    plot = Plot("n", SHARE, "kind")

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        for kind, n in (("a", 2000), ("a", 10), ("b", 10)):
            yield Sample({"kind": kind, "n": n}, {"share": seed / 10, "count": 2.0 * n}, 0.5)
        tell("done")


def test_rows_are_means_over_seeds_with_their_spread() -> None:
    said: list[str] = []
    found = run(Doubling(), Material(), tell=said.append)
    assert [(dict(row.condition), row.seeds) for row in found.rows] == [
        ({"kind": "a", "n": 2000}, 3), ({"kind": "a", "n": 10}, 3), ({"kind": "b", "n": 10}, 3),
    ]  # fmt: skip
    assert found.rows[0].values["share"] == pytest.approx((0.1, 0.1))
    assert found.rows[0].seconds == (0.5, 0.0)
    assert said == ["seed 0: done", "seed 1: done", "seed 2: done"]
    assert run(Doubling(), Material(), quick=True).seeds == 2
    assert run(Doubling(), Material(), seeds=1).rows[0].seeds == 1
    with pytest.raises(InvalidInputError, match="at least one seed, got 0"):
        run(Doubling(), Material(), seeds=0)


def test_samples_of_one_condition_must_measure_the_same() -> None:
    with pytest.raises(InvalidInputError, match="must measure the same"):
        gather([Sample({"n": 1}, {"a": 1.0}, 0.0), Sample({"n": 1}, {"b": 1.0}, 0.0)])


def test_tables_are_laid_out_as_declared() -> None:
    tables = [fill(table, run(Doubling(), Material()).rows) for table in Doubling.tables]
    assert (tables[0].header, tables[0].words) == (["kind", "10", "2,000"], 1)
    assert tables[0].rows == [["a", "10.0 ± 10.0", "10.0 ± 10.0"], ["b", "10.0 ± 10.0", "–"]]
    assert (tables[1].header, tables[1].words) == (["kind", "", "10", "2,000"], 2)
    assert tables[1].rows[1] == ["a", "how many", "20", "4,000"]
    assert (tables[2].header, tables[2].words) == (["kind", "n", "share", "how many"], 2)
    assert tables[2].rows[0] == ["a", "2,000", "10.0 ± 10.0", "4,000"]
    assert tables[3].rows == [["10", "20"]]


def test_a_spread_of_nothing_is_not_shown() -> None:
    assert SHARE.shown(Spread(0.5, 0.0001)) == "50.0"
    assert SHARE.shown(Spread(0.5, 0.01)) == "50.0 ± 1.0"
    assert COUNT.shown(Spread(12_345.0, 1_000.0)) == "12,345 ± 1,000"
    # A row that lacks a value of a table shows a dash.
    row = Row({"kind": "a", "n": 1}, {"share": Spread(1.0, 0.0)}, Spread(0.0, 0.0), 1)
    assert fill(Doubling.tables[2], [row]).rows == [["a", "1", "100.0", "–"]]


def test_the_report_has_every_row_and_fills_the_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = run(Doubling(), Material())
    stated = report.conditions(found, Material(), ["nuonuo", "bench", "research", "doubling"])
    content = report.to_json(found, stated)
    assert json.loads(json.dumps(content)) == content
    assert len(content["research"]["rows"]) == 3
    assert content["research"]["rows"][1]["values"]["count"] == {"mean": 20.0, "deviation": 0.0}
    assert stated["seeds"] == 3 and stated["pairs"]["pairs"] == 2000 and stated["data"] is None
    place = tmp_path / "research"
    report.draw(found, place / "doubling.png")
    assert (place / "doubling.png").read_bytes().startswith(b"\x89PNG")
    (place / "doubling.json").write_text(json.dumps(content), encoding="utf-8")
    (place / "doubling.md").write_text(report.markdown(found, stated, "doubling.png"), encoding="utf-8")
    assert "## one kind" in (place / "doubling.md").read_text(encoding="utf-8")
    page = f"{BEGIN} research-doubling -->\n{END}\n"
    filled = render("page.md", page, read_reports(tmp_path), "../benchmarks/")
    assert "| a | 10.0 ± 10.0 | 10.0 ± 10.0 |" in filled
    assert "![Doubling](../benchmarks/research/doubling.png)" in filled
    assert "[doubling](../benchmarks/research/doubling.md)" in filled
    with pytest.raises(InvalidInputError, match="'research-other', of which the reports hold none"):
        render("page.md", page.replace("doubling", "other"), read_reports(tmp_path), "")


def test_experiments_are_found_by_name() -> None:
    for name in NAMES:
        experiment = experiment_of(name)
        assert experiment.name == name and experiment.seeds >= 3 and experiment.tables
    with pytest.raises(InvalidInputError, match="no experiment 'nosie'; there are noise"):
        experiment_of("nosie")
