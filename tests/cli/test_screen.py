"""What the benchmarks show on a terminal."""

from __future__ import annotations

from io import StringIO

import pytest

pytest.importorskip("rich")

from rich.console import Console

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
