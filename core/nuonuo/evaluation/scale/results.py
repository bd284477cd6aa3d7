"""What a run of `nuonuo bench scale` found, as tables: a column for each size, and how each measure grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nuonuo.evaluation.report import to_markdown
from nuonuo.evaluation.scale.corpus import Found

NONE = "–"
BUSY = 0.8  # share of a processor below which a process waited for others; of its own, for the disk
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table.

    Attributes:
        label: what its figures are called. form: how they read. measure: which of them has an exponent, where
            the table has a column for it.
    """

    label: str
    form: str
    measure: str = ""


ENGINE = (
    Line("recall, p50 / p95 / p99",
         "{recall_ms_p50:.2f} / {recall_ms_p95:.2f} / {recall_ms_p99:.2f} ms", "recall_ms_p50"),
    Line("exact search among as many vectors, p50", "{exact_ms_p50:.2f} ms", "exact_ms_p50"),
    Line("recall over exact search, p50", "{recall_to_exact:.2f}"),
    Line("hop of a chain, p50", "{hop_ms_p50:.2f} ms", "hop_ms_p50"),
    Line("the start of a chain; each hop after that, p50",
         "{chain_start_ms_p50:.1f}; {onward_hop_ms_p50:.2f} ms", "onward_hop_ms_p50"),
    Line("open the file and answer a first question", "{first_answer_seconds:.2f} s", "first_answer_seconds"),
    Line("add in batches, while it is in use", "{add_per_second:,.0f} a second"),
    Line("add all, one in 32 by itself", "{build_seconds:,.1f} s", "build_seconds"),
    Line("add one by itself, p50 / p99", "{add_one_ms_p50:.1f} / {add_one_ms_p99:.1f} ms"),
    Line("the slowest add of one / of a batch",
         "{add_one_ms_max:.0f} / {batch_ms_max:.0f} ms", "add_one_ms_max"),
    Line("recall right after an add while it grows, p50 / slowest",
         "{growing_recall_ms_p50:.1f} / {growing_recall_ms_max:.0f} ms"),
    Line("growth of a fresh process", "{resident_mb:,.0f} MB", "resident_bytes"),
    Line("of it indexes, patterns and associations", "{shard_mb:,.0f} MB"),
    Line("the file", "{file_mb:,.0f} MB", "file_bytes"),
    Line("kernels", "{kernels}"),
)  # fmt: skip
SYSTEMS = (
    Line("query, p50 / p99", "{query_ms_p50:.2f} / {query_ms_p99:.2f} ms"),
    Line("filled in", "{build_seconds:,.1f} s"),
    Line("growth of the process", "{resident_mb:,.0f} MB"),
    Line("on disk", "{file_mb:,.0f} MB"),
    Line("of the nearest found", "{recall_at_k:.1%}"),
)
NAMESPACES = (
    Line("recall in a namespace that is in RAM, p50 / p99", "{held_ms_p50:.2f} / {held_ms_p99:.2f} ms"),
    Line("in one that must be built, p50 / p99", "{built_ms_p50:.2f} / {built_ms_p99:.2f} ms"),
    Line("namespaces in RAM at the end", "{shards:,} of {namespaces:,}"),
    Line("derived state in RAM, of a budget of", "{shard_mb:,.0f} of {budget_mb:,.0f} MB"),
    Line("growth of the process", "{resident_mb:,.0f} MB"),
    Line("add, in batches", "{add_per_second:,.0f} a second"),
    Line("the file", "{file_mb:,.0f} MB"),
)  # fmt: skip


