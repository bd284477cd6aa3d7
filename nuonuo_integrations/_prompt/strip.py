"""What was injected, taken out of what a model says: known by its marks alone, in whatever form it is echoed.

What bears no mark stays: it may resemble a block, and was written by someone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nuonuo_integrations._prompt.marks import end_of_words, marks
from nuonuo_integrations._prompt.render import NOTE, TAG

Span = tuple[int, int]
Kind = Literal["open", "close", "label", "bare"]

# Brackets may be escaped for Markdown or HTML, or be others than they were.
_OPEN = r"(?:\\?[<\[({【]|&lt;|&\#91;)"
_SHUT = r"(?:\\?[>\])}】]|&gt;|&\#93;)"
_SET = r"[*_`\s]*"  # how Markdown sets a word
_QUOTING = ("user", "human", "tool", "function", None)  # whose words are stored as they came
_BEFORE = 300  # characters in which a tag or a label leads up to its mark
_TAG = re.compile(
    rf"{_OPEN}?{_SET}(?P<close>\\?/)?{_SET}recalled(?:\\?[_-]|\s)*memories(?:\\?[_-]|\s)*\Z", re.IGNORECASE
)
_TAG_END = re.compile(
    rf"{_SET}(?:confidence(?:&quot;|\W){{0,6}}[\d.]+(?:&quot;|[\"'\\]){{0,2}})?{_SET}{_SHUT}|[*_`]*",
    re.IGNORECASE,
)
# By its number, by its bracket, or by what is left of it at the beginning of a line.
_LABEL = re.compile(
    rf"{_OPEN}?{_SET}recalled{_SET}\#?\d+{_SET}\\?[|,;:/)·][^\[\]\n]*\Z|\\?\[[^\[\]\n]*\Z"
    r"|^[^\[\]\n]*\|[*_`\s]*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL_END = re.compile(rf"[*_` \t]*{_SHUT}?[*_`:]*")
_BULLETS = re.compile(r"(?:[ \t>|*•#_`-]|\d+[.)](?=\s))*\Z")
_LINE = re.compile(
    r"[^\n]*(?:\n[ \t>]*[ ]{4}[^\n]*)*"
)  # with the lines of the same memory, indented below it
_REST = re.compile(  # a body's last signs
    r"(?:[^\w\n]|_)*(?=\n|\Z)(?:\n[ ]{4}(?:[^\w\n]|_)*(?=\n|\Z))*|(?:[^\w\s]|_)*"
)
_ENDED = re.compile(
    r"(?:(?<!\.)\.(?!\.)|[!?:;。！？।])\W*\Z|\n"
)  # a sentence does, and what is cut off does not
_SIGNS = re.compile(r"[^\w\s]*")
_WORD = re.compile(r"\w+")
_NOTE = [word.casefold() for word in _WORD.findall(NOTE)]
_LEAST = 3  # words of the note that are known for its end

_FENCE = re.compile(r"```[\w-]*[ \t]*\n\s*\Z")
_FENCE_END = re.compile(r"\s*\n[ \t]*```[ \t]*")
_QUOTED = re.compile(r"[ \t>*#-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A tag or a label in a text: what it is, where it stands, and its mark."""

    kind: Kind
    start: int
    end: int
    mark: str


def strip(text: str) -> str:
    """``text`` without what `render` made, also where a model echoed it only in part or changed its form.

    A text that holds nothing of it comes back as it is. For what a model said: a user's words are
    stored as they were, whatever they quote.

    A memory is taken out to its last word. Where a label leads a line of other words, that is most
    likely its memory, changed or cut off, and the line goes too, unless nothing would be left.
    """
    return _stripped(text, lines=True) or _stripped(text, lines=False)


def as_said(text: str, role: str | None) -> str:
    """``text`` as ``role`` said it: a user's or a tool's to the letter, any other's without an echo."""
    return text if role in _QUOTING else strip(text)


def is_injected(text: str) -> bool:
    """Whether ``text`` is one whole block as `render` made it, and nothing else."""
    first = re.match(rf"<{TAG}_(\w+) ", text)
    return first is not None and text.endswith(f"</{TAG}_{first[1]}>") and not strip(text)


def _stripped(text: str, *, lines: bool) -> str:
    while found := _found(text):
        text = _without(text, _merged([*_blocks(found), *_memories(text, found, lines)]))
    return text


