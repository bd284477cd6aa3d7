"""What the benchmarks show on a terminal: progress bars and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[str, int], None]  # what was done, and how many of it
Start = Callable[[str, "int | None"], Advance]  # a bar's name and total; None where nobody knows it


@contextmanager
def bar(console: Console, *, own_thread: bool = True) -> Iterator[Start]:
    """A progress bar on standard error: call with a name and a total, then with what was done.

    Args:
        own_thread: draw in a thread, ten times a second; without it only when told, so that nothing
            else runs while something is clocked.
    """
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    screen = RichConsole(stderr=True, quiet=console.quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, auto_refresh=own_thread) as progress:

        def start(name: str, total: int | None) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda what, count: progress.update(
                task, description=what, advance=count, refresh=not own_thread
            )

        yield start


def show(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(header):
        table.add_column(name, justify="right" if at else "left", no_wrap=not at)
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "nuonuo" else None)
    console.print(table)
