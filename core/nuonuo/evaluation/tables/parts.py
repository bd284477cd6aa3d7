"""The tables of what each part of the engine is worth, of speed, of scale and of chains."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nuonuo.evaluation.ablation import BASE
from nuonuo.evaluation.report import to_markdown
from nuonuo.evaluation.scale import results
from nuonuo.evaluation.tables.recall import LEVELS, NONE, Column, of_column
from nuonuo.evaluation.tables.reports import Report, conditions_line, editions, machine_of, name_of, source_of

# The figures of an ablation that are shown; of the others' reports the first two.
ABLATED: dict[str, tuple[Column, ...]] = {"longmemeval": (("session", "any", 1), ("turn", "recall", 10))}

SPEED = (
    ("recall, p50 / p95", "{recall_ms_p50:.1f} / {recall_ms_p95:.1f} ms"),
    ("exact search among as many vectors (one float32 matrix product), p50", "{exact_ms_p50:.1f} ms"),
    ("recall over exact search, p50", "{recall_to_exact:.1f}"),
    ("add, in batches", "{add_per_second:,.0f} a second"),
    ("add one durable turn, p50 / p95", "{add_one_ms_p50:.1f} / {add_one_ms_p95:.1f} ms"),
    ("hop of a chain, p50 / p95", "{hop_ms_p50:.1f} / {hop_ms_p95:.1f} ms"),
    (
        "the start of a chain; each hop after that, p50",
        "{chain_start_ms_p50:.1f}; {onward_hop_ms_p50:.2f} ms",
    ),
    ("from the stored memories to the first answer", "{build_seconds:.2f} s"),
    ("indexes, patterns and associations in RAM", "{shard_mb:,.0f} MB"),
    ("growth of the whole process", "{resident_mb:,.0f} MB"),
    ("the file", "{file_mb:,.0f} MB"),
    ("kernels", "{kernels}"),
)
CHAINS = (
    ("right starts", "{starts_right:.1%}"),
    ("right hops", "{hops_right:.1%}"),
    ("least cosine to the stored pattern", "{least_cosine:.3f}"),
)


def ablation(reports: Iterable[Report]) -> list[str]:
    """A table for each set of variants: the base, and by how many points each variant changes it."""
    together: dict[str, list[Report]] = {}
    for edition in editions(reports):
        for report in edition.values():
            same = json.dumps([report.split, report.conditions["embedder"], report.conditions["variants"]])
            together.setdefault(same, []).append(report)
    lines: list[str] = []
    for these in together.values():
        lines += [conditions_line(these), "", *_ablation_table(these), ""]
    return lines


def speed(reports: Sequence[Report]) -> list[str]:
    """A column for each report; the embedder's time is no part of it."""
    columns = {_number_of(report, "speed"): _with_megabytes(report.content["speed"]) for report in reports}
    return _columns("embedder excluded", columns, SPEED)


def speed_lines(reports: Sequence[Report]) -> list[str]:
    """The speed in a sentence, a line for each report."""
    form = (
        "With {memories:,} memories ({store}), a recall takes {recall_ms_p50:.1f} ms (p50, embedder "
        "excluded) and all that is derived {shard_mb:,.0f} MB of RAM"
    )
    return [
        f"{_filled(form, _with_megabytes(report.content['speed']))} ({machine_of(report)})."
        for report in reports
    ]


def scale(reports: Sequence[Report]) -> list[str]:
    """Of each report the tables of sizes, of systems and of namespaces, and what was left out."""
    lines: list[str] = []
    for report in reports:
        found = report.content["scale"]
        lines += [
            f"Embedder: {found['embedder']}, its time excluded; {found['questions']:,} questions, "
            f"k = {found['k']}; threads: {found['threads']} ({report.name}).",
            "",
        ]
        for title, header, rows in results.shown(found):
            lines += [f"**{title}**", "", *to_markdown(header, rows), ""]
        lines += [f"- {note}" for note in results.notes(found)]
        lines.append("")
    return lines


START = (
    ("start of the process to the first answer", "{wall_seconds:.2f} s"),
    ("of it one processor's time", "{processor_seconds:.2f} s"),
    ("memory of that process", "{resident_mb:,.0f} MB"),
    ("turns embedded a second of one processor's time: 500 / 8 / 1 at a time",
     "{turns_500:,.0f} / {turns_8:,.0f} / {turns_1:,.0f}"),
)  # fmt: skip


