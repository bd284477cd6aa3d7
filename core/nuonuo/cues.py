"""Cue augmentation: what else may evoke a memory.

A memory is found by its own text and by its cues. Cues come from the caller (`Memory.cues`), or from a
paraphraser: any callable from a text to further texts, an LLM's or a template's. It is an option, never
a need; each cue is encoded and indexed like the memory's own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from nuonuo.checks import text_of
from nuonuo.errors import InvalidTypeError
from nuonuo.records import Memory

Paraphraser = Callable[[str], Iterable[str]]


def augment(memory: Memory, paraphrase: Paraphraser | None) -> Memory:
    """``memory`` with its paraphrases among its cues; no cue twice, and none that equals the text.

    Raises:
        InvalidTypeError: the paraphraser returned something else than texts.
        InvalidInputError: it returned an empty text.
    """
    found: Iterable[str] = ()
    if paraphrase is not None:
        found = paraphrase(memory.text)
        if isinstance(found, str) or not isinstance(found, Iterable):
            raise InvalidTypeError(
                f"the paraphraser must return a list of texts, got {type(found).__name__} {found!r}"
            )
    cues = [text_of(cue, "a cue") for cue in (*memory.cues, *found)]
    return replace(memory, cues=tuple(dict.fromkeys(cue for cue in cues if cue != memory.text)))
