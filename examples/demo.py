"""Loads a conversation of eight months into NuoNuo, asks what was said in it, and shows why it knows.

python examples/demo.py            everything, then a prompt to go on chatting
python examples/demo.py --ask "What is Biscuit terrified of?"
python examples/demo.py --picture docs/demo.svg     a picture of two of the questions, as they are shown here
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from common import (
    NAMESPACE,
    TOLD,
    Question,
    load_conversation,
    load_questions,
    open_memory,
    parse_arguments,
    remember_sample,
    remember_turn,
    said,
)
from local_model import DOUBT, SURE, Answer, answer_with
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from nuonuo import AssociativeMemory, Chain, Hit, Memory, Recall

WIDTH = 100
PICTURED = ("Where did my sister's flatmate grow up?", "What is my blood type?")
# Black, red, green, yellow, blue, magenta, cyan, white: bright enough to be read where they are dimmed.
COLOURS = [
    (110, 118, 129), (255, 130, 120), (126, 231, 135), (240, 200, 90),
    (121, 192, 255), (226, 160, 255), (100, 225, 225), (240, 246, 252),
]  # fmt: skip
LEGIBLE = TerminalTheme((13, 17, 23), (240, 246, 252), COLOURS, [(150, 158, 166), *COLOURS[1:]])
SHOWN = 3  # hits that are always shown; those further down only where they hold the answer
SIGNALS = {
    "tokens": "cyan",
    "lexical": "blue",
    "dense": "magenta",
    "echo": "bright_red",
    "temporal": "yellow",
    "named": "bright_green",
    "name": "green",
    "content": "green",
    "explicit": "red",
    "together": "bright_cyan",
    "redundancy": "bright_black",
    "branch": "green",
}
ALIKE = 0.35  # a word that completes one of the question less well than this is not shown
TELLING = 0.05  # an association that adds less than this to a hit is not shown
KINDS = {"temporal": "said next to it", "content": "shares", "name": "names", "explicit": "linked"}
FLOWS = {
    "name": "content"
}  # the signal that tells what flowed along a kind of association, where not its own


def main() -> None:
    """Load, ask, show; then chat where there is somebody at the keyboard."""
    arguments = parse_arguments(
        "NuoNuo's demo: a conversation is remembered and asked about.",
        {"picture": "write an SVG picture of two of the questions, and end"},
    )
    wide = Console(highlight=False)
    console = Console(highlight=False, width=min(wide.width, WIDTH))
    with open_memory(arguments.db) as memory:
        if arguments.picture:
            remember_sample(memory)
            picture(memory, arguments.picture)
            return
        if not arguments.empty:
            introduce(console, memory)
        answer = answer_with(arguments.model)
        if not arguments.ask and not arguments.empty:
            tour(console, memory)
        if arguments.ask or sys.stdin.isatty():
            chat(console, memory, answer, arguments.ask)


def introduce(console: Console, memory: AssociativeMemory) -> None:
    """Load the sample conversation with a progress bar, and say what is in it."""
    turns = load_conversation()
    heading(console, turns)
    known = memory.stats().memories
    started = time.perf_counter()
    with Progress(
        TextColumn("remembering"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("remembering", total=len(turns))
        remember_sample(memory, lambda count: progress.advance(task, count))
    stats = memory.stats()
    took = "were in the file already" if known else f"in {time.perf_counter() - started:.1f} s"
    console.print(
        f"{stats.memories} memories {took} ({stats.embedder}, {stats.path or 'in RAM'})\n",
        style="dim",
    )


def heading(console: Console, turns: Sequence[Memory]) -> None:
    """What this is, and what the conversation is."""
    sessions = {turn.session_id for turn in turns}
    first, last = (turns[i].timestamp for i in (0, -1))
    console.print()
    console.print(Text("NuoNuo", style="bold cyan"), "a hippocampus for LLM applications", sep="  ")
    if first and last:
        console.print(
            f"Nell and an assistant: {len(turns)} turns in {len(sessions)} sessions, "
            f"{first:%B} to {last:%B %Y}. No language model takes part in what follows.\n",
            style="dim",
        )


def tour(console: Console, memory: AssociativeMemory) -> None:
    """Ask the questions of questions.json and show for each what came, why, and how sure the memory is."""
    summary = Table("kind", "question", box=SIMPLE_HEAD, header_style="dim", pad_edge=False)
    summary.add_column("found", justify="right", no_wrap=True)
    summary.add_column("sure", justify="right", no_wrap=True)
    for number, question in enumerate(load_questions(), 1):
        result = show(console, memory, number, question)
        found = sum(place in question.turns for place in map(_place, result))
        summary.add_row(
            question.kind,
            question.text,
            f"{found} of {len(question.turns)}" if question.turns else "–",
            Text(f"{result.confidence:.2f}", style=_tone(result.confidence)),
        )
    console.print(summary)
    console.print(
        "found: how many of the turns that hold the answer are among the first ten recalled.\n", style="dim"
    )


def show(console: Console, memory: AssociativeMemory, number: int, question: Question) -> Recall:
    """Ask one question and print its panel."""
    result = memory.recall(question.text, k=10, namespace=NAMESPACE)
    chain = memory.chain(question.text, hops=2, namespace=NAMESPACE)
    console.print(question_panel(memory, number, question, result, chain))
    return result


def picture(memory: AssociativeMemory, path: str) -> None:
    """Write what the tour shows for the ``PICTURED`` questions as an SVG to ``path``.

    The same bytes each time: what is clocked is left out. Rich's own form of an SVG fetches a font, which a
    page that shows the picture may forbid; the reader's monospaced one serves.
    """
    console = Console(
        record=True, file=io.StringIO(), width=WIDTH, highlight=False, force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    heading(console, load_conversation())
    for number, question in enumerate(load_questions(), 1):
        if question.text in PICTURED:
            show(console, memory, number, question)
    drawn = console.export_svg(title="make demo", theme=LEGIBLE, unique_id="demo")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)
    Path(path).write_text(drawn, encoding="utf-8", newline="\n")


def question_panel(
    memory: AssociativeMemory, number: int, question: Question, result: Recall, chain: Chain
) -> Panel:
    """One question: its answer, the hits with their evidence, and the walk from it."""
    known = "none: nobody ever said" if question.answer is None else question.answer
    lines: list[Text | Table] = [
        Text(question.text, style="bold"),
        Text.assemble(("the answer   ", "dim"), known),
        confidence(result),
    ]
    lines.append(hits_table(memory, result, question.turns, changed=question.kind == "a changed fact"))
    if question.turns:
        lines.append(walk(chain))
    return Panel(
        Group(*lines),
        title=Text(f" {number}  {question.kind} ", style="dim"),
        title_align="left",
        border_style="bright_black",
    )


def confidence(result: Recall) -> Text:
    """The confidence as a bar and a number."""
    filled = round(result.confidence * 20)
    tone = _tone(result.confidence)
    return Text.assemble(
        ("confidence   ", "dim"),
        ("━" * filled, tone),
        ("━" * (20 - filled), "bright_black"),
        (f" {result.confidence:.2f}", tone),
        ("   nothing on this was ever said" if result.confidence < DOUBT else "", "dim"),
    )


def hits_table(
    memory: AssociativeMemory,
    result: Recall,
    gold: tuple[tuple[str, int], ...] = (),
    *,
    changed: bool = False,
) -> Table:
    """The first hits, each with its score, its text and why it came; a dot marks those that answer.

    Where a fact has ``changed``, the latest of those that answer is marked too: it is what holds.
    """
    told = [hit.memory for hit in result if changed and _place(hit) in gold and hit.memory.timestamp]
    latest = max(told, key=lambda memory: str(memory.timestamp), default=None)
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for rank, hit in enumerate(result, 1):
        answers = _place(hit) in gold
        if rank > SHOWN and not answers:
            continue
        mark = Text("●", style="green") if answers else Text(" ")
        holds = Text("latest  " if hit.memory == latest else "", style="bold green")
        doubted = "" if result.confidence >= DOUBT else "dim"
        table.add_row(f"{rank}", mark, Text.assemble(holds, (_who(hit), "dim"), (hit.memory.text, doubted)))
        table.add_row("", "", why(memory, hit))
    return table


def why(memory: AssociativeMemory, hit: Hit) -> Text:
    """Which words of the question were completed by what, each signal's share, and the path."""
    line = Text(style="dim", no_wrap=True, overflow="ellipsis")
    matches = [match for match in hit.evidence.matches if match.similarity >= ALIKE][:3]
    for match in matches:
        line.append(f"{match.word} ← {match.answer}", style="italic")
        line.append(f" {match.similarity:.2f}{' next to it' if match.source == 'neighbour' else ''}   ")
    line.append("\n" if matches else "")
    line.append(f"{hit.evidence.rank:.2f} = ")
    shares = sorted(hit.evidence.signals.items(), key=lambda share: -share[1])
    for index, (signal, share) in enumerate(shares):
        line.append(" + " if index else "")
        line.append(f"{signal} {share:.2f}", style=SIGNALS.get(signal, ""))
    for link in hit.evidence.path:
        if hit.evidence.signals.get(FLOWS.get(link.kind, link.kind), 0.0) < TELLING:
            continue
        source = memory.get([link.source_id])[0]
        line.append(f"\n{KINDS[link.kind]} {', '.join(link.words)}".rstrip(), style=SIGNALS[link.kind])
        line.append(f" ← “{source.text if source else link.source_id}”", style="italic")
    return line


