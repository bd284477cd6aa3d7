"""What the tests of prompts share: a recall, and how the block that it makes is read back."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from nuonuo import Evidence, Hit, Link, Memory, Recall
from nuonuo_integrations._prompt import NOTE

WHEN = datetime(2026, 3, 4, 18, 30, tzinfo=timezone.utc)
MARK = "[0-9a-z]{10}"
BLOCK = re.compile(
    rf'<(recalled_memories_{MARK}) confidence="(\d\.\d\d)">\n{re.escape(NOTE)}\n(.*)\n</\1>', re.DOTALL
)
LABEL = re.compile(rf"\[recalled (\d+) \| ([^\[\]<>\n]*) \| ({MARK})\] ")


def long_hit(memory: Memory, passage: str | None) -> Hit:
    """A hit on a long text that answers in ``passage``; None for one of which no part answers."""
    at = memory.text.index(passage) if passage else 0
    return Hit(memory, 1.0, Evidence({}), (), (at, at + len(passage)) if passage else ())


def recall_of(*texts: str, confidence: float = 0.5, **fields: Any) -> Recall:
    memories = [Memory(text, id=str(at), **fields) for at, text in enumerate(texts)]
    return Recall("what?", tuple(Hit(memory, 1.0, Evidence({})) for memory in memories), confidence)


def linked(*paths: tuple[Link, ...], **fields: Any) -> Recall:
    """Memories "a", "b", ... that came by these associations."""
    hits = (
        Hit(Memory(f"text {id}", id=id, **fields), 1.0, Evidence({}, path=path))
        for id, path in zip("abcdefgh", paths, strict=False)
    )
    return Recall("what?", tuple(hits), 0.5)


def parsed(block: str) -> list[tuple[str, list[str]]]:
    """Each memory of a block: its label without number and mark, and its lines; anything else fails."""
    whole = BLOCK.fullmatch(block)
    assert whole, block
    found: list[tuple[str, list[str]]] = []
    for line in whole[3].split("\n"):
        if line.startswith("    |"):
            found[-1][1].append(line[6:])
            continue
        label = LABEL.match(line)
        assert label and int(label[1]) == len(found) + 1, line
        found.append((label[2], [line[label.end() :]]))
    return found


def unmarked(text: str) -> str:
    """``text`` with its marks taken out, so that it can be compared."""
    return re.sub(rf"(?<=recalled_memories)_{MARK}| \| {MARK}(?=\])", "", text)
