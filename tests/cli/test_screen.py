"""What the benchmarks show on a terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

pytest.importorskip("rich")

from rich.console import Console

from nuonuo.cli import bench
from nuonuo.cli import commands as cli
from nuonuo.cli.screen import show


@pytest.mark.parametrize("width", [120, 72, 48])
def test_no_cell_of_a_table_is_cut_off(width: int) -> None:
    header = ["measure", "20,000", "100,000"]
    rows = [
        ["the start of a chain; each hop after that, p50", "0.6; 0.09 ms", "1.0; 0.10 ms"],
        ["add in batches, while it is in use", "1,935 a second", "1,841 a second"],
    ]
    out = StringIO()
    show(Console(file=out, width=width), "scale", header, rows)
    shown = out.getvalue()
    assert "…" not in shown
    words = {word for row in (header, *rows) for cell in row for word in cell.split()}
    assert words <= {*shown.split()}  # between words, where there is room for each of them


@pytest.mark.parametrize("option", ["--out", "--plot"])
@pytest.mark.parametrize(
    ("kind", "where", "told"),
    [
        ("jsonl", "folder", "is a folder; name a file in it"),
        ("jsonl", "", "is a folder; name a file in it"),
        ("jsonl", "file/report.json", "cannot be written ("),
        ("all", "file", "is a file; name a folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(
    kind: str,
    where: str,
    told: str,
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(bench, "load", lambda *_, **__: pytest.fail("it began"))
    data = tmp_path if kind == "all" else tmp_path / "mine.jsonl"
    assert cli.main(["bench", kind, "--data", str(data), option, str(tmp_path / where)]) == 1
    assert told in capsys.readouterr().err
