"""Cue augmentation: what else may evoke a memory.

A memory is found by its own text, by cues of the caller's (`Memory.cues`), and by what a paraphraser
makes of the text (`Memory.paraphrases`): any callable from a text to further texts, an LLM's or a
template's. It is an option, never a need; each cue is encoded and indexed like the memory's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from nuonuo.checks import text_of
from nuonuo.errors import InvalidTypeError
from nuonuo.records import Memory

Paraphraser = Callable[[str], Iterable[str]]


def augment(memory: Memory, paraphrase: Paraphraser | None, most: int | None = None) -> Memory:
    """``memory`` with paraphrases, asked for where it has none; no text among its parts stands there twice.

    Args:
        most: bytes that a paraphrase may have; any number where None.

    Raises:
        InvalidTypeError: the paraphraser returned something else than texts.
        InvalidInputError: it returned an empty text, or one that is too long.
    """
    found: Iterable[str] = memory.paraphrases
    if paraphrase is not None and not found:
        found = paraphrase(memory.text)
        if isinstance(found, str) or not isinstance(found, Iterable):
            raise InvalidTypeError(
                f"the paraphraser must return a list of texts, got {type(found).__name__} {found!r}"
            )
    cues = dict.fromkeys(cue for cue in memory.cues if cue != memory.text)
    made = dict.fromkeys(text_of(text, "a paraphrase", most) for text in found)
    own = {memory.text, *cues}
    return replace(memory, cues=tuple(cues), paraphrases=tuple(text for text in made if text not in own))
