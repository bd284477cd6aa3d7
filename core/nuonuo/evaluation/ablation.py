"""What each part of the engine is worth: the base against variants with a part switched off.

Every variant is compared with the base on the same questions, fold by fold; and the best of them is
chosen on all folds but one and judged on the one that was held out, so that a setting which only fits
these questions shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.forms import Dataset
from nuonuo.evaluation.metrics import Spread, spread
from nuonuo.evaluation.report import MEMORY_METRICS, SESSION_METRICS, Metric
from nuonuo.evaluation.runner import Engine, Outcome, Progress, Run, StoreShelf, run

BASE = "base"

# The parts of the engine and the fields that switch each off.
PARTS: dict[str, dict[str, Any]] = {
    "no token patterns": {"token_weight": 0.0},
    "no lexical cue": {"lexical_weight": 0.0},
    "no dense cue": {"dense_weight": 0.0},
    "no sentence cues": {"sentence_cues": False},
    "no completion by neighbours": {"neighbour_discount": 0.0, "reply_discount": 0.0},
    "no temporal associations": {"temporal_near": 0.0, "temporal_far": 0.0, "temporal_reply": 0.0},
    "neighbours help the better too": {"temporal_own": 0.0},
    "no replies": {
        "reply_discount": MemoryConfig().neighbour_discount,
        "temporal_reply": MemoryConfig().temporal_near,
        "asked_discount": 1.0,
    },
    "long turns lean as short ones": {"short_turn": 1_000_000},
    "no discount for long texts": {"long_discount": 0.0},
    "no dates": {"date_cues": False},
    "no content links": {"content_weight": 0.0},
    "no names at all": {
        "naming_weight": 0.0,
        "sharing_weight": 0.0,
        "named_weight": 0.0,
        "branch_weight": 0.0,
    },
    "no links by title": {"naming_weight": 0.0},
    "no links by a name in common": {"sharing_weight": 0.0},
    "titles as weak as words": {"naming_floor": MemoryConfig().content_floor},
    "the question names nobody": {"named_weight": 0.0},
    "only the best begins": {"branch_weight": 0.0},
    "no further hop": {"hop_weight": 0.0},
    "not chosen together": {"together_weight": 0.0},
    "no loss for what resembles": {"redundancy_weight": 0.0},
    "questions count as answers": {"echo_discount": 1.0},
    "repeats count in full": {"repeat_loss": 0.0},
    "what all say answers too": {"common_loss": 0.0},
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variant against the base at one metric.

    Attributes:
        mean: over questions, in percent. change: variant minus base, in points.
        folds: mean and standard deviation over folds of the change.
    """

    variant: str
    mean: float
    change: float
    folds: Spread


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Choosing a variant on the other folds: what was chosen for each fold, and what that gave there.

    Attributes:
        chosen: fold -> variant. mean: over folds, in percent. base: the base on the same folds.
    """

    chosen: Mapping[str, str]
    mean: Spread
    base: Spread


def parse_setting(setting: str) -> tuple[str, Any]:
    """``field=value`` as a field of `MemoryConfig` and a value of its type.

    Raises:
        InvalidInputError: no such field, or a value that is none.
    """
    name, sign, text = setting.partition("=")
    name, text = name.strip(), text.strip()
    types = {field.name: str(field.type) for field in fields(MemoryConfig)}
    if not sign or name not in types:
        raise InvalidInputError(
            f"expected field=value with a field of MemoryConfig, got {setting!r}; fields: {', '.join(types)}"
        )
    kind = types[name]
    try:
        if kind == "bool":
            return name, {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind in {"int", "float"}:
            return name, int(text) if kind == "int" else float(text)
    except (ValueError, KeyError) as error:
        raise InvalidInputError(f"{name} takes {kind}, got {text!r}") from error
    return name, None if text.lower() == "none" else text


def parse_variant(text: str) -> tuple[str, dict[str, Any]]:
    """``name: field=value, field=value`` (the name may be left out) as a name and its settings."""
    name, colon, settings = text.partition(":")
    if not colon:
        name, settings = text, text
    return name.strip(), dict(parse_setting(part) for part in settings.split(","))


def ablate(
    dataset: Dataset,
    embedder: Embedder,
    base: MemoryConfig,
    variants: Mapping[str, Mapping[str, Any]],
    progress: Progress | None = None,
) -> Run:
    """Run the base and every variant over ``dataset``; their stores are shared where they can be."""
    shelf = StoreShelf()
    configs = {BASE: base, **{name: replace(base, **settings) for name, settings in variants.items()}}
    engines = [Engine(embedder, config, name=name, shelf=shelf) for name, config in configs.items()]
    return run(dataset, engines, foreign=False, progress=progress)


def compare(found: Run, level: str, metric: str, k: int) -> list[Comparison]:
    """Every variant against the base, the base first."""
    scores = _scores(found, level, metric, k)
    base = scores[BASE]
    rows = []
    for variant, folds in scores.items():
        flat, flat_base = _flat(folds), _flat(base)
        changes = [spread(folds[fold]).mean - spread(base[fold]).mean for fold in base]
        mean = spread(flat).mean
        rows.append(Comparison(variant, mean, mean - spread(flat_base).mean, spread(changes)))
    return rows


def hold_out(found: Run, level: str, metric: str, k: int) -> HeldOut | None:
    """Choose the best variant on all folds but one, judge it on that one; None for a single fold."""
    scores = _scores(found, level, metric, k)
    folds = list(scores[BASE])
    if len(folds) < 2:
        return None
    chosen = {}
    for held in folds:
        others = {
            variant: spread([value for fold in folds if fold != held for value in by_fold[fold]]).mean
            for variant, by_fold in scores.items()
        }
        chosen[held] = max(others, key=lambda variant: others[variant])  # the base where all are alike
    return HeldOut(
        chosen,
        spread([spread(scores[chosen[fold]][fold]).mean for fold in folds]),
        spread([spread(scores[BASE][fold]).mean for fold in folds]),
    )


def columns(dataset: Dataset) -> list[tuple[str, str, int]]:
    """The figures that an ablation shows: (level, metric, k)."""
    chosen = [(dataset.unit, "recall", k) for k in ((1, 10) if dataset.unit == "turn" else (2, 5))]
    if dataset.unit == "passage":
        chosen += [("passage", "all", 10)]
    if dataset.session_ks:
        chosen += [("session", "any", 1), ("session", "any", 5), ("session", "all", 5)]
    return chosen


def table(found: Run, chosen: Sequence[tuple[str, str, int]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: for each variant the mean, the change, and how the change varies over folds."""
    compared = {column: compare(found, *column) for column in chosen}
    header = ["", *(f"{level} {metric}@{k}" for level, metric, k in chosen)]
    rows = []
    for at, row in enumerate(compared[chosen[0]]):
        cells = []
        for column in chosen:
            other = compared[column][at]
            change = "" if other.variant == BASE else f" ({other.change:+.1f} ± {other.folds.deviation:.1f})"
            cells.append(f"{other.mean:.1f}{change}")
        rows.append([row.variant, *cells])
    return header, rows


