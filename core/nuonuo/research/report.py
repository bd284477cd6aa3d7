"""What an experiment leaves behind: JSON with every condition and every row, Markdown, and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nuonuo.evaluation.plot import new_figure
from nuonuo.evaluation.report import circumstances, to_markdown
from nuonuo.research.frame import Findings, Row
from nuonuo.research.layout import distinct, fill, shown
from nuonuo.research.material.source import Material

PACKAGES = ("torch", "snntorch", "sentence-transformers", "onnxruntime")


def conditions(found: Findings, material: Material, command: Sequence[str]) -> dict[str, Any]:
    """Everything that the figures depend on, as plain JSON values."""
    return {
        "data": material.described(),
        "pairs": material.pairs_described(),
        "embedder": material.embedder.name,
        "seeds": found.seeds,
        "quick": found.quick,
        "device": material.device,
        **circumstances(PACKAGES, command),
    }


def to_json(found: Findings, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The whole report; ``tables`` are the rows as they are shown."""
    experiment = found.experiment
    return {
        "conditions": dict(stated),
        "research": {
            "name": experiment.name,
            "title": experiment.title,
            "question": experiment.question,
            "seconds": round(found.seconds, 1),
            "tables": [asdict(fill(table, found.rows)) for table in experiment.tables],
            "rows": [_row(row) for row in found.rows],
        },
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "condition": dict(row.condition),
        "seeds": row.seeds,
        "seconds": row.seconds._asdict(),
        "values": {name: value._asdict() for name, value in row.values.items()},
    }


def markdown(found: Findings, stated: Mapping[str, Any], plot: str | None = None) -> str:
    """The tables for people, with what they depend on above them."""
    experiment, machine_ = found.experiment, stated["machine"]
    data = stated["data"] or {"name": "made-up texts"}
    lines = [
        f"# {experiment.title}",
        "",
        experiment.question,
        "",
        f"Texts: {data['name']}. Embedder: {stated['embedder']}. Mean ± sample standard deviation over "
        f"{found.seeds} seeds; {found.seconds:,.0f} s in all. {stated['date']}, {machine_['processor']}, "
        f"{machine_['cores']} cores, Python {stated['python']}, NumPy {stated['numpy']}.",
        *(["Quick: the smallest run, as the tests have it."] if found.quick else []),
        "",
        f"`{stated['command']}`",
    ]
    for table in experiment.tables:
        filled = fill(table, found.rows)
        if filled.rows:
            lines += [
                "",
                f"## {filled.title}",
                "",
                *to_markdown(filled.header, filled.rows, words=filled.words),
            ]
    if plot is not None:
        lines += ["", f"![{experiment.title}]({plot})"]
    return "\n".join(lines) + "\n"


def draw(found: Findings, path: str | Path) -> None:
    """Write the experiment's plot to ``path``; its suffix gives the format.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    plot = found.experiment.plot
    rows = [
        row
        for row in found.rows
        if {plot.x, plot.line} <= {*row.condition}
        and plot.value.name in row.values
        and all(row.condition.get(key) == value for key, value in plot.where.items())
    ]
    panels = distinct(row.condition[plot.panel] for row in rows) if plot.panel else [""]
    figure = new_figure(max(6.4, 3.6 * len(panels)), 4.2)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, panel in zip(grid, panels, strict=True):
        of = [row for row in rows if plot.panel is None or row.condition[plot.panel] == panel]
        for line in distinct(row.condition[plot.line] for row in of):
            points = sorted(
                (row for row in of if row.condition[plot.line] == line), key=lambda row: row.condition[plot.x]
            )
            means = [plot.value.scale * row.values[plot.value.name].mean for row in points]
            spreads = [plot.value.scale * row.values[plot.value.name].deviation for row in points]
            axes.errorbar(
                [row.condition[plot.x] for row in points],
                means,
                spreads,
                label=shown(line),
                marker=".",
                capsize=2,
            )
        title = f"{plot.panel}: {shown(panel)}" if plot.panel else found.experiment.title
        axes.set(xlabel=plot.x, title=title)
        if plot.log_x:
            axes.set_xscale("log")
        if plot.log_y:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    grid[0].set_ylabel(plot.value.label + (", %" if plot.value.scale == 100 else ""))
    grid[-1].legend(frameon=False, fontsize=8)
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110, metadata={"Software": None} if target.suffix == ".png" else None)