def engine_table(found: Found, store: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of NuoNuo in one kind of store; the last column is the exponent."""
    rows = {row["size"]: row for row in found["engine"] if row["store"] == store}
    return _by_size(found["sizes"], rows, ENGINE, found["exponents"].get(f"nuonuo, {store}", {}))


def systems_table(found: Found, size: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows of everything that was measured with ``size`` memories, NuoNuo above the others."""
    header = [f"{size:,} memories", *(line.label for line in SYSTEMS)]
    rows = []
    for row in found["engine"]:
        if row["size"] == size:
            as_theirs = {name.replace("recall_ms", "query_ms"): value for name, value in row.items()}
            rows.append([f"NuoNuo, {row['store']}", *_cells(as_theirs, SYSTEMS)])
    rows += [
        [str(row.get("name", row["system"])), *_cells(row, SYSTEMS)]
        for row in found["systems"]
        if row["size"] == size
    ]
    return header, rows


def stores_of(found: Found) -> list[str]:
    return list(dict.fromkeys(row["store"] for row in found["engine"]))


def namespaces_table(found: Found) -> tuple[list[str], list[list[str]]]:
    """Header and rows of many namespaces in one file."""
    row = found["namespaces"]
    head = f"{row['namespaces']:,} namespaces of {row['each']:,} memories, {row['visits']:,} visited"
    return [head, "value"], [[line.label, *_cells(row, [line])] for line in NAMESPACES]


def shown(found: Found) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every table: its title, header and rows."""
    tables = [(f"NuoNuo, {store}", *engine_table(found, store)) for store in stores_of(found)]
    tables += [(f"{size:,} memories", *systems_table(found, size)) for size in found["sizes"]]
    if "visits" in found.get("namespaces", {}):
        tables.append(("namespaces", *namespaces_table(found)))
    return tables


def notes(found: Found) -> list[str]:
    """What is to be known of the tables: what was left out, and why."""
    lines = [f"{name} is left out: {why}" for name, why in found["skipped"].items()]
    lines += [
        f"NuoNuo, {row['store']}, {row['size']:,} memories: stopped at {row['stopped']}"
        for row in found["engine"]
        if "stopped" in row
    ]
    shares = [row["processor_share"] for row in found["engine"] if "processor_share" in row]
    if shares and min(shares) < BUSY:
        lines.append(
            f"The machine was busy: processes that measure NuoNuo had {min(shares):.0%} to "
            f"{max(shares):.0%} of a processor; times are longer by as much"
        )
    return lines


def markdown(found: Found, stated: Mapping[str, Any]) -> str:
    """The report's page."""
    lines = [
        "# scale",
        "",
        f"Embedder: {found['embedder']}, its time excluded; {found['questions']:,} questions, "
        f"k = {found['k']}; threads: {found['threads']}. To import the engine takes "
        f"{found['import_seconds']:.2f} s more. "
        f"{stated['date']}, {stated['machine']['processor']}, "
        f"{stated['machine']['cores']} cores, Python {stated['python']}, NumPy {stated['numpy']}.",
        "",
        f"`{stated['command']}`",
    ]
    for title, header, rows in shown(found):
        lines += ["", f"## {title}", "", *to_markdown(header, rows)]
    if left := notes(found):
        lines += ["", *(f"- {note}" for note in left)]
    return "\n".join(lines) + "\n"


def _by_size(
    sizes: Sequence[int], rows: Mapping[int, Row], lines: Sequence[Line], slopes: Mapping[str, float]
) -> tuple[list[str], list[list[str]]]:
    header = ["", *(f"{size:,}" for size in sizes), "exponent"]
    table = []
    for line in lines:
        cells = [_cells(rows.get(size, {}), [line])[0] for size in sizes]
        if any(cell != NONE for cell in cells):
            slope = slopes.get(line.measure)
            table.append([line.label, *cells, NONE if slope is None else f"{slope:.2f}"])
    return header, table


def _cells(row: Row, lines: Sequence[Line]) -> list[str]:
    values = {name: value for name, value in row.items() if value is not None}
    sizes = {
        f"{name.removesuffix('_bytes')}_mb": value / 1e6
        for name, value in values.items()
        if name.endswith("_bytes")
    }
    return [_filled(line.form, {**values, **sizes}) for line in lines]


def _filled(form: str, values: Row) -> str:
    try:
        return form.format_map(values)
    except KeyError:
        return NONE
