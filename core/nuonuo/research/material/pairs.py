"""Pairs of texts that say the same in other words: of our own making, or read from a file.

The generator knows situations of daily life, each in several wordings, with slots that are filled from
lists of synonyms. The two sides of a pair take different wordings and, where there are some, different
synonyms.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nuonuo.errors import InvalidInputError
from nuonuo.research.material.situations import FILLINGS, SITUATIONS

_SLOT = re.compile(r"\{(\w+?)(\d?)\}")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Paraphrases: ``first[i]`` and ``second[i]`` say the same.

    Attributes:
        third: of each pair another text that says the same; empty where there is none.
        topics: of each pair, what it is about; pairs of one topic are the hardest to tell apart.
        name: where they come from. sha256: of their texts.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    topics: tuple[str, ...]
    name: str
    third: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.first)

    @property
    def sha256(self) -> str:
        lines = (f"{one}\t{other}\n" for one, other in zip(self.first, self.second, strict=True))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def of(self, places: Sequence[int]) -> Pairs:
        """The pairs at ``places``, in that order."""
        first, second, topics = (
            tuple(side[at] for at in places) for side in (self.first, self.second, self.topics)
        )
        third = tuple(self.third[at] for at in places) if self.third else ()
        return Pairs(first, second, topics, self.name, third)

    def split(self, seed: int, share: float = 0.5) -> tuple[Pairs, Pairs]:
        """Two parts that have no topic in common; about ``share`` of the topics in the first.

        Where every pair has a topic of its own this is a split of the pairs.

        Raises:
            InvalidInputError: fewer than two topics, or a share outside (0, 1).
        """
        topics = sorted({*self.topics})
        if len(topics) < 2 or not 0 < share < 1:
            raise InvalidInputError(
                f"a split needs two topics and a share in (0, 1), got {len(topics)} topics and {share}"
            )
        order = np.random.default_rng(seed).permutation(len(topics))
        cut = min(max(round(share * len(topics)), 1), len(topics) - 1)
        chosen = {topics[at] for at in order[:cut]}
        inside = [at for at, topic in enumerate(self.topics) if topic in chosen]
        outside = [at for at, topic in enumerate(self.topics) if topic not in chosen]
        return self.of(inside), self.of(outside)


def made_up_pairs(count: int = 2000, seed: int = 0) -> Pairs:
    """``count`` distinct pairs of our own making; of each situation about as many.

    Raises:
        InvalidInputError: count < 1, or more than the situations give.
    """
    if count < 1:
        raise InvalidInputError(f"count must be at least 1, got {count}")
    rng = np.random.default_rng(seed)
    found: dict[str, tuple[str, str, str]] = {}
    facts: set[tuple[int, ...]] = set()
    tries = 0
    while len(found) < count:
        tries += 1
        if tries > 60 * count + 1000:
            raise InvalidInputError(f"the situations give no {count:,} distinct pairs; ask for fewer")
        at = tries % len(SITUATIONS)
        topic, wordings = SITUATIONS[at]
        slots = sorted({_slot(match) for wording in wordings for match in _SLOT.finditer(wording)})
        values = [int(rng.integers(len(FILLINGS[kind]))) for kind, _ in slots]
        one, other, another = (int(place) for place in rng.permutation(len(wordings))[:3])
        fact = (at, *values)
        kinds = {(kind, value) for (kind, _), value in zip(slots, values, strict=True)}
        if fact in facts or len(kinds) < len(slots):  # two slots of a kind have different fillings
            continue
        facts.add(fact)
        synonyms = {slot: FILLINGS[slot[0]][value] for slot, value in zip(slots, values, strict=True)}
        first = _said(wordings[one], {slot: words[0] for slot, words in synonyms.items()})
        second = _said(wordings[other], {slot: words[-1] for slot, words in synonyms.items()})
        if first not in found:
            third = _said(wordings[another], {slot: words[0] for slot, words in synonyms.items()})
            found[first] = (second, topic, third)
    firsts = tuple(found)
    return Pairs(
        firsts,
        tuple(found[first][0] for first in firsts),
        tuple(found[first][1] for first in firsts),
        f"made up: {count:,} pairs of {len(SITUATIONS)} situations, seed {seed}",
        tuple(found[first][2] for first in firsts),
    )


def _slot(match: re.Match[str]) -> tuple[str, str]:
    """Its kind and its number, which may be nothing."""
    return match[1], match[2]


def _said(wording: str, words: dict[tuple[str, str], str]) -> str:
    text = _SLOT.sub(lambda match: words[_slot(match)], wording)
    return text[0].upper() + text[1:]
