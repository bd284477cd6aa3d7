"""A plot of recall against k, for those who have matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingDependencyError("a plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
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
