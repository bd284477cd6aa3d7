"""`nuonuo bench scale`: NuoNuo and vector stores as memories grow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nuonuo.cli.embedder import embedder_of
from nuonuo.cli.inputs import cache_of, command_of, config_of, memories_of, names_of, questions_of
from nuonuo.cli.options import common_options, path_option
from nuonuo.cli.screen import bar, show, write_plot, write_report
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation import report
from nuonuo.evaluation.plot import plot_scale
from nuonuo.evaluation.scale import results
from nuonuo.evaluation.scale.jobs import Limits
from nuonuo.evaluation.scale.run import Plan, measure_scale
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.evaluation.systems.vector_stores import VECTOR_STORES

if TYPE_CHECKING:
    from rich.console import Console

SIZES = "1000,10000,20000,100000"


def add_parser(kinds: Any) -> None:
    """Add ``scale`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser(
        "scale", help="latency, bytes and time against the number of memories, beside vector stores"
    )
    common_options(parser, data_required=False)
    parser.add_argument("--sizes", default=SIZES, help="numbers of memories (default: %(default)s)")
    parser.add_argument("--questions", type=int, default=300, help="questions asked (default: %(default)s)")
    parser.add_argument("--stand-in", action="store_true", help="a made-up embedder for the texts of --data")
    parser.add_argument(
        "--stores", default="file,ram", help="where NuoNuo keeps the memories (default: %(default)s)"
    )
    parser.add_argument(
        "--systems", default=",".join(VECTOR_STORES), metavar="NAMES",
        help="what is measured on the same vectors, where it is installed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--namespaces", type=int, default=0, metavar="N",
        help="also fill N namespaces of one file and visit them at random (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--each", type=int, default=200, help="memories of each (default: %(default)s)")
    parser.add_argument("--visits", type=int, default=500, help="of namespaces (default: %(default)s)")
    parser.add_argument(
        "--budget", type=int, default=500, metavar="MB",
        help="of derived state in RAM during the visits (default: %(default)s)",
    )  # fmt: skip
    path_option(parser, "--filled", "the file of the namespaces, to be kept; where it is there it is visited")
    parser.add_argument("--threads", type=int, default=1, help="to compute with (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1800, help="that one process may take (default: %(default)s)"
    )
    parser.add_argument(
        "--gib", type=float, default=16, help="of RAM that one process may take (default: %(default)s)"
    )
    path_option(parser, "--plot", "write a plot of the measures against the sizes")
    parser.set_defaults(run=_run_scale)


def _run_scale(args: argparse.Namespace, console: Console) -> None:
    plan = Plan(
        sizes=tuple(sorted(_number(size) for size in names_of(args.sizes))),
        stores=tuple(names_of(args.stores)),
        systems=tuple(names_of(args.systems)),
        limits=Limits(args.seconds, round(args.gib * 2**30), args.threads),
        namespaces=args.namespaces,
        each=args.each,
        visits=args.visits,
        budget=args.budget * 1_000_000,
        filled=args.filled,
    )
    config = config_of(args)
    dataset, memories = memories_of(args.data, plan.most)
    if len(memories) < plan.most:
        raise InvalidInputError(
            f"{args.data} holds {len(memories):,} distinct texts; ask for no more by --sizes, "
            "or leave out --data for made-up texts"
        )
    questions = questions_of(dataset, memories, args.questions)
    made_up = args.embedder is None and (dataset is None or args.stand_in)
    embedder = HashEmbedder() if made_up else embedder_of(args.embedder)
    cache = None if made_up else cache_of(args)
    with bar(console, own_thread=False) as start:
        found = measure_scale(plan, memories, questions, embedder, cache, config, start)
    stated = report.conditions(dataset, found["embedder"], config, split=args.split, command=command_of(args))
    for title, header, rows in results.shown(found):
        show(console, title, header, rows)
    for note in results.notes(found):
        console.print(note, style="dim")
    write_report(console, args.out, {"conditions": stated, "scale": found}, results.markdown(found, stated))
    if args.plot is not None:
        write_plot(console, args.plot, lambda path: plot_scale(found, path))


def _number(given: str) -> int:
    try:
        return int(given)
    except ValueError as error:
        raise InvalidInputError(
            f"--sizes takes whole numbers with commas between them, such as {SIZES}; got {given!r}"
        ) from error
