"""`nuonuo bench tables`: the figures of the pages, from the reports."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.tables import read_reports, render

if TYPE_CHECKING:
    from rich.console import Console

PAGES = ("README.md", "docs/benchmarks.md", "docs/experiments.md", "docs/postgres.md", "docs/reliability.md")


def add_parser(kinds: Any) -> None:
    """Add ``tables`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("tables", help="write the reports' figures into the pages that show them")
    parser.add_argument(
        "pages", nargs="*", metavar="PAGE",
        help=f"Markdown pages with marked blocks (default: {', '.join(PAGES)}, where they exist)",
    )  # fmt: skip
    parser.add_argument(
        "--reports", default="benchmarks", metavar="FOLDER", help="where the JSON lies (default: %(default)s)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a page is not what would be written"
    )
    parser.set_defaults(run=_run_tables)


def _run_tables(args: argparse.Namespace, console: Console) -> None:
    pages = [Path(page) for page in args.pages or PAGES if args.pages or Path(page).exists()]
    if not pages:
        raise InvalidInputError(f"there is none of {', '.join(PAGES)} here; name the pages to write")
    missing = [str(page) for page in pages if not page.is_file()]
    if missing:
        raise InvalidInputError(f"there is no page {', '.join(missing)}; check the path")
    reports = read_reports(args.reports)
    before = {page: page.read_text(encoding="utf-8") for page in pages}
    # All of them are made before one is written: a fault in the last leaves the first as it was.
    after = {page: render(str(page), before[page], reports, _way(page, args.reports)) for page in pages}
    changed = [page for page in pages if before[page] != after[page]]
    if args.check and changed:
        names = ", ".join(map(str, changed))
        raise InvalidInputError(
            f"{names} differs from what the reports give; run `nuonuo bench tables` on it"
        )
    for page in pages:
        if page in changed:
            page.write_text(after[page], encoding="utf-8")
        console.print(f"{page}: {'written' if page in changed else 'up to date'}")


def _way(page: Path, folder: str) -> str:
    """The relative link from ``page`` to ``folder``, with its slash."""
    way = Path(os.path.relpath(folder, page.parent)).as_posix()
    return "" if way == "." else f"{way}/"
