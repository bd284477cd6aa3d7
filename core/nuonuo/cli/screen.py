"""What the benchmarks show on a terminal, and the reports that they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from nuonuo.errors import FileError
from nuonuo.evaluation import report
from nuonuo.evaluation.progress import Progress, Start

if TYPE_CHECKING:
    from rich.console import Console


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
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bars,
    )

    screen = RichConsole(stderr=True, quiet=console.quiet)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=screen, transient=True, auto_refresh=own_thread) as bars:

        def start(name: str, total: int | None) -> Progress:
            task = bars.add_task(name, total=total)
            return lambda what, count: bars.update(
                task, description=what, advance=count, refresh=not own_thread
            )

        yield start


def show(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table, the whole of it: where the screen is too narrow, cells go on in a line below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(header):
        table.add_column(name, justify="right" if at else "left", overflow="fold")
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "nuonuo" else None)
    console.print(table)


def report_one(
    out: str | Path | None,
    console: Console,
    name: str,
    found: Mapping[str, Any],
    stated: Mapping[str, Any],
) -> None:
    """Show one result, a row a value, and write its report where ``out`` says."""
    rows = [[key.replace("_", " "), _number(value)] for key, value in found.items()]
    report_table(out, console, name, (["", "value"], rows), dict(found), stated)


def report_table(
    out: str | Path | None,
    console: Console,
    name: str,
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
    found: object,
    stated: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> None:
    """Show a ``table``, its header and rows, and write the report of what was ``found`` where ``out`` says.

    Args:
        name: of the report, and of ``found`` in it. notes: for the page, under the table.
    """
    header, rows = table
    show(console, name, header, rows)
    page = one_table(name, header, rows, stated, notes)
    write_report(console, out, {"conditions": dict(stated), name: found}, page)


def one_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    stated: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> str:
    """The Markdown page of a report that has one table: under it its notes, the command and the date."""
    lines = [f"# {title}", "", *report.to_markdown(header, rows), ""]
    lines += [*notes, ""] if notes else []
    return "\n".join([*lines, f"`{stated['command']}`, {stated['date']}"]) + "\n"


def must_be_writable(*paths: str | None, folders: bool) -> None:
    """Raise `FileError` where a report cannot be written to one of ``paths``, before anything is measured.

    Args:
        paths: None for one that is not asked for. folders: whether they are of folders, not of files.
    """
    for path in (each for each in paths if each is not None):
        target = Path(path)
        if target.exists() and target.is_dir() != folders:
            raise FileError(
                f"{path!r} is a {'file; name a folder' if folders else 'folder; name a file in it'}"
            )
        folder = next(each for each in (target, *target.absolute().parents) if each.exists())
        try:  # what the system says of rights is not all that hinders
            with target.open("ab") if target.is_file() else TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise FileError(f"{path!r} cannot be written ({error.strerror}); name another place") from error


def write_plot(console: Console, out: str | Path, draw: Callable[[str | Path], None]) -> None:
    """Have ``draw`` write a plot to ``out``, whose folder is made where it is missing."""
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    draw(out)
    console.print(f"plot written to {out}")


def write_report(console: Console, out: str | Path | None, content: Mapping[str, Any], markdown: str) -> None:
    """Write ``content`` as JSON to ``out`` and ``markdown`` beside it; nothing where ``out`` is None."""
    if out is None:
        return
    report.write(out, content)
    beside = Path(out).with_suffix(".md")
    beside.write_text(markdown, encoding="utf-8")
    console.print(f"report written to {out}, its tables to {beside}")


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
