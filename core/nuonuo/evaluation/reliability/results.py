"""What was found as tables: a column for each store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.1f}"


def _count(counts: Mapping[str, int], kind: str) -> str:
    return f"{counts[kind]:,}" if kind in counts else NONE


def _doubt(found: Found, what: str) -> str:
    return f"{found['doubtful'].get(what, 0):,}"


def _checked(found: Found, check: str) -> str:
    made = found["checks"].get(check, 0)
    failed = sum(f"not so: {check} " in f"{told} " for told in found["failed"])
    return f"{made:,} times, {failed:,} failed" if made else NONE
