"""`nuonuo bench research`: the experiments from which the engine came."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuonuo.cli.embedder import embedder_of, embedder_option
from nuonuo.cli.options import path_option
from nuonuo.cli.screen import Advance, bar, show, write_report
from nuonuo.evaluation.cache import CachedEmbedder, default_cache
from nuonuo.research import catalogue, report
from nuonuo.research.frame import Experiment, run
from nuonuo.research.layout import fill
from nuonuo.research.material.files import read_pairs
from nuonuo.research.material.source import Material

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(kinds: Any) -> None:
    """Add ``research`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("research", help="the experiments from which the engine came")
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(catalogue.NAMES)}")
    research_options(parser)
    parser.set_defaults(run=_run)


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
    pairs = None if args.pairs is None else read_pairs(args.pairs)
    with bar(console) as start:
        advance: Advance = start(experiment.title, None)
        embedder = None
        if args.data is not None or args.embedder is not None:
            embedder = CachedEmbedder(embedder_of(args.embedder), args.cache or default_cache())
        try:
            material = Material(
                args.data, embedder, pairs, device=args.device, tell=lambda what: advance(what, 1)
            )
            found = run(
                experiment,
                material,
                seeds=args.seeds,
                quick=args.quick,
                tell=lambda what: advance(f"{experiment.title}, {what}", 1),
            )
            stated = report.conditions(found, material, ["nuonuo", *args.argv])
        finally:
            if embedder is not None:
                embedder.close()
    for table in experiment.tables:
        filled = fill(table, found.rows)
        if filled.rows:
            show(console, filled.title, filled.header, filled.rows)
    console.print(f"{found.seconds:,.0f} s, {found.seeds} seeds", highlight=False)
    if args.out is None:
        return
    plot = Path(args.out).expanduser().with_suffix(".png")
    report.draw(found, plot)
    write_report(console, args.out, report.to_json(found, stated), report.markdown(found, stated, plot.name))
