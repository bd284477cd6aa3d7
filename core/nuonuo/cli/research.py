"""`nuonuo bench research`: the experiments from which the engine came."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuonuo.cli.embedder import embedder_of, embedder_option
from nuonuo.cli.inputs import cache_of, command_of
from nuonuo.cli.options import path_option
from nuonuo.cli.screen import bar, show, write_report
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.evaluation.progress import Progress
from nuonuo.research import catalogue, report
from nuonuo.research.experiments.biohash import N_ACTIVE, N_UNITS, RULES, train
from nuonuo.research.experiments.embedders import Embedders
from nuonuo.research.frame import Experiment, run
from nuonuo.research.layout import fill
from nuonuo.research.material.files import read_pairs
from nuonuo.research.material.models import model_of
from nuonuo.research.material.source import Material

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(kinds: Any) -> None:
    """Add ``research`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("research", help="the experiments from which the engine came")
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(catalogue.NAMES)}")
    research_options(parser)
    parser.set_defaults(run=_run)


def add_separator_parser(kinds: Any) -> None:
    """Add ``separator`` to ``kinds``: it learns a pattern separator and writes its weights."""
    parser = kinds.add_parser("separator", help="learn a pattern separator, and write its weights")
    parser.add_argument("--rule", choices=RULES, default="hub penalty", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--n-units", type=int, default=N_UNITS, help="(default: %(default)s)")
    parser.add_argument("--n-active", type=int, default=N_ACTIVE, help="(default: %(default)s)")
    research_options(parser)
    parser.set_defaults(run=_run_separator)


def _run_separator(args: argparse.Namespace, console: Console) -> None:
    if args.out is None:
        raise InvalidInputError("a separator that is learned is written: name a file, --out weights.npz")
    told: list[float] = []
    with bar(console) as start, _material(args, start(f"learning by {args.rule}", None)) as material:
        learned = train(
            args.rule, material, args.seed, args.n_units, args.n_active, quick=args.quick, told=told
        )
    learned.save(args.out)
    from_to = f", from {told[0]:.3f} to {told[-1]:.3f} in {len(told)} steps" if told else ""
    console.print(f"{learned.describe()} written to {args.out}{from_to}")


def add_embedders_parser(kinds: Any) -> None:
    """Add ``embedders`` to ``kinds``: models beside each other, by the gap and by what they recall."""
    parser = kinds.add_parser("embedders", help="models beside each other: the gap, and what they recall")
    parser.add_argument(
        "--model", action="append", default=[], metavar="MODEL", required=True,
        help="torch, onnx, a sentence-transformers model or folder, an ONNX file, or module:name of a "
        "LangChain or LlamaIndex embedding; may be repeated",
    )  # fmt: skip
    research_options(parser)
    parser.set_defaults(run=_run_embedders)


def _run_embedders(args: argparse.Namespace, console: Console) -> None:
    run_experiment(args, console, Embedders([model_of(each) for each in args.model]))


def research_options(parser: argparse.ArgumentParser) -> None:
    """The options of every experiment."""
    path_option(parser, "--data", "a folder of data sets; without it, made-up texts and a made-up embedder")
    path_option(
        parser, "--pairs", "tab-separated paraphrases with a label (default: pairs of our own making)"
    )
    path_option(parser, "--cache", "where embeddings are kept (default: the user's cache folder)")
    path_option(parser, "--out", "write the report as JSON, and its tables and plot beside it")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="how many seeds (default: the experiment's own)"
    )
    parser.add_argument("--quick", action="store_true", help="the smallest run that means anything")
    parser.add_argument("--device", default="cpu", help="of what runs in torch (default: %(default)s)")
    embedder_option(parser, "the embedder to measure with")


def _run(args: argparse.Namespace, console: Console) -> None:
    run_experiment(args, console, catalogue.experiment_of(args.name))


def run_experiment(args: argparse.Namespace, console: Console, experiment: Experiment) -> None:
    """Run ``experiment`` as ``args`` say, show its tables and write its report."""
    with bar(console) as start:
        advance = start(experiment.title, None)
        with _material(args, advance) as material:
            found = run(
                experiment,
                material,
                seeds=args.seeds,
                quick=args.quick,
                tell=lambda what: advance(f"{experiment.title}, {what}", 1),
            )
            stated = report.conditions(found, material, command_of(args))
    for table in experiment.tables:
        filled = fill(table, found.rows)
        if filled.rows:
            show(console, filled.title, filled.header, filled.rows)
    console.print(f"{found.seconds:,.0f} s, {found.seeds} seeds")
    if args.out is None:
        return
    plot = Path(args.out).expanduser().with_suffix(".png")
    report.draw(found, plot)
    write_report(console, args.out, report.to_json(found, stated), report.markdown(found, stated, plot.name))


@contextmanager
def _material(args: argparse.Namespace, advance: Progress) -> Iterator[Material]:
    """What ``args`` ask to be measured on; embeddings are kept on disk."""
    pairs = None if args.pairs is None else read_pairs(args.pairs)
    embedder = None
    if args.data is not None or args.embedder is not None:
        embedder = CachedEmbedder(embedder_of(args.embedder), cache_of(args))
    try:
        yield Material(args.data, embedder, pairs, device=args.device, tell=lambda what: advance(what, 1))
    finally:
        if embedder is not None:
            embedder.close()
