"""`nuonuo bench start`: from the start of a process to its first answer, by embedder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nuonuo.cli.embedder import embedder_of
from nuonuo.cli.inputs import command_of, memories_of, names_of, questions_of
from nuonuo.cli.options import path_option
from nuonuo.cli.screen import bar, report_table
from nuonuo.config import MemoryConfig
from nuonuo.evaluation import report
from nuonuo.evaluation.start import TOGETHER, measure_start
from nuonuo.evaluation.tables.parts import start_table

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(kinds: Any) -> None:
    """Add ``start`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("start", help="seconds from the start of a process to its first answer")
    path_option(parser, "--data", "the data set; without it, made-up texts")
    path_option(parser, "--out", "write the report as JSON, and its table as Markdown beside it")
    parser.add_argument("--split", help="the name of the split, for the report")
    parser.add_argument(
        "--embedders", default="torch,onnx", metavar="NAMES",
        help="comma-separated, each as for --embedder elsewhere (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--n", type=int, default=20_000, help="memories (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=500, help="turns embedded (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=5, help="of each embedder (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of a process (default: %(default)s)")
    parser.set_defaults(run=_run_start)


def _run_start(args: argparse.Namespace, console: Console) -> None:
    dataset, memories = memories_of(args.data, args.n)
    question = (questions_of(dataset, memories, 1) or [memories[0].text[:40]])[0]
    found = []
    with bar(console, own_thread=False) as start:
        for name in names_of(args.embedders):
            total = len(memories) + args.processes + 1 + len(TOGETHER) * args.turns
            measured = measure_start(
                memories, question, embedder_of(name), turns=args.turns, processes=args.processes,
                threads=args.threads, progress=start(name, total),
            )  # fmt: skip
            found.append({"given": name, **measured.to_json()})
    stated = report.conditions(
        dataset, ", ".join(row["embedder"] for row in found), MemoryConfig(),
        split=args.split, command=command_of(args),
    )  # fmt: skip
    told = {"threads": args.threads, "rows": found}
    report_table(args.out, console, "start", start_table(found), told, stated)
