"""The tables of what is recalled: the engine beside the baselines, and where one of them is ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nuonuo.evaluation.report import short, to_markdown
from nuonuo.evaluation.systems.baselines import BM25, Dense, Fusion
from nuonuo.evaluation.systems.frameworks import LangChainVectorStore, LlamaIndexVectorStore, Mem0
from nuonuo.evaluation.tables.reports import FITTED, Report, conditions_line, detail_of, name_of

Column = tuple[str, str, int]  # level, metric, k

NUONUO = "nuonuo"
SYSTEMS = {Dense.name: "dense alone", BM25.name: "BM25", Fusion.name: "RRF", NUONUO: "NuoNuo"}
BASELINES = [system for system in SYSTEMS if system != NUONUO]
FRAMEWORKS = {
    LangChainVectorStore.name: "LangChain's `InMemoryVectorStore`",
    LlamaIndexVectorStore.name: "LlamaIndex's `VectorStoreIndex`",
    Mem0.name: "mem0 (`infer=False`)",
}
LEVELS = {"turn": "turns", "session": "sessions", "passage": "passages", "memory": "memories"}
NONE = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: one or more figures of one source. ``brief``: the short table has it too."""

    source: str
    columns: tuple[Column, ...]
    category: str = "all"
    brief: bool = True


ROWS = (
    Row("locomo", (("turn", "recall", 1),)),
    Row("locomo", (("turn", "recall", 10),)),
    Row("locomo", (("turn", "recall", 10),), "multi-hop"),
    Row("locomo", (("session", "any", 5), ("session", "all", 5))),
    Row("asked", (("turn", "recall", 5), ("turn", "recall", 10))),
    Row("longmemeval", (("session", "any", 1),)),
    Row("longmemeval", (("session", "any", 5), ("session", "all", 5))),
    Row("longmemeval", (("session", "all", 10),), brief=False),
    Row("longmemeval", (("turn", "recall", 10),)),
    Row("pooled", (("session", "any", 1), ("session", "any", 5))),
    Row("both", (("session", "any", 1), ("session", "all", 5))),
    Row("both", (("turn", "recall", 10),)),
    *(
        row
        for source in ("musique", "hotpotqa", "2wiki")
        for row in (
            Row(source, (("passage", "recall", 2), ("passage", "recall", 5))),
            Row(source, (("passage", "all", 10),), brief=False),
        )
    ),
    *(
        Row("2wiki", (("passage", "all", 10),), kind, brief=False)
        for kind in ("comparison", "compositional", "inference", "bridge comparison")
    ),
)
SURE = ("locomo", "longmemeval")  # whose confidence the short table shows


@dataclass(frozen=True, slots=True)
class Line:
    """A row that was filled: for each system that was run its figures in percent, None where it has none."""

    source: str
    label: str
    values: Mapping[str, tuple[float | None, ...]]

    def shown(self, system: str) -> tuple[str, ...]:
        return tuple(NONE if value is None else f"{value:.1f}" for value in self.values.get(system, ()))


def summary(editions: Sequence[Mapping[str, Report]]) -> list[str]:
    """The short table, each source in its first edition; with its conditions, and whom it speaks for."""
    chosen: dict[str, Report] = {}
    for edition in reversed(editions):
        chosen |= edition
    return _block(chosen, brief=True)


def recall(editions: Sequence[Mapping[str, Report]]) -> list[str]:
    """The whole table, one for each edition."""
    return [line for edition in editions for line in _block(edition, brief=False)]


def behind(editions: Sequence[Mapping[str, Report]]) -> list[str]:
    """Where a baseline is ahead, in any category, among the figures that the reports' own tables show."""
    header = ["in %", "questions", "figure", "the best baseline", "NuoNuo"]
    rows = [row for edition in editions for report in edition.values() for row in _lost(report)]
    return to_markdown(header, rows, words=4) if rows else []


def of_column(column: Column) -> str:
    """``("turn", "recall", 1)`` as "R@1"."""
    return f"{short(column[1])}@{column[2]}"


def _block(chosen: Mapping[str, Report], *, brief: bool) -> list[str]:
    retrieved = _retrieved(chosen, brief=brief)
    sure = _confident(chosen, brief=brief)
    if not retrieved and not sure:
        return []
    reports = [chosen[key] for key in chosen]
    lines = [conditions_line(reports)]
    if any(report.split == FITTED for report in reports):
        lines += ["The constants were chosen while looking at development splits: expect less elsewhere."]
    rows = [[line.label, *_bold(line)] for line in [*retrieved, *sure]]
    lines += ["", *to_markdown(["in %", *SYSTEMS.values()], rows)]
    if retrieved:
        lines += ["", "The frameworks' own retrievers, on the same embeddings:", "", *_frameworks(retrieved)]
    return [*lines, ""]


