"""Many values in statements that take only so many parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH = 500  # SQL parameters a statement


def batches(column: str, values: Sequence[object]) -> Iterator[tuple[str, Sequence[object]]]:
    """Conditions ``column IN (...)`` with their parameters that together cover ``values``."""
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        yield one_of(column, part), part


def one_of(column: str, values: Sequence[object]) -> str:
    """The condition that ``column`` is one of so many parameters as there are ``values``."""
    return f"{column} IN ({','.join('?' * len(values))})"
