"""`nuonuo bench`: the commands that measure, their options and what they print."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuonuo.associative.projection import LearnedProjection
from nuonuo.cli import reliability, research, scale, start, tables, wide
from nuonuo.cli.inputs import command_of, config_of, embedding, memories_of, questions_of
from nuonuo.cli.options import (
    ablation_options,
    chains_options,
    retrieval_options,
    speed_options,
)
from nuonuo.cli.screen import bar, one_table, report_one, show, write_plot, write_report
from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.evaluation import ablation, report
from nuonuo.evaluation.chains import measure_chains
from nuonuo.evaluation.data.datasets import Dataset, Kind, load
from nuonuo.evaluation.plot import plot_recall
from nuonuo.evaluation.runner import Engine, run
from nuonuo.evaluation.speed import measure
from nuonuo.evaluation.systems.base import System
from nuonuo.evaluation.systems.baselines import BASELINES, baseline

if TYPE_CHECKING:
    from rich.console import Console

RETRIEVAL: tuple[Kind, ...] = ("locomo", "longmemeval", "multihop", "jsonl")

# What `bench all` looks for in a folder: file name patterns, and whether it is also run pooled.
KNOWN_FILES = (
    ("locomo*.json*", False),
    ("longmemeval*.json*", True),
    ("musique*.json*", False),
    ("hotpotqa*.json*", False),
    ("2wiki*.json*", False),
    ("*.jsonl*", False),
)


def add_commands(bench: argparse.ArgumentParser) -> None:
    """Add the commands of ``bench`` to its parser."""
    kinds = bench.add_subparsers(dest="bench", required=True, metavar="WHAT")
    helps = {
        "locomo": "LoCoMo as its authors publish it",
        "longmemeval": "LongMemEval, oracle or S",
        "multihop": 'multi-hop passages (MuSiQue, HotpotQA, 2Wiki): {"corpus", "questions"}',
        "jsonl": 'your own: lines of {"memories", "questions": [{"question", "relevant"}]}',
    }
    for kind in RETRIEVAL:
        parser = kinds.add_parser(kind, help=helps[kind])
        retrieval_options(parser)
        parser.set_defaults(run=_run_one, kind=kind)
    everything = kinds.add_parser("all", help="every known data set in a folder")
    retrieval_options(everything)
    everything.set_defaults(run=_run_all)
    ablate = kinds.add_parser("ablate", help="what each part of the engine is worth, on any of the data sets")
    ablation_options(ablate)
    ablate.set_defaults(run=_run_ablate, kind=None)
    speed = kinds.add_parser("speed", help="latency, throughput and bytes, without the embedder's time")
    speed_options(speed)
    speed.set_defaults(run=_run_speed)
    chains = kinds.add_parser("chains", help="associative walks from a noisy cue")
    chains_options(chains)
    chains.set_defaults(run=_run_chains)
    scale.add_parser(kinds)
    start.add_parser(kinds)
    reliability.add_parsers(kinds)
    wide.add_parser(kinds)
    research.add_parser(kinds)
    research.add_separator_parser(kinds)
    research.add_embedders_parser(kinds)
    tables.add_parser(kinds)


# -- the commands -----------------------------------------------------------------------------------


def _run_one(args: argparse.Namespace, console: Console) -> None:
    dataset = load(args.data, args.kind, pooled=args.pooled, **_reading(args))
    _retrieve(args, console, dataset, args.out, args.plot)


def _run_all(args: argparse.Namespace, console: Console) -> None:
    folder = Path(args.data)
    if not folder.is_dir():
        raise InvalidInputError(f"bench all takes a folder of data sets, got {args.data!r}")
    wanted = {file: pooled for pattern, pooled in KNOWN_FILES for file in sorted(folder.glob(pattern))}
    if not wanted:
        patterns = ", ".join(pattern for pattern, _ in KNOWN_FILES)
        raise InvalidInputError(f"there is no known data set in {args.data!r}; looked for {patterns}")
    for file, also_pooled in wanted.items():
        for pooled in (False, True) if also_pooled else (False,):
            dataset = load(file, pooled=pooled, **_reading(args))
            out = None if args.out is None else Path(args.out) / f"{dataset.name}.json"
            plot = None if args.plot is None else Path(args.plot) / f"{dataset.name}.png"
            _retrieve(args, console, dataset, out, plot)


def _retrieve(
    args: argparse.Namespace,
    console: Console,
    dataset: Dataset,
    out: str | Path | None,
    plot: str | Path | None,
) -> None:
    config = config_of(args)
    with bar(console) as start, embedding(args, start) as embedder:
        systems = _systems(args, embedder, config, console)
        advance = start(dataset.name, dataset.questions * len(systems))
        found = run(dataset, systems, progress=lambda system, group: advance(f"{dataset.name}: {system}", 1))
        stated = report.conditions(dataset, embedder.name, config, split=args.split, command=command_of(args))
    results = report.figures(found)
    data = stated["data"]
    for category in dict.fromkeys(figure.category for figure in results):
        header, rows = report.table(dataset, results, category)
        # On a terminal there is no room for the level in each column.
        show(
            console,
            f"{data['name']}: {category} ({_levels(dataset)})",
            [c.split(" ")[-1] for c in header],
            rows,
        )
    sure = report.discriminations(found)
    if sure:
        rows = [[each.system, each.positive, each.negative, f"{each.auroc:.3f}"] for each in sure]
        show(console, "confidence", ["", "positive", "negative", "AUROC"], rows)
    for note in dataset.notes:
        console.print(note, style="dim")
    write_report(console, out, report.to_json(found, stated), report.markdown(found, stated))
    if plot is not None:
        write_plot(console, plot, lambda path: plot_recall(found, path))


def _run_ablate(args: argparse.Namespace, console: Console) -> None:
    dataset = load(args.data, pooled=args.pooled, **_reading(args))
    config = config_of(args)
    variants = dict(ablation.parse_variant(text) for text in args.variant) or ablation.PARTS
    with bar(console) as start, embedding(args, start) as embedder:
        advance = start(dataset.name, dataset.questions * (len(variants) + 1))
        found = ablation.ablate(
            dataset,
            embedder,
            config,
            variants,
            lambda variant, group: advance(f"{dataset.name}: {variant}", 1),
        )
        stated = report.conditions(dataset, embedder.name, config, split=args.split, command=command_of(args))
    columns = ablation.columns(dataset)
    header, rows = ablation.table(found, columns)
    show(console, f"{dataset.name}: mean (change ± spread over folds)", header, rows)
    notes = ablation.held_out_lines(found, columns)
    for line in notes:
        console.print(line)
    stated["variants"] = {name: dict(settings) for name, settings in variants.items()}
    page = one_table(f"{dataset.name}: ablation", header, rows, stated, notes)
    write_report(console, args.out, ablation.to_json(found, stated, columns), page)


def _run_speed(args: argparse.Namespace, console: Console) -> None:
    config = config_of(args)
    dataset, memories = memories_of(args.data, args.n)
    with bar(console, own_thread=False) as start, embedding(args, start, made_up=dataset is None) as embedder:
        questions = questions_of(dataset, memories, args.questions)
        advance = start("speed", len(memories) + len(questions) + 100)
        found = measure(memories, questions, embedder, config, in_ram=args.ram, progress=advance)
        stated = report.conditions(dataset, embedder.name, config, split=args.split, command=command_of(args))
    report_one(args.out, console, "speed", found.to_json(), stated)


def _run_chains(args: argparse.Namespace, console: Console) -> None:
    config = config_of(args)
    dataset, memories = memories_of(args.data, args.n)
    with bar(console) as start, embedding(args, start, made_up=dataset is None) as embedder:
        advance = start("chains", len(memories) + args.chains)
        found = measure_chains(
            memories,
            embedder,
            config,
            chains=args.chains,
            hops=args.hops,
            cosine=args.cosine,
            separator=args.separator and LearnedProjection.load(args.separator),
            progress=advance,
        )
        stated = report.conditions(dataset, embedder.name, config, split=args.split, command=command_of(args))
    report_one(args.out, console, "chains", found.to_json(), stated)


# -- what they share --------------------------------------------------------------------------------


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    return {"roles": args.roles, "limit": args.limit, "asked": args.asked}


def _systems(
    args: argparse.Namespace, embedder: Embedder, config: MemoryConfig, console: Console
) -> list[System]:
    """The systems asked for; by default all whose packages are installed, the engine last."""
    names = [name.strip() for name in args.systems.split(",")] if args.systems else [*BASELINES, "nuonuo"]
    systems: list[System] = []
    for name in names:
        if name == "nuonuo":
            systems.append(Engine(embedder, config))
            continue
        try:
            systems.append(baseline(name, embedder))
        except MissingDependencyError as error:
            if args.systems:
                raise
            console.print(f"{name} is left out: {error}", style="dim")
    return systems


def _levels(dataset: Dataset) -> str:
    sessions = "; any, all, NDCG: session level" if dataset.session_ks else ""
    return f"R: {dataset.unit} level{sessions}"