def _retrieved(chosen: Mapping[str, Report], *, brief: bool) -> list[Line]:
    lines: list[Line] = []
    counted: dict[tuple[str, str], int] = {}  # source and category -> the questions that the last row told
    for row in ROWS:
        report = chosen.get(row.source)
        if report is None or (brief and not row.brief):
            continue
        figures = {
            (f["system"], (f["level"], f["metric"], f["k"])): f
            for f in report.content["figures"]
            if f["category"] == row.category
        }
        values = {
            system: tuple(_mean(figures.get((system, column))) for column in row.columns)
            for system in dict.fromkeys(system for system, _ in figures)
        }
        questions = [figures[key]["questions"] for key in figures if key[1] in row.columns]
        if not questions:
            continue
        asked = (row.source, row.category)
        told = [] if counted.get(asked) == questions[0] else [f"{questions[0]:,} questions"]
        if told and (row.source, "all") not in counted:
            told += filter(None, [detail_of(report)])
        counted[asked] = questions[0]
        lines.append(Line(name_of(report), _label(name_of(report), row, told), values))
    return lines


def _label(name: str, row: Row, told: Sequence[str]) -> str:
    words = [name] if row.category == "all" else [name, row.category]
    if told:
        words[-1] += f" ({', '.join(told)})"
    return ", ".join([*words, LEVELS[row.columns[0][0]], " / ".join(map(of_column, row.columns))])


def _confident(chosen: Mapping[str, Report], *, brief: bool) -> list[Line]:
    """AUROC in percent, a line for each kind of question that confidence is to tell from the own ones."""
    lines = []
    for key, report in chosen.items():
        if brief and key not in SURE:
            continue
        name = name_of(report)
        lines += [
            Line(name, f"confidence, {name}: {kinds}", {system: (value,) for system, value in values.items()})
            for kinds, values in _aurocs(report).items()
        ]
    return lines


def _aurocs(report: Report) -> dict[str, dict[str, float]]:
    """What confidence is to tell apart -> system -> AUROC in percent."""
    found: dict[str, dict[str, float]] = {}
    for each in report.content["confidence"]:
        kinds = f"{each['positive']} ({each['positives']}) against {each['negative']} ({each['negatives']})"
        found.setdefault(f"{kinds}, AUROC", {})[each["system"]] = 100 * each["auroc"]
    return found


def _lost(report: Report) -> list[list[str]]:
    """The rows of `behind` for one report."""
    by_figure: dict[tuple[str, int, Column], dict[str, float]] = {}
    for f in report.content["figures"]:
        column = (f["level"], f["metric"], f["k"])
        if f["metric"] == "recall" or column in _SESSIONS:
            by_figure.setdefault((f["category"], f["questions"], column), {})[f["system"]] = f["mean"]
    rows: list[tuple[str, str, Mapping[str, float]]] = [
        (f"{category} ({questions})", f"{LEVELS[column[0]]}, {of_column(column)}", values)
        for (category, questions, column), values in by_figure.items()
    ]
    rows += [("all", kinds, values) for kinds, values in _aurocs(report).items()]
    found = []
    for questions, figure, values in rows:
        shown = {system: f"{values[system]:.1f}" for system in SYSTEMS if system in values}
        best = max((float(shown[system]) for system in BASELINES if system in shown), default=0.0)
        if NUONUO in shown and best > float(shown[NUONUO]):
            ahead = [SYSTEMS[system] for system in BASELINES if shown.get(system) == f"{best:.1f}"]
            row = [name_of(report), questions, figure, f"{', '.join(ahead)} {best:.1f}", shown[NUONUO]]
            found.append(row)
    return found


_SESSIONS = {("session", "any", 1), ("session", "any", 5), ("session", "all", 5), ("session", "all", 10)}


def _bold(line: Line) -> list[str]:
    """A cell for each system, the best of each figure in bold."""
    width = max(map(len, line.values.values()))
    cells = [line.shown(system) or (NONE,) * width for system in SYSTEMS]
    best = [_best(values) for values in zip(*cells, strict=True)]
    shown = []
    for values in cells:
        wins = [value == top for value, top in zip(values, best, strict=True)]
        if all(wins):
            shown.append(f"**{' / '.join(values)}**")
        elif set(values) == {NONE}:
            shown.append(NONE)
        else:
            each = zip(values, wins, strict=True)
            shown.append(" / ".join(f"**{value}**" if win else value for value, win in each))
    return shown


def _best(values: Sequence[str]) -> str | None:
    """The highest of what systems reached; alone, nothing is best."""
    present = [value for value in values if value != NONE]
    return max(present, key=float) if len(present) > 1 else None


def _frameworks(lines: Sequence[Line]) -> list[str]:
    """A line for all retrievers of which the same is true: equal to dense, row for row, or how not."""
    names: dict[str, list[str]] = {}
    for system, name in FRAMEWORKS.items():
        names.setdefault(_compared(system, lines), []).append(name)
    return [f"- {', '.join(these)}: {what}." for what, these in names.items()]


def _compared(system: str, lines: Sequence[Line]) -> str:
    run = [line for line in lines if system in line.values]
    if not run:
        return "not run"
    other = [line for line in run if line.shown(system) != line.shown(Dense.name)]
    if not other and len(run) == len(lines):
        return "the figures of dense alone in every row of retrieval"
    parts = [f"the figures of dense alone in {len(run) - len(other)} of {len(run)} rows"]
    if other:
        each = [f"{line.label}: {' / '.join(line.shown(system))}" for line in other]
        parts.append(f"not in {'; '.join(each)}")
    missing = _distinct(line.source for line in lines if system not in line.values)
    return "; ".join(parts + ([f"not run: {', '.join(missing)}"] if missing else []))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _mean(figure: Mapping[str, float] | None) -> float | None:
    return None if figure is None else figure["mean"]
