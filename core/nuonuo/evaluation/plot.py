"""Plots, for those who have matplotlib: recall against k, and what grows with the number of memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nuonuo.errors import MissingDependencyError
from nuonuo.evaluation.metrics import recall_at, spread
from nuonuo.evaluation.runner import Run


def recall_curves(run: Run) -> dict[str, list[float]]:
    """For each system, mean recall in percent at k = 1, 2, ... up to the greatest k of the data set."""
    asked = [o for o in run.outcomes if not o.foreign and o.question.answerable and o.question.relevant]
    curves: dict[str, list[float]] = {}
    for system in dict.fromkeys(o.system for o in asked):
        chosen = [o for o in asked if o.system == system]
        curves[system] = [
            100 * spread([recall_at(o.ranked, o.question.relevant, k) for o in chosen]).mean
            for k in range(1, max(run.dataset.memory_ks) + 1)
        ]
    return curves


def distinct_curves(curves: Mapping[str, Sequence[float]]) -> dict[tuple[float, ...], list[str]]:
    """Each curve once, with all systems that have it: of lines on top of each other only one is seen."""
    systems: dict[tuple[float, ...], list[str]] = {}
    for system, values in curves.items():
        systems.setdefault(tuple(values), []).append(system)
    return systems


def plot_recall(run: Run, path: str | Path) -> None:
    """Write the plot to ``path``; its suffix gives the format.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(6.4, 4.2)
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots()
    for values, systems in distinct_curves(recall_curves(run)).items():
        axes.plot(
            range(1, len(values) + 1),
            values,
            label=", ".join(systems),
            linewidth=2.5 if "nuonuo" in systems else 1.2,
            zorder=3 if "nuonuo" in systems else 2,
        )
    axes.set(xlabel="k", ylabel=f"recall@k, % ({run.dataset.unit}s)", title=run.dataset.name, ylim=(0, 100))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(Path(path).expanduser())


# Of each panel: its title, and what is drawn of NuoNuo and of the others: the measure, its name, what it is
# divided by for the axis.
_PANELS: tuple[tuple[str, tuple[tuple[str, str, float], ...]], ...] = (
    ("latency, p50, ms", (("recall_ms_p50", "recall", 1), ("hop_ms_p50", "hop", 1), ("query_ms_p50", "", 1))),
    ("growth of the process, MB", (("resident_bytes", "", 1e6),)),
    ("time to fill, s", (("build_seconds", "", 1), ("first_answer_seconds", "open and first answer", 1))),
    ("on disk, MB", (("file_bytes", "", 1e6),)),
)


def plot_scale(found: Mapping[str, Any], path: str | Path) -> None:
    """Write the plot of what `nuonuo bench scale` found, each line with its exponent, to ``path``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(14, 8.4)
    series = [(f"NuoNuo, {row['store']}", f"nuonuo, {row['store']}", row) for row in found["engine"]]
    series += [(str(row.get("name", row["system"])),) * 2 + (row,) for row in found["systems"]]
    for axes, (title, measures) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for name, key in dict.fromkeys((name, key) for name, key, _ in series):
            for measure, what, unit in measures:
                points = [
                    (row["size"], row[measure] / unit)
                    for _, other, row in series
                    if other == key and (row.get(measure) or 0) > 0
                ]
                if points:
                    exponent = found["exponents"].get(key, {}).get(measure)
                    label = ": ".join(filter(None, (name, what)))
                    axes.loglog(
                        *zip(*points, strict=True),
                        label=label if exponent is None else f"{label} ({exponent:.2f})",
                        linewidth=2.5 if key.startswith("nuonuo") else 1.2,
                        marker="o",
                        markersize=3,
                    )
        axes.set(xlabel="memories", title=f"{title} (exponent)")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(Path(path).expanduser())


def new_figure(width: float, height: float) -> Any:
    """A figure of matplotlib, in inches, that lays itself out.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("a plot needs matplotlib: pip install matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")