def _found(text: str) -> list[Found]:
    found: list[Found] = []
    for match in marks(text):
        last = found[-1].end if found else 0
        before = text[max(last, match.start() - _BEFORE) : match.start()]
        mark = match[0].casefold()
        if tag := _TAG.search(before):
            kind: Kind = "close" if tag["close"] else "open"
            end = _TAG_END.match(text, match.end())
            start = match.start() - len(before) + tag.start()
        else:
            label = _LABEL.search(before)
            kind = "label" if label else "bare"
            end = _LABEL_END.match(text, match.end())
            start = match.start() - len(before) + label.start() if label else match.start()
        found.append(Found(kind, start, end.end() if end else match.end(), mark))
    return found


def _blocks(found: Sequence[Found]) -> list[Span]:
    """Where whole blocks stand, and tags whose partner is missing."""
    spans: list[Span] = []
    opened: dict[str, Found] = {}
    for each in found:
        if each.kind == "open":
            opened.setdefault(each.mark, each)
        elif each.kind == "close" and each.mark in opened:
            spans.append((opened.pop(each.mark).start, each.end))
    return [*spans, *((each.start, each.end) for each in found)]


def _memories(text: str, found: Sequence[Found], lines: bool) -> list[Span]:
    """Where the note and the memories stand, each from its bullet to its last word."""
    spans: list[Span] = []
    lines = lines or any(each.kind == "open" for each in found)  # a block that somebody copies
    ends = [*(each.start for each in found[1:]), len(text)]
    for each, limit in zip(found, ends, strict=True):
        start, end = each.start, each.end
        line = text.rfind("\n", 0, start) + 1
        leads = _BULLETS.match(text, line, start) is not None
        if each.kind in ("label", "bare"):
            said = end_of_words(each.mark, text, end, limit)
            if said is not None:
                rest = _REST.match(text, said, limit)
                end = rest.end() if rest else said
            elif each.kind == "label" and leads:
                rest = _LINE.match(text, end, limit)
                cut = limit == len(text) and not _ENDED.search(text, end)
                end = rest.end() if rest and (lines or cut) else end
            spans.append((line if leads else start, end))
        spans.append((_note_before(text, line if leads else start), start))
        spans.append((end, _note_after(text, end, limit)))
    last = max(end for _, end in spans)
    return [*spans, (last, _cut_off(text, last))]


def _note_after(text: str, start: int, limit: int) -> int:
    """Where the note ends that begins at ``start``, whole or cut off; ``start`` where there is none."""
    same, end, last = 0, start, len(text.rstrip())
    for word, said in zip(
        _WORD.finditer(text, start, min(limit, start + 2 * len(NOTE))), _NOTE, strict=False
    ):
        found = word[0].casefold()
        if found != said and not (word.end() == last and said.startswith(found)):
            break
        same, end = same + 1, word.end()
    signs = _SIGNS.match(text, end, limit)
    end = signs.end() if signs else end
    return end if same >= _LEAST or (same and end >= last) else start


def _note_before(text: str, end: int) -> int:
    """Where the note begins that ends at ``end``, whole or by its last words; ``end`` where there is none."""
    same, start = 0, end
    words = [*_WORD.finditer(text, max(0, end - 2 * len(NOTE)), end)]
    for word, said in zip(reversed(words), reversed(_NOTE), strict=False):
        found = word[0].casefold()
        if found != said and not (word.start() == 0 and said.endswith(found)):
            break
        same, start = same + 1, word.start()
    if same < _LEAST:
        return end
    line = text.rfind("\n", 0, start) + 1
    return start if _WORD.search(text, line, start) else line


def _cut_off(text: str, start: int) -> int:
    """Where the label or tag ends that the end of the text cuts off; ``start`` where it cuts off none."""
    left = text[start:].strip(" \t\n>*#-`").casefold()
    for form in ("[recalled ", f"</{TAG}"):
        if left and (form.startswith(left) or (left.startswith(form) and not re.search(r"[\]\n>]", left))):
            return len(text)
    return start


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(text: str, spans: Sequence[Span]) -> str:
    """``text`` without ``spans``, and without the code fences that held nothing else."""
    left = text[: spans[0][0]]
    for (_, end), (following, _) in zip(spans, [*spans[1:], (len(text), 0)], strict=True):
        left = _joined(left, text[end:following])
    return left


def _joined(left: str, right: str) -> str:
    tail = left[-80:]
    fence, fence_end = _FENCE.search(tail), _FENCE_END.match(right)
    if fence and fence_end:
        left, right = left[: len(left) - len(tail) + fence.start()], right[fence_end.end() :]
    line = left.rfind("\n") + 1
    before, after = (left[:line] if _QUOTED.fullmatch(left, line) else left).rstrip(), right.lstrip()
    if not before or not after:
        return before or after
    gap = left[len(before) :] + right[: len(right) - len(after)]
    gap = "\n" if "\n" in gap else " " if gap and after[0] not in ".,;:!?)" else ""
    return before + gap + after
