"""Text to sentences, in any script: what else of a text is worth a cue of its own.

A turn says several things at once, and one vector of the whole blurs them. Each sentence is a cue by
itself; a long text gives a few stretches of sentences, so that its cues stay bounded. A heading, be it a
title on a line of its own or a speaker before a colon, says what every sentence is about, and goes with each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# After ., ! or ? and white space; after their full-width kin even without; after a line break.
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？｡])|\n+|(?<=[।؟۔])\s*")
_HEADING = re.compile(r"\s*([^\n.!?。！？]{1,80}\n+|[^\s:：][^:：\n.!?。！？]{0,40}[:：]\s+)(?=\S)")
_LABEL = re.compile(r"\s*([^\s:：][^:：\n.!?。！？]{0,40})[:：]\s")
_LINE = re.compile(r"\s*([^\n]{1,80})\n+(?=\S)")
_LOWER = re.compile(
    r"(?<![\w'’])[a-zß-öø-ÿ]\w{3,}(?![^(]*\))"
)  # a longer word that begins small, not in brackets
MOST = 8
PIECE = 200  # characters of a sentence that are looked at as one; a longer one is cut at a space
SHORTEST = 12  # bytes of UTF-8, so that it asks fewer characters of scripts that say more with each


def heading(text: str) -> str:
    """What every sentence of ``text`` is about: a title's line or a speaker and a colon; "" for none."""
    match = _HEADING.match(text)
    return match.group() if match else ""


def title(text: str) -> str:
    """The title of ``text``: a short line above it, without what it adds in brackets; "" for none.

    A line that holds the end of a sentence is one where it is written as a name is ("Who Is Harry?",
    "J. Lee Thompson").
    """
    above = heading(text)
    if not above.endswith("\n"):
        match = _LINE.match(text)
        above = match[1] if match and not _LOWER.search(match[1]) else ""
    above = re.sub(r"\(.*?\)", " ", above).strip()
    return "" if above.endswith(",") else above  # that is how a letter begins ("Dear Ann,")


def label(text: str) -> str:
    """The name before a colon at the start of ``text``: who speaks; "" for none."""
    match = _LABEL.match(text)
    return match[1] if match else ""


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of ``text`` begins and ends, without the white space around it."""
    start = 0
    for begin, end in [*(match.span() for match in _END.finditer(text)), (len(text), len(text))]:
        inner = text[start:begin]
        bare = inner.strip()
        if bare:
            at = start + inner.index(bare)
            yield at, at + len(bare)
        start = end


def piece_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of ``text`` stand, long ones in pieces, without the white space between them."""
    for start, end in sentence_spans(text):
        while end - start > PIECE:
            cut = text.rfind(" ", start + PIECE // 2, start + PIECE)
            cut = start + PIECE if cut < 0 else cut
            yield start, cut
            start = cut + (text[cut] == " ")
        if end > start:
            yield start, end


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, at most `MOST` stretches of them; none where there is only one."""
    about = heading(text)
    parts = [part.strip() for part in _END.split(text[len(about) :])]
    parts = [part for part in parts if part]
    if len(parts) > MOST:
        share = len(parts) / MOST
        parts = [" ".join(parts[round(i * share) : round((i + 1) * share)]) for i in range(MOST)]
    if len(parts) < 2:
        return []
    return [about + part for part in parts if len(part.encode()) >= SHORTEST]