def start(reports: Sequence[Report]) -> list[str]:
    """A table for each report, a column for each embedder."""
    lines: list[str] = []
    for report in reports:
        lines += [*to_markdown(*start_table(report.content["start"]["rows"])), ""]
    return lines


def start_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what `nuonuo bench start` found."""
    columns = []
    for row in rows:
        rates = {f"turns_{at}": rate for at, rate in row["turns_per_second"].items()}
        columns.append(_with_megabytes({**row, **rates}))
    header = [f"{rows[0]['memories']:,} memories" if rows else ""]
    header += [f"{row['given']} ({row['embedder']})" for row in rows]
    return header, [[label, *(_filled(form, each) for each in columns)] for label, form in START]


def chains(reports: Sequence[Report]) -> list[str]:
    columns = {_number_of(report, "chains"): report.content["chains"] for report in reports}
    return _columns("walks from a noisy cue", columns, CHAINS)


def experiment(report: Report, folder: str) -> list[str]:
    """The tables of one experiment as its report has them, what they depend on, and its plot."""
    found, conditions = report.content["research"], report.conditions
    lines = [
        f"Embedder: {conditions['embedder']}. Mean ± standard deviation over {conditions['seeds']} seeds, "
        f"{found['seconds']:,.0f} s in all."
    ]
    for table in found["tables"]:
        if table["rows"]:
            rows = to_markdown(table["header"], table["rows"], words=table["words"])
            lines += ["", f"**{table['title']}**", "", *rows]
    picture = report.page.rpartition(".")[0] + ".png"
    return [*lines, "", f"![{found['title']}]({folder}{picture})", ""]


def _ablation_table(reports: Sequence[Report]) -> list[str]:
    shown = [(report, entry) for report in reports for entry in _entries(report)]
    header = ["variant", "what is set"]
    for report, entry in shown:
        column = (entry["level"], entry["metric"], entry["k"])
        header.append(f"{name_of(report)}, {LEVELS[column[0]]}, {of_column(column)}")
    settings = {BASE: {}, **reports[0].conditions["variants"]}
    rows = []
    for variant, fields in settings.items():
        found = [next((v for v in entry["variants"] if v["variant"] == variant), None) for _, entry in shown]
        by = ", ".join(f"`{field}={value}`" for field, value in fields.items())
        rows.append([variant, by, *map(_change, found)])
    return to_markdown(header, rows, words=2)


def _entries(report: Report) -> list[Mapping[str, Any]]:
    """The figures of an ablation that the table shows."""
    source = source_of(report)
    found: list[Mapping[str, Any]] = report.content["ablation"]
    wanted = ABLATED.get(source.key if source else "")
    if wanted is None:
        return found[:2]
    by_column = {(entry["level"], entry["metric"], entry["k"]): entry for entry in found}
    return [by_column[column] for column in wanted if column in by_column]


def _change(variant: Mapping[str, Any] | None) -> str:
    """The change in points ± its standard deviation over folds; of the base its mean."""
    if variant is None:
        return NONE
    if variant["variant"] == BASE:
        return f"{variant['mean']:.1f}"
    change, deviation = (round(value, 1) for value in (variant["change"], variant["folds"]["deviation"]))
    if not change:
        return "0" if not deviation else f"0.0 ± {deviation:.1f}"
    return f"{change:+.1f} ± {deviation:.1f}"


def _columns(
    corner: str, columns: Mapping[str, Mapping[str, Any]], rows: Sequence[tuple[str, str]]
) -> list[str]:
    filled = [[label, *(_filled(form, values) for values in columns.values())] for label, form in rows]
    return to_markdown([corner, *columns], filled) if columns else []


def _filled(form: str, values: Mapping[str, Any]) -> str:
    """``form`` with its values; a report of an earlier version, or another system, may lack one."""
    try:
        return form.format_map({name: value for name, value in values.items() if value is not None})
    except KeyError:
        return NONE


def _number_of(report: Report, kind: str) -> str:
    """A column's head: how much was measured."""
    found = report.content[kind]
    if kind == "speed":
        asked = f"{found['questions']:,} questions, k = {found['k']}"
        return f"{found['memories']:,} memories, {found['store']}, {asked} ({report.name})"
    walks = f"{found['chains']} chains of {found['hops']} hops, cue at cosine {found['cue_cosine']:g}"
    return f"{walks}, {found['memories']:,} memories ({report.name})"


def _with_megabytes(found: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name: found.get(f"{name}_bytes") for name in ("shard", "resident", "file")}
    return {
        **found,
        **{f"{name}_mb": size / 1e6 for name, size in sizes.items() if size is not None},
    }
