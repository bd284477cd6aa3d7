"""Rows to tables: what is declared of a table, filled with what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nuonuo.research.frame import Condition, Row, Setting, Table

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Filled:
    """A table as it is shown; its first ``words`` columns say under which condition."""

    title: str
    header: list[str]
    rows: list[list[str]]
    words: int


def fill(table: Table, rows: Sequence[Row]) -> Filled:
    """``table`` with those of ``rows`` that it is of; a condition that was not measured is a dash."""
    of = [row for row in rows if belongs(row.condition, table)]
    lines: dict[tuple[Setting, ...], list[Row]] = {}
    for row in of:
        lines.setdefault(tuple(row.condition[part] for part in table.down), []).append(row)
    if table.across is None:
        header = [*table.down, *(value.label for value in table.values)]
        body = [
            [*map(shown, key), *(v.shown(group[0].values[v.name]) if v.name in group[0].values else NOTHING
                                 for v in table.values)]
            for key, group in lines.items()
        ]  # fmt: skip
        return Filled(table.title, header, body, len(table.down))
    columns = distinct(row.condition[table.across] for row in of)
    header = [*table.down, *([""] if len(table.values) > 1 else []), *map(shown, columns)]
    body = []
    for key, group in lines.items():
        at = {row.condition[table.across]: row for row in group}
        for value in table.values:
            cells = [
                value.shown(at[column].values[value.name])
                if column in at and value.name in at[column].values
                else NOTHING
                for column in columns
            ]
            body.append([*map(shown, key), *([value.label] if len(table.values) > 1 else []), *cells])
    return Filled(table.title, header, body, len(header) - len(columns))


def belongs(condition: Condition, table: Table) -> bool:
    """Whether a condition has what ``table`` asks for."""
    parts = {*table.down, *([table.across] if table.across else [])}
    return parts <= {*condition} and all(condition.get(key) == value for key, value in table.where.items())


def distinct(values: Iterable[Setting]) -> list[Setting]:
    """Each value once, in ascending order where all are numbers, else as they came."""
    once = list(dict.fromkeys(values))
    if all(isinstance(value, (int, float)) for value in once):
        return sorted(once, key=float)
    return once


def shown(setting: Setting) -> str:
    """A setting as people read it."""
    return f"{setting:,}" if isinstance(setting, int) else str(setting)
