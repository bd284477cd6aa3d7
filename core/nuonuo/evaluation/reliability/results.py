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


def _count(counts: Mapping[str, int], kind: str) -> str:
    return f"{counts[kind]:,}" if kind in counts else NONE


def _doubt(found: Found, what: str) -> str:
    return f"{found['doubtful'].get(what, 0):,}"


def _checked(found: Found, check: str) -> str:
    made = found["checks"].get(check, 0)
    failed = sum(f"not so: {check} " in f"{told} " for told in found["failed"])
    return f"{made:,} times, {failed:,} failed" if made else NONE
