"""What an experiment is, and how it is run: over seeds, condition by condition, with a mean and a spread.

An experiment yields samples: the condition, what was measured under it, and the seconds that it took.
Samples of one condition, one from each seed, become a row. Tables and the plot are declared, never drawn
by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.metrics import Spread, spread
from nuonuo.research.material.source import Material

Setting = str | int | float
Condition = Mapping[str, Setting]
Tell = Callable[[str], None]
"""Called with what was just done."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one seed gave under one condition.

    Attributes:
        values: by name, what was measured. seconds: that measuring it took.
    """

    condition: Condition
    values: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """What all seeds gave under one condition: mean and sample standard deviation."""

    condition: Condition
    values: Mapping[str, Spread]
    seconds: Spread
    seeds: int


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value as a table shows it.

    Attributes:
        name: in `Sample.values`. label: what people call it. form: of its mean, for `format`.
        scale: what it is multiplied with first, 100 for percent.
    """

    name: str
    label: str
    form: str = ".3f"
    scale: float = 1.0

    def shown(self, value: Spread) -> str:
        """Mean ± spread; the spread is left out where it is nothing."""
        mean, deviation = (format(self.scale * part, self.form) for part in value)
        return mean if float(deviation.replace(",", "")) == 0 else f"{mean} ± {deviation}"


def percent(name: str, label: str, digits: int = 1) -> Value:
    """A share of 1, shown in percent."""
    return Value(name, label, f".{digits}f", 100.0)


@dataclass(frozen=True, slots=True)
class Table:
    """How rows are laid out.

    Attributes:
        down: the parts of the condition that name a line. across: the part whose values are the columns; None
            where each of ``values`` is a column of its own. where: only rows whose condition has these.
    """

    title: str
    down: tuple[str, ...]
    values: tuple[Value, ...]
    across: str | None = None
    where: Condition = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plot:
    """The one plot of an experiment: ``value`` over ``x``, with a line and a panel for each of theirs."""

    x: str
    value: Value
    line: str
    panel: str | None = None
    where: Condition = field(default_factory=dict)
    log_x: bool = False
    log_y: bool = False


class Experiment(Protocol):
    """An experiment: what it asks, how it measures, and how that is shown.

    Attributes:
        name: on the command line. title: on the page. question: in one sentence.
        seeds: how many a full run takes.
    """

    name: str
    title: str
    question: str
    seeds: int
    tables: tuple[Table, ...]
    plot: Plot

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        """Yield a sample for each condition; ``quick`` for the smallest run that means anything."""
        ...


@dataclass(frozen=True, slots=True)
class Findings:
    """All rows of an experiment, in the order in which they were first met, and the whole run's seconds."""

    experiment: Experiment
    rows: tuple[Row, ...]
    seconds: float
    quick: bool
    seeds: int


def run(
    experiment: Experiment,
    material: Material,
    *,
    seeds: int | None = None,
    quick: bool = False,
    tell: Tell | None = None,
) -> Findings:
    """Run ``experiment`` with the seeds 0, 1, ...; as many as it wants where ``seeds`` is None.

    Raises:
        InvalidInputError: fewer than one seed.
    """
    count = seeds if seeds is not None else (2 if quick else experiment.seeds)
    if count < 1:
        raise InvalidInputError(f"an experiment needs at least one seed, got {count}")
    say = tell or (lambda what: None)
    started = time.perf_counter()
    found: list[Sample] = []
    for seed in range(count):
        found += experiment.measure(material, seed, quick, lambda what, at=seed: say(f"seed {at}: {what}"))  # type: ignore[misc]
    return Findings(experiment, gather(found), time.perf_counter() - started, quick, count)


def gather(samples: Sequence[Sample]) -> tuple[Row, ...]:
    """One row a condition, over all its samples.

    Raises:
        InvalidInputError: samples of one condition that measured different things.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(json.dumps(dict(sample.condition), sort_keys=True), []).append(sample)
    rows = []
    for group in groups.values():
        names = list(group[0].values)
        if any(set(sample.values) != set(names) for sample in group):
            raise InvalidInputError(
                "samples of one condition must measure the same, got "
                f"{[sorted(s.values) for s in group]} for {dict(group[0].condition)}"
            )
        values = {name: spread([sample.values[name] for sample in group]) for name in names}
        rows.append(Row(group[0].condition, values, spread([s.seconds for s in group]), len(group)))
    return tuple(rows)


class Stopwatch:
    """Seconds since it was made, or since it was last read."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def read(self) -> float:
        now = time.perf_counter()
        taken, self._since = now - self._since, now
        return taken