def walk(chain: Chain) -> Text:
    """The associative walk from a cue: one line a stop, with the association that led there."""
    line = Text(style="dim", no_wrap=True, overflow="ellipsis")
    for index, step in enumerate(chain):
        kind = step.kind or "the cue"
        line.append("chain  " if index == 0 else "\n       " + "  " * (index - 1) + "└ ")
        line.append(f"{step.similarity:.3f} ")
        line.append(f"{kind} {', '.join(step.words)}".rstrip(), style=SIGNALS.get(kind, "cyan"))
        line.append(f" → {step.memory.text}")
    return line


def chat(console: Console, memory: AssociativeMemory, answer: Answer, asked: list[str] | None) -> None:
    """Recall for each thing said, answer from it, and store both sides; ends at EOF or Ctrl-C."""
    session = f"demo-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    for text in said(asked):
        result = memory.recall(text, k=10, namespace=NAMESPACE, where=TOLD)
        reply = answer(text, result)
        console.print(
            Panel(Group(confidence(result), hits_table(memory, result)), border_style="bright_black")
        )
        console.print(Text.assemble(("nuonuo> ", "bold cyan"), reply))
        remember_turn(memory, session, text, reply)


def _place(hit: Hit) -> tuple[str, int]:
    return str(hit.memory.session_id), int(hit.memory.metadata.get("turn", -1))


def _who(hit: Hit) -> str:
    when = hit.memory.timestamp
    return f"{when.day} {when:%b}, {hit.memory.role}: " if when else f"{hit.memory.role}: "


def _tone(value: float) -> str:
    return "green" if value >= SURE else "yellow" if value >= DOUBT else "red"


if __name__ == "__main__":
    main()
