"""A page's marked blocks, and what the reports put between the marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.tables import parts, reliability
from nuonuo.evaluation.tables.recall import behind, recall, summary
from nuonuo.evaluation.tables.reports import RESEARCH, Report, editions, provenance

BEGIN, END = "<!-- figures:begin", "<!-- figures:end -->"
FULL = "full"
_BLOCK = re.compile(rf"^({BEGIN}(?: ([\w-]+))? -->\n)(.*?)^({END})$", re.M | re.S)

Part = Callable[[Sequence[Report], str], list[str]]  # reports, the way to their folder -> lines


def render(page: str, text: str, reports: Sequence[Report], folder: str) -> str:
    """``text`` with the figures of ``reports`` in each of its marked blocks.

    Args:
        page: what the page is called, for errors. folder: the way from the page to the reports, "" or
            ending in a slash.

    Raises:
        InvalidInputError: no block, one that does not end, an unknown part, or nothing to show in it.
    """
    blocks = _BLOCK.findall(text)
    marks = [len(re.findall(rf"^{mark}", text, re.M)) for mark in (BEGIN, END)]
    if not blocks or marks != [len(blocks)] * 2:
        raise InvalidInputError(
            f"{page} holds {marks[0]} lines `{BEGIN} PART -->` and {marks[1]} lines `{END}`; "
            "the figures go between two such lines, of which every page needs a pair"
        )

    def filled(block: re.Match[str]) -> str:
        name = block[2] or FULL
        part = experiment_part(name) or PARTS.get(name)
        if part is None:
            raise InvalidInputError(
                f"{page} asks for the figures {name!r}; there are {', '.join(PARTS)}, and {RESEARCH}-NAME "
                "for an experiment's: name one of them"
            )
        lines = part(reports, folder)
        if not lines:
            raise InvalidInputError(
                f"{page} asks for the figures {name!r}, of which the reports hold none; "
                "run the benchmarks with --out, or name another folder with --reports"
            )
        # Without the empty lines some renderers take the mark for a row of the table.
        return "\n".join([block[1], *_trimmed(lines), "", block[4]])

    return _BLOCK.sub(filled, text)


def experiment_part(name: str) -> Part | None:
    """The part `research-NAME`: what became of one experiment; None for the name of another part."""
    kind, _, experiment = name.partition("-")
    if kind != RESEARCH or not experiment:
        return None

    def part(reports: Sequence[Report], folder: str) -> list[str]:
        these = [each for each in _of(reports, RESEARCH) if each.content[RESEARCH]["name"] == experiment]
        lines = [line for report in these for line in parts.experiment(report, folder)]
        return [*_trimmed(lines), "", *provenance(these, folder)] if lines else []

    return part


def _trimmed(lines: Sequence[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n")


def _of(reports: Sequence[Report], kind: str) -> list[Report]:
    return [report for report in reports if kind in report.content]


def _with_provenance(kind: str, table: Callable[[list[Report]], list[str]]) -> Part:
    def part(reports: Sequence[Report], folder: str) -> list[str]:
        these = _of(reports, kind)
        lines = table(these) if these else []
        return [*_trimmed(lines), "", *provenance(these, folder)] if lines else []

    return part


def _recall(reports: list[Report]) -> list[str]:
    return recall(editions(reports))


def _summary(reports: Sequence[Report], folder: str) -> list[str]:
    lines = summary(editions(_of(reports, "figures")))
    return [*lines, *parts.speed_lines(_of(reports, "speed"))] if lines else []


def _behind(reports: Sequence[Report], folder: str) -> list[str]:
    return behind(editions(_of(reports, "figures")))


def _full(reports: Sequence[Report], folder: str) -> list[str]:
    lines: list[str] = []
    for name, heading in HEADINGS.items():
        found = PARTS[name](reports, folder)
        if found:
            lines += [f"### {heading}", "", *_trimmed(found), ""]
    return lines


# Part -> its heading in the whole, in order.
HEADINGS = {
    "recall": "What is recalled",
    "behind": "Where NuoNuo is not ahead",
    "ablation": "What each part is worth",
    "speed": "Speed and size",
    "scale": "Scale",
    "start": "The first answer",
    "chains": "Chains",
    "crash": "Crashes",
    "crowd": "Many processes at once",
    "soak": "Half an hour of chat",
    "stores": "A file and a database",
    "wide": "Asked in the database",
}
PARTS: dict[str, Part] = {
    FULL: _full,
    "summary": _summary,
    "recall": _with_provenance("figures", _recall),
    "behind": _behind,
    "ablation": _with_provenance("ablation", parts.ablation),
    "speed": _with_provenance("speed", parts.speed),
    "scale": _with_provenance("scale", parts.scale),
    "start": _with_provenance("start", parts.start),
    "chains": _with_provenance("chains", parts.chains),
    "crash": _with_provenance("crash", reliability.crashes),
    "crowd": _with_provenance("crowd", reliability.crowds),
    "soak": _with_provenance("soak", reliability.soaks),
    "stores": _with_provenance("stores", reliability.stores),
    "wide": _with_provenance("wide", reliability.wide),
}
