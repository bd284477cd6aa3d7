"""The command line, `nuonuo ...`: what is done with a memory, and the way to `nuonuo bench`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuonuo.checks import path_of
from nuonuo.cli.embedder import embedder_of, embedder_option
from nuonuo.errors import InvalidInputError, NotAStoreError, NuonuoError
from nuonuo.memory import AssociativeMemory
from nuonuo.namespaces import must_exist
from nuonuo.records import DEFAULT_NAMESPACE, Hit, Recall
from nuonuo.stores import Store
from nuonuo.stores.doctor import examine
from nuonuo.stores.migrate import migrate
from nuonuo.stores.opening import is_address, open_store, shown
from nuonuo.transfer import export

if TYPE_CHECKING:
    from rich.console import Console


_FILE = "the memory's file, or the address of its database (postgresql://...)"

# Where a word stands that is not in the memory's own text.
_STANDS = {"text": "", "cue": " in a cue", "neighbour": " next to it", "timestamp": " by its time"}

_CONTROLS = re.compile(r"[\x00-\x06\x0e-\x1f\x7f-\x9f]")  # but for white space, and what rich leaves out

WIDE = 10_000  # columns of a file or a pipe: who looks for a line there wants the whole of it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 1 where it could not be done."""
    given = list(sys.argv[1:] if argv is None else argv)
    args = _parser(given).parse_args(given)
    args.argv = given
    try:
        if args.command == "bench":
            from nuonuo.cli.screen import must_be_writable

            written = getattr(args, "out", None), getattr(args, "plot", None)
            must_be_writable(*written, folders=args.bench == "all")
        args.run(args, _console())
    except NuonuoError as error:
        print(f"nuonuo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nuonuo: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nuonuo", description="A hippocampus for LLM applications.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    bench = commands.add_parser("bench", help="measure recall, speed and chains")
    if given[:1] == ["bench"]:  # what measures is imported by nothing that does not
        from nuonuo.cli.bench import add_commands

        add_commands(bench)
    stats = commands.add_parser("stats", help="how much a memory file holds")
    stats.add_argument("file", help=_FILE)
    stats.add_argument("--json", action="store_true", help="print JSON")
    stats.set_defaults(run=_stats)
    recall = commands.add_parser("recall", help="ask a memory file a question")
    recall.add_argument("file", help=_FILE)
    recall.add_argument("question")
    recall.add_argument("--namespace", default=DEFAULT_NAMESPACE)
    recall.add_argument(
        "--timezone", help="where the days are, such as Europe/Berlin or +02:00 (default: UTC)"
    )
    recall.add_argument("-k", type=int, default=5, help="how many memories (default: %(default)s)")
    recall.add_argument("--json", action="store_true", help="print JSON, with the whole evidence")
    embedder_option(recall, "what the file was made with")
    recall.set_defaults(run=_recall)
    out = commands.add_parser("export", help="write a memory file as JSON lines")
    out.add_argument("file", help=_FILE)
    out.add_argument("dump", help="the JSON lines to write")
    out.add_argument("--namespace", help="only this one (default: all)")
    out.set_defaults(run=_export)
    copy = commands.add_parser(
        "migrate",
        help="copy a memory into another file or database, and verify it; nothing is embedded again",
    )
    copy.add_argument("source", help=_FILE)
    copy.add_argument(
        "target", help="where to; made where missing, and gone on with where it was interrupted"
    )
    copy.set_defaults(run=_migrate)
    doctor = commands.add_parser("doctor", help="read every memory, and say which are damaged")
    doctor.add_argument("file", help=_FILE)
    doctor.set_defaults(run=_doctor)
    tidy = commands.add_parser(
        "vacuum", help="rewrite a database's tables, so that nothing forgotten is left"
    )
    tidy.add_argument("address")
    tidy.set_defaults(run=_vacuum)
    back = commands.add_parser(
        "import", help="add what `export` wrote to a memory file, which is made where missing"
    )
    back.add_argument("file", help=_FILE)
    back.add_argument("dump", help="the JSON lines to read")
    embedder_option(back, "what the file was made with, or is to be")
    back.set_defaults(run=_import)
    return parser


def _stats(args: argparse.Namespace, console: Console) -> None:
    with _opened(args.file) as store:
        counts, names = store.counts(), store.namespaces()
    if args.json:
        print(json.dumps({**asdict(counts), "names": list(names)}, ensure_ascii=False))
        return
    console.print(shown(args.file), style="bold")
    for name, value in asdict(counts).items():
        console.print(f"  {name.replace('_', ' ')}: {value:,}")
    for name in names[:20]:
        console.print(f"  namespace {name!r}")
    if len(names) > 20:
        console.print(f"  and {len(names) - 20:,} more")


def _recall(args: argparse.Namespace, console: Console) -> None:
    with AssociativeMemory.open(
        _existing(args.file), embedder=embedder_of(args.embedder), timezone=args.timezone
    ) as memory:
        must_exist(args.namespace, memory.namespaces(), shown(args.file))
        result = memory.recall(args.question, args.k, namespace=args.namespace)
    if args.json:
        print(json.dumps(_plain(result), ensure_ascii=False, default=str))
        return
    from rich.text import Text

    console.print(f"confidence {result.confidence:.2f}")
    for place, hit in enumerate(result, 1):
        told = hit.memory.when(result.timezone)
        again = f" told {len(hit.times)} times" if len(hit.times) > 1 else ""
        dated = "" if told is None else f" {told:%Y-%m-%d}"
        text = _visible(hit.memory.text)
        console.print(Text.assemble((f"{place}. ", "bold"), text, (dated + again, "dim")))
        console.print(f"   {_visible(_why(hit))}", style="dim")


def _visible(text: str) -> str:
    """``text`` with its control characters spelt out, so that what somebody said moves nobody's screen."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _why(hit: Hit) -> str:
    """One line on why a memory was recalled."""
    parts = [
        f"{name} {share:.2f}"
        for name, share in sorted(hit.evidence.signals.items(), key=lambda item: -item[1])
    ]
    parts += [f"{match.word} ← {match.answer}{_STANDS[match.source]}" for match in hit.evidence.matches[:3]]
    return f"{hit.score:.2f}, ranked by {hit.evidence.rank:.2f}: {', '.join(parts)}"


def _plain(result: Recall) -> dict[str, Any]:
    hits = [
        {
            "memory": asdict(hit.memory),
            "score": hit.score,
            "passage": hit.passage,
            "times": [asdict(telling) for telling in hit.times],
            "evidence": {
                "signals": dict(hit.evidence.signals),
                "matches": [asdict(match) for match in hit.evidence.matches],
                "path": [asdict(link) for link in hit.evidence.path],
                "rank": hit.evidence.rank,
            },
        }
        for hit in result
    ]
    return {"query": result.query, "confidence": result.confidence, "hits": hits}


def _export(args: argparse.Namespace, console: Console) -> None:
    with _opened(args.file) as store:
        if args.namespace is not None:
            must_exist(args.namespace, store.namespaces(), shown(args.file))
        count = export(store, path_of(args.dump), args.namespace)
    console.print(f"{count:,} memories written to {args.dump}")


def _migrate(args: argparse.Namespace, console: Console) -> None:
    from rich.progress import MofNCompleteColumn, Progress, TaskID

    bars: dict[str, TaskID] = {}
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with (
        _opened(args.source) as source,
        closing(open_store(args.target)) as target,
        Progress(*columns, console=console) as shown_bars,
    ):

        def progress(what: str, total: int, done: int) -> None:
            if what not in bars:
                bars[what] = shown_bars.add_task(what, total=total)
            shown_bars.update(bars[what], completed=done)

        done = migrate(source, target, progress)
    console.print(
        f"{done.copied:,} memories copied to {shown(args.target)}, {done.present:,} were there already, "
        f"{done.associations:,} associations; each was read again and is the same",
    )


def _doctor(args: argparse.Namespace, console: Console) -> None:
    with _opened(args.file) as store:
        total, findings = store.counts().memories, examine(store)
    for finding in findings:
        print(f"{finding.name}: {finding.told}")
    if findings:
        raise NotAStoreError(
            f"{len(findings):,} of {total:,} memories of {shown(args.file)} are damaged; restore a "
            "backup, or forget them and add them again"
        )
    console.print(f"{total:,} memories read, none is damaged")


def _vacuum(args: argparse.Namespace, console: Console) -> None:
    if not is_address(args.address):
        raise InvalidInputError("a file needs no vacuum: what is forgotten is wiped from it at once")
    from nuonuo.stores.postgres import PostgresStore

    with closing(PostgresStore(args.address)) as store:
        store.vacuum()
    console.print(f"{shown(args.address)} holds nothing of what was forgotten")


def _import(args: argparse.Namespace, console: Console) -> None:
    if is_address(args.dump):
        raise InvalidInputError("import reads what `export` wrote; to copy a database, use `nuonuo migrate`")
    _existing(args.dump)
    with AssociativeMemory.open(args.file, embedder=embedder_of(args.embedder)) as memory:
        count = memory.load_export(args.dump)
    console.print(f"{count:,} memories added to {shown(args.file)}")


def _opened(where: str) -> closing[Store]:
    """The store ``where`` something is; it needs no embedder, whatever it was made with."""
    return closing(open_store(_existing(where)))


def _existing(path: str) -> str:
    if not is_address(path) and not Path(path).expanduser().is_file():
        raise InvalidInputError(f"there is no file {path!r}; check the path")
    return path


def _console() -> Console:
    try:
        from rich.console import Console
    except ImportError as error:
        print("nuonuo: the command line needs rich: pip install 'nuonuo[cli]'", file=sys.stderr)
        raise SystemExit(1) from error
    console = Console(markup=False, emoji=False, highlight=False)  # a text is shown as it was stored
    if not console.is_terminal:
        console.width = WIDE
    return console


if __name__ == "__main__":
    sys.exit(main())