def held_out_lines(found: Run, chosen: Sequence[tuple[str, str, int]]) -> list[str]:
    """A line a column: what choosing the best variant on the other folds gives on the one held out."""
    lines = []
    for level, metric, k in chosen:
        held = hold_out(found, level, metric, k)
        if held is not None:
            times = Counter(held.chosen.values())
            names = ", ".join(f"{name} x{count}" for name, count in times.items())
            lines.append(
                f"{level} {metric}@{k}, best of the variants chosen on the other folds: {_shown(held.mean)} "
                f"(base {_shown(held.base)}); chosen: {names}"
            )
    return lines


def to_json(found: Run, stated: Mapping[str, Any], columns: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    """The report of an ablation at each of ``columns`` (level, metric, k)."""
    results = []
    for level, metric, k in columns:
        held = hold_out(found, level, metric, k)
        results.append(
            {
                "level": level,
                "metric": metric,
                "k": k,
                "variants": [
                    {**asdict(row), "folds": row.folds._asdict()} for row in compare(found, level, metric, k)
                ],
                "held_out": held
                and {"chosen": dict(held.chosen), "mean": held.mean._asdict(), "base": held.base._asdict()},
            }
        )
    return {"conditions": dict(stated), "ablation": results}


def _scores(found: Run, level: str, metric: str, k: int) -> dict[str, dict[str, list[float]]]:
    """variant -> fold -> percent for each question."""
    at_session = level == "session"
    functions: Mapping[str, Metric] = SESSION_METRICS if at_session else MEMORY_METRICS
    scores: dict[str, dict[str, list[float]]] = {}
    for outcome in found.outcomes:
        ranked, wanted = _level(outcome, at_session)
        if outcome.question.answerable and wanted:
            folds = scores.setdefault(outcome.system, {})
            folds.setdefault(outcome.question.fold, []).append(100 * functions[metric](ranked, wanted, k))
    if not scores:
        raise InvalidInputError(f"no question of this data set can be judged at {level} level")
    return scores


def _level(outcome: Outcome, at_session: bool) -> tuple[Sequence[str], frozenset[str]]:
    if at_session:
        return outcome.sessions, outcome.question.sessions
    return outcome.ranked, outcome.question.relevant


def _flat(folds: Mapping[str, Sequence[float]]) -> list[float]:
    return [value for values in folds.values() for value in values]


def _shown(value: Spread) -> str:
    return f"{value.mean:.1f} ± {value.deviation:.1f}"
