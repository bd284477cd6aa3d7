"""What the examples share: the sample conversation, the command line, and the lines that are typed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from local_model import only_asks

from nuonuo import AssociativeMemory, Memory

# The bar that the embedder's weights load with would break into what is printed here.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

HERE = Path(__file__).resolve().parent
NAMESPACE = "nell"  # who speaks in the sample conversation; in an application: the user's id

# What was only asked answers no question: asked again, it would be the surest thing that is recalled.
TOLD = {"asks": {"$ne": True}}


@dataclass(frozen=True)
class Question:
    """A question on the sample conversation and the turns, as (session_id, index), that answer it."""

    kind: str
    text: str
    answer: str | None
    turns: tuple[tuple[str, int], ...]


def load_conversation() -> list[Memory]:
    """The turns of ``conversation.json``, in order, half a minute apart within a session."""
    memories = []
    for session in json.loads((HERE / "conversation.json").read_text(encoding="utf-8")):
        start = datetime.fromisoformat(session["date"])
        for index, turn in enumerate(session["turns"]):
            memories.append(
                Memory(
                    turn["text"],
                    role=turn["role"],
                    timestamp=start + timedelta(seconds=30 * index),
                    session_id=session["session_id"],
                    metadata={"turn": index},
                )
            )
    return memories


def load_questions() -> list[Question]:
    """The questions of ``questions.json``."""
    return [
        Question(
            entry["kind"],
            entry["question"],
            entry["answer"],
            tuple((turn["session_id"], turn["turn"]) for turn in entry["turns"]),
        )
        for entry in json.loads((HERE / "questions.json").read_text(encoding="utf-8"))
    ]


def open_memory(db: str | None) -> AssociativeMemory:
    """A memory in the file ``db``, or in RAM where it is None."""
    return AssociativeMemory() if db is None else AssociativeMemory.open(db)


def remember_sample(memory: AssociativeMemory, report: Callable[[int], object] | None = None) -> None:
    """Store the sample conversation unless the memory holds it; ``report`` hears how many turns at a time."""
    turns = load_conversation()
    if memory.list(namespace=NAMESPACE, limit=1):  # a file that an earlier run has filled
        if report is not None:
            report(len(turns))
        return
    for start in range(0, len(turns), 32):
        part = turns[start : start + 32]
        memory.add(part, namespace=NAMESPACE)
        if report is not None:
            report(len(part))


def remember_turn(memory: AssociativeMemory, session_id: str, text: str, reply: str) -> None:
    """Store both sides of one turn of a chat."""
    now = datetime.now(timezone.utc)
    for role, line in (("user", text), ("assistant", reply)):
        memory.add(
            [line],
            namespace=NAMESPACE,
            session_id=session_id,
            role=role,
            timestamp=now,
            metadata={"asks": only_asks(line)},
        )


def parse_arguments(
    description: str, paths: Mapping[str, str] | None = None, **switches: str
) -> argparse.Namespace:
    """The flags that every example takes, and its own: a name with its help each."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--model",
        metavar="PROVIDER:NAME",
        help="a real model, such as openai:gpt-5-mini or ollama:llama3.2; "
        "without it a small local model quotes what was recalled",
    )
    parser.add_argument("--db", metavar="PATH", help="keep the memory in this file; without it in RAM")
    parser.add_argument("--ask", metavar="TEXT", action="append", help="say this and end; may be repeated")
    parser.add_argument("--empty", action="store_true", help="begin without the sample conversation")
    for name, meaning in (paths or {}).items():
        parser.add_argument(f"--{name}", metavar="PATH", help=meaning)
    for name, meaning in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    return parser.parse_args()


def said(asked: list[str] | None) -> Iterator[str]:
    """What the user says: the ``--ask`` texts, else the lines of stdin until it ends or Ctrl-C."""
    if asked:
        for text in asked:
            print(f"you> {text}")
            yield text
        return
    if sys.stdin.isatty():
        print('Say something, or ask ("What is Biscuit terrified of?"); an empty line or Ctrl-D ends.')
    while True:
        try:
            line = input("you> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if line:
            if not sys.stdin.isatty():
                print(f"you> {line}")
            yield line
        elif sys.stdin.isatty():
            return
