"""The options that several `nuonuo bench` commands share."""

from __future__ import annotations

import argparse

from nuonuo.checks import path_of
from nuonuo.cli.embedder import embedder_option
from nuonuo.evaluation.systems.baselines import BASELINES


def common_options(parser: argparse.ArgumentParser, *, data_required: bool) -> None:
    without = "" if data_required else "; without it, made-up texts and a made-up embedder"
    path_option(parser, "--data", f"the data set{without}", required=data_required)
    path_option(parser, "--cache", "where embeddings are kept (default: the user's cache folder)")
    path_option(parser, "--out", "write the report as JSON, and its table as Markdown beside it")
    parser.add_argument(
        "--split", help="the name of the split, for the report (default: told by the file's name)"
    )
    embedder_option(parser, "the embedder to measure with")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of MemoryConfig; may be repeated",
    )


def reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--roles",
        choices=("user", "both"),
        default="user",
        help="LongMemEval: whose turns are stored (default: user)",
    )
    parser.add_argument("--pooled", action="store_true", help="LongMemEval: all haystacks in one namespace")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="ask at most N questions, spread over the file"
    )
    parser.add_argument(
        "--asked", type=int, default=0, metavar="N",
        help="store that each question was asked N times before, in vain (default: 0)",
    )  # fmt: skip


def retrieval_options(parser: argparse.ArgumentParser) -> None:
    common_options(parser, data_required=True)
    reading_options(parser)
    parser.add_argument(
        "--systems",
        metavar="NAMES",
        help=f"comma-separated, of: nuonuo,{','.join(BASELINES)} (default: all installed)",
    )
    path_option(parser, "--plot", "write a plot of recall against k")


def path_option(parser: argparse.ArgumentParser, name: str, text: str, *, required: bool = False) -> None:
    """An option that takes a path; "~" is expanded, which a shell does not in ``--out=~/report.json``."""
    parser.add_argument(name, type=path_of, required=required, metavar="PATH", help=text)


def ablation_options(parser: argparse.ArgumentParser) -> None:
    common_options(parser, data_required=True)
    reading_options(parser)
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME:FIELD=VALUE,...",
        help="a variant to compare with the base, in place of the built-in ones; may be repeated",
    )  # fmt: skip


def speed_options(parser: argparse.ArgumentParser) -> None:
    common_options(parser, data_required=False)
    parser.add_argument("--n", type=int, default=20_000, help="memories (default: %(default)s)")
    parser.add_argument("--questions", type=int, default=300, help="questions asked (default: %(default)s)")
    parser.add_argument("--ram", action="store_true", help="keep the memories in RAM, not in a file")


def chains_options(parser: argparse.ArgumentParser) -> None:
    common_options(parser, data_required=False)
    parser.add_argument("--n", type=int, default=20_000, help="memories (default: %(default)s)")
    parser.add_argument("--chains", type=int, default=100, help="walks (default: %(default)s)")
    parser.add_argument("--hops", type=int, default=6, help="hops of a walk (default: %(default)s)")
    parser.add_argument(
        "--cosine", type=float, default=0.6, help="of the cue to its pattern (default: %(default)s)"
    )
    parser.add_argument(
        "--separator",
        metavar="WEIGHTS",
        help="a learned pattern separator, as `nuonuo bench separator` writes it (default: the engine's own)",
    )
