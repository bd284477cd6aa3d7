"""What was found as tables: a column for each store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nuonuo.evaluation.report import short

NONE = "–"
Found = Mapping[str, Any]
Table = tuple[list[str], list[list[str]]]  # header and rows

CRASHES = {
    "kill": "killed (kill -9) while it writes",
    "server": "the server crashes (`pg_ctl stop -m immediate`), then killed",
    "cut": "connections are cut at a commit, before it arrives and before its answer does, then killed",
    "copy": "killed while a store is copied (`nuonuo migrate`)",
    "renew": "killed while the words of a store are worked out anew",
}


def crash_table(found: Sequence[Found]) -> Table:
    """What was crashed, and what each check found."""
    rows = [["rounds", *(f"{each['rounds']:,}" for each in found)]]
    rows += [
        [f"of them: {label}", *(_count(each["crashes"], kind) for each in found)]
        for kind, label in CRASHES.items()
        if any(kind in each["crashes"] for each in found)
    ]
    rows.append(["acknowledged writes", *(f"{sum(each['acknowledged'].values()):,}" for each in found)])
    rows.append(
        ["writes under way: had taken place / had not",
         *(f"{_doubt(each, 'had taken place')} / {_doubt(each, 'had not')}" for each in found)]
    )  # fmt: skip
    for check in found[0]["checks"]:
        rows.append([f"checked: {check}", *(_checked(each, check) for each in found)])
    return ["", *(each["system"] for each in found)], rows


SOAKED = {
    "resident_bytes": ("RAM of the process", 1e6, "MB"),
    "shard_bytes": ("of it indexes, patterns and associations", 1e6, "MB"),
    "handles": ("open files and sockets", 1, ""),
    "threads": ("threads", 1, ""),
    "journal_rows": ("rows of the journal", 1, ""),
    "log_bytes": ("write-ahead log of the file", 1e6, "MB"),
    "store_bytes": ("the store", 1e6, "MB"),
    "recall_to_machine": ("recall over work that never changes, p50", 1, ""),
    "add_to_machine": ("add a turn and its reply over such work, p50", 1, ""),
    "machine_ms_p50": ("that work, p50", 1, "ms"),
    "recall_ms_p50": ("recall, p50", 1, "ms"),
    "recall_ms_p99": ("recall, p99 of a sample", 1, "ms"),
    "add_ms_p50": ("add a turn and its reply, p50", 1, "ms"),
    "add_ms_p99": ("add a turn and its reply, p99 of a sample", 1, "ms"),
}


def soak_table(found: Found) -> Table:
    """How each measure of one soak went on over time."""
    header = [
        f"{found['system']}, {found['plan']['seconds'] / 60:,.0f} minutes, {found['turns']:,} turns",
        "first third, median", "last third, median", "least to most", "slope an hour", "flat",
    ]  # fmt: skip
    rows = []
    for name, (label, unit, sign) in SOAKED.items():
        trend = found["measures"][name]
        if trend is None:
            continue
        first, last, least, most, slope = (
            trend[key] / unit for key in ("first", "last", "min", "max", "slope_per_hour")
        )
        verdict = {True: "yes", False: "no", None: NONE}[trend["flat"]]
        spread = f"{_figure(least)} to {_figure(most)} {sign}".strip()
        rows.append(
            [label, f"{_figure(first)} {sign}".strip(), f"{_figure(last)} {sign}".strip(), spread,
             f"{slope:+,.1f} {sign}".strip(), verdict]
        )  # fmt: skip
    return header, rows


VERBS = ("add", "update", "forget", "associate", "revise", "recall", "get")


def crowd_table(found: Sequence[Found]) -> Table:
    """What each crowd did, how long its calls took, and what each check found."""
    rows = [
        ["processes x threads", *(f"{each['workers']} x {each['threads']}" for each in found)],
        ["seconds", *(f"{each['seconds']:,.0f}" for each in found)],
        ["calls", *(f"{each['calls']:,}" for each in found)],
    ]
    rows += [[f"{verb}, p50 / p99", *(_latency(each, verb) for each in found)] for verb in VERBS]
    rows += [
        [f"checked: {check}", *(_checked(each, check) for each in found)] for check in found[0]["checks"]
    ]
    return ["", *(each["system"] for each in found)], rows


STORES = (
    ("add one durable turn, p50 / p99", "{add_one_ms_p50:.1f} / {add_one_ms_p99:.1f} ms"),
    (
        "write in batches of 256, what is worked out of a text excluded",
        "{insert_per_second:,.0f} memories a second",
    ),
    ("recall in a namespace that is in use, p50 / p99", "{recall_ms_p50:.2f} / {recall_ms_p99:.2f} ms"),
    ("a process that joins: from its start to its first answer", "{joined_seconds:.2f} s"),
)


def stores_table(found: Sequence[Found]) -> Table:
    """Stores beside each other, and how those after the first stand to it."""
    rows = [[label, *(form.format_map(each) for each in found)] for label, form in STORES]
    first = found[0]
    for name, label in (("add_one_ms_p50", "add one, p50"), ("recall_ms_p50", "recall, p50")):
        if len(found) > 1:
            rows.append(
                [f"{label}, of {first['system']}'s", *(f"{each[name] / first[name]:.2f}" for each in found)]
            )
    return [f"{first['memories']:,} memories, embedder excluded", *(each["system"] for each in found)], rows


WAYS = {
    "held": "held in RAM",
    "database": "in {system}",
    "pgvector": "with {extension}",
    "cells": "in the cells of a million",
    "indexed": "and its HNSW index",
}
WIDE = (
    ("recall, p50 / p95 / p99", "{recall_ms_p50:.1f} / {recall_ms_p95:.1f} / {recall_ms_p99:.1f} ms"),
    ("the same first {k} in the same order as {first}", "{same:.1%}"),
    ("of the first {k} there are among the first {k} here", "{shared:.1%}"),
    ("to the first answer, made ready where that was not done before", "{ready_seconds:,.1f} s"),
    ("the index, to make", "{index_seconds:,.0f} s"),
    ("growth of the process that asks", "{grown_mb:,.0f} MB"),
)
LEVELS = (("recall", 1), ("recall", 5), ("recall", 10), ("any", 1), ("any", 5), ("all", 5), ("all", 10))


def wide_table(found: Found) -> Table:
    """A column for each way in which one namespace was asked."""
    ways = found["ways"]
    names = [WAYS[each["way"]].format_map({"extension": NONE, **found}) for each in ways]
    rows = []
    for label, form in WIDE:
        cells = [_filled(form, each) for each in ways]
        if any(cell != NONE for cell in cells) and (
            len(ways) > 1 or ("same" not in form and "shared" not in form)
        ):
            rows.append([label.format(k=found["k"], first=f'"{names[0]}"'), *cells])
    for metric, k in LEVELS:
        for level in dict.fromkeys(each["level"] for way in ways for each in way.get("figures", ())):
            told = [_told(way, level, metric, k) for way in ways]
            if any(told) and (metric == "recall") == (level != "session"):
                rows.append([f"{level}s, {short(metric)}@{k}", *(each or NONE for each in told)])
    encoded = found.get("encoded", found["memories"])  # the first reports do not tell
    of = "" if encoded == found["memories"] else f", of them {encoded:,} encoded"
    return [f"{found['memories']:,} memories{of}, embedder excluded", *names], rows


def _filled(form: str, way: Found) -> str:
    grown = way.get("grown_bytes")
    values = {**way, "grown_mb": None if grown is None else grown / 1e6}
    name = form[1:].split(":")[0]
    return NONE if values.get(name) is None else form.format_map(values)


def _told(way: Found, level: str, metric: str, k: int) -> str:
    same = (level, metric, k)
    return next(
        (f"{e['mean']:.1f}" for e in way.get("figures", ()) if (e["level"], e["metric"], e["k"]) == same), ""
    )


def _latency(found: Found, verb: str) -> str:
    told = found["latency"].get(verb)
    return NONE if told is None else f"{_figure(told['ms_p50'])} / {_figure(told['ms_p99'])} ms"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.1f}"


def _count(counts: Mapping[str, int], kind: str) -> str:
    return f"{counts[kind]:,}" if kind in counts else NONE


def _doubt(found: Found, what: str) -> str:
    return f"{found['doubtful'].get(what, 0):,}"


def _checked(found: Found, check: str) -> str:
    made = found["checks"].get(check, 0)
    told = (re.sub(r"^round \d+: ", "", each) for each in found["failed"])
    failed = sum(each.startswith(check) for each in told)
    return f"{made:,} times, {failed:,} failed" if made else NONE
