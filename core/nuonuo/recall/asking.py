"""Asking: from a question put to a namespace to what is told of the memories that complete it.

Two steps, since texts lie in the store: `ask` works on the shard's numbers while its lock is held, and
`Recalled.told` puts words to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.index.shard import Shard
from nuonuo.recall import pipeline
from nuonuo.recall.completions import Completions
from nuonuo.recall.evidence import Traced, explain, trace
from nuonuo.recall.passage import Passages
from nuonuo.recall.scoring import Scored
from nuonuo.recall.search import BoolArray, Search
from nuonuo.records import Memory, Recall


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the pipeline found: the hits in numbers, and what their evidence is worked out from."""

    traced: list[Traced]
    completions: Completions
    passages: Passages
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Recalled:
    """A question and what was found for it: nothing, where nothing meets the conditions."""

    question: Question
    found: Found | None
    lexicon: Lexicon

    @property
    def seqs(self) -> list[int]:
        """The store's numbers of the memories that `told` needs, each once."""
        return [*dict.fromkeys(self._wanted)]

    def told(self, memories: Mapping[int, Memory | None], zone: tzinfo) -> Recall:
        """What is told of it in words; a hit that is no longer stored is left out.

        Args:
            memories: by seq; None for one that is no longer stored.
            zone: in whose days the question was read.
        """
        found = self.found
        if found is None:
            return Recall(self.question.query, (), 0.0, zone)
        texts = [memories[seq] for seq in self._wanted]
        hits = explain(
            self.question, found.traced, found.completions, found.passages, texts, self.lexicon, zone
        )
        return Recall(self.question.query, hits, found.confidence, zone)

    @property
    def _wanted(self) -> list[int]:
        if self.found is None:
            return []
        return [hit.seq for hit in self.found.traced] + self.found.completions.seqs


def seqs_of(recalled: Iterable[Recalled]) -> list[int]:
    """The store's numbers of the memories that `Recalled.told` needs of all of ``recalled``."""
    return [*dict.fromkeys(seq for each in recalled for seq in each.seqs)]


# A question that was put to rows, and what they complete of it (`pipeline.completed`).
Begun = tuple[Search, Scored]


def ask(
    shard: Shard,
    question: Question,
    k: int,
    mask: BoolArray,
    config: MemoryConfig,
    *,
    distinct: bool,
    begun: Begun | None = None,
) -> Recalled:
    """Put ``question`` to the rows of ``mask`` (n,). The shard's lock must be held.

    Args:
        distinct: what was said again in the same words takes one place.
        begun: how far that was done already.
    """
    if not mask.any():
        return Recalled(question, None, shard.lexicon)
    if begun is None:
        ranking = pipeline.recall(shard, question, k, mask, config, distinct)
    else:
        ranking = pipeline.rank(*begun, k, distinct=distinct)
    traced = trace(shard, ranking, config, mask)
    completions = Completions(shard, question, ranking)
    passages = Passages(question, ranking, completions.copied, shard.lexicon.analyzer)
    return Recalled(question, Found(traced, completions, passages, ranking.confidence), shard.lexicon)
