"""`nuonuo bench wide`: a namespace held in RAM, and asked in the database."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nuonuo.cli.inputs import config_of, embedding, names_of, questions_of
from nuonuo.cli.options import common_options, reading_options
from nuonuo.cli.reliability import without_password
from nuonuo.cli.screen import bar, report_table
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation import report
from nuonuo.evaluation.data.datasets import Dataset, load
from nuonuo.evaluation.generated import generated_memories
from nuonuo.evaluation.reliability.places import POSTGRES, place
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.evaluation.reliability.results import wide_table
from nuonuo.evaluation.wide import DATABASE, HELD, WAYS, measure_wide

if TYPE_CHECKING:
    from rich.console import Console

# Of the server of its own: what one with some GB of RAM is given, where each commit is not waited for.
SETTINGS = {
    "shared_buffers": "2GB",
    "work_mem": "64MB",
    "max_wal_size": "8GB",
    "synchronous_commit": "off",
}


def add_parser(kinds: Any) -> None:
    """Add ``wide`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("wide", help="a namespace held in RAM, and asked in the database, in one run")
    common_options(parser, data_required=False)
    reading_options(parser)
    parser.add_argument(
        "--store", default=POSTGRES, metavar="STORE",
        help="postgres (a server of its own), or the address of a database, where schemas are made and "
        "dropped (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--ways", default=f"{HELD},{DATABASE}", metavar="WAYS",
        help=f"comma-separated, of {', '.join(WAYS)}: in RAM, in the database, there with the cells of a "
        "million memories, with pgvector, which is installed there, and with an index of its "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--n", type=int, default=20_000, help="made-up memories (default: %(default)s)")
    parser.add_argument(
        "--times", type=int, default=1, metavar="N",
        help="have them there N times, the others made of the first in the database (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--questions", type=int, default=300, help="questions clocked (default: %(default)s)")
    parser.set_defaults(run=_run_wide)


def _run_wide(args: argparse.Namespace, console: Console) -> None:
    config, ways = config_of(args), names_of(args.ways)
    dataset = None if args.data is None else _one_group(args)
    with (
        bar(console, own_thread=False) as start,
        embedding(args, start, made_up=dataset is None) as embedder,
        place(args.store, SETTINGS) as where,
    ):
        if not isinstance(where, PostgresPlace):
            raise InvalidInputError(
                f"a namespace is asked in a database: --store takes {POSTGRES} or an address"
            )
        if dataset is None:
            memories, count = generated_memories(args.n), args.n
            asked = questions_of(None, [*generated_memories(min(args.n, 20_000))], args.questions)
        else:
            memories, count = iter(dataset.groups[0].memories), dataset.memories
            asked = questions_of(dataset, [], args.questions)
        judged = 0 if dataset is None else dataset.questions
        advance = start("wide", count * args.times + len({*ways}) * (len(asked) + judged))
        stated = report.conditions(
            dataset, embedder.name, config, split=args.split, command=without_password(args)
        )

        def keep(found: dict[str, Any]) -> None:
            if args.out is not None:
                report.write(args.out, {"conditions": stated, "wide": found})

        found = measure_wide(
            where, ways, memories, count, asked, embedder, config, dataset,
            args.times, advance, keep,
        )  # fmt: skip
    if args.store == POSTGRES:
        found["settings"] = SETTINGS
    report_table(args.out, console, "wide", wide_table(found), found, stated)


def _one_group(args: argparse.Namespace) -> Dataset:
    dataset = load(args.data, pooled=args.pooled, roles=args.roles, limit=args.limit, asked=args.asked)
    if len(dataset.groups) != 1:
        raise InvalidInputError(
            f"{args.data} has {len(dataset.groups)} namespaces, and one is asked here: add --pooled, or "
            "choose a data set of one"
        )
    return dataset
