"""What one question looks at in a namespace that no process holds, found step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import zip_longest

import numpy as np

from nuonuo.arrays import largest
from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.names import spoken
from nuonuo.encoding.question import Question, spellings
from nuonuo.encoding.words import Word
from nuonuo.index.filters import Conditions
from nuonuo.index.lexical import COMMON
from nuonuo.index.part import Part
from nuonuo.index.times import spans, year_of
from nuonuo.index.vectors import dense_cue
from nuonuo.recall.association import COMMON as COMMON_NAME
from nuonuo.recall.association import FAINT, FURTHER, Sources
from nuonuo.recall.branches import MANY
from nuonuo.recall.gathering import Gathered, meeting
from nuonuo.stores.base import PAGE
from nuonuo.stores.exploring import Within

GROWTH = 4  # how many times more are asked for, where too few of them met the conditions
DAY = 86_400_000_000  # microseconds; a whole day is compared on another clock than an instant
EVER = 1 << 62


class Finder:
    """What one question looks at, brought step by step."""

    def __init__(
        self,
        gathered: Gathered,
        lexicon: Lexicon,
        config: MemoryConfig,
        question: Question,
        conditions: Conditions,
    ) -> None:
        self._gathered, self._explorer = gathered, gathered.explorer
        self._lexicon, self._config = lexicon, config
        self._question, self._conditions = question, conditions
        spans = None
        if conditions.after is not None or conditions.before is not None:
            since = -EVER if conditions.after is None else _stamp(conditions.after) - DAY
            until = EVER if conditions.before is None else _stamp(conditions.before) + DAY
            spans = [(since, until)]
        self._within = Within(conditions.session_id, spans)
        self._tested = bool(conditions.where or conditions.exclude or spans)
        self._linked: set[tuple[int, bool]] = set()

    def cued(self, k: int) -> Part:
        """What the question's vector, words, names and dates find."""
        gathered, config, question = self._gathered, self._config, self._question
        names = spoken(question.text, question.words)
        keys = dict.fromkeys(self._lexicon.keys([*question.spellings, *(name for name, _, _ in names)]))
        gathered.know([*keys, *self._lexicon.keys(word.stem for word in question.words)])
        for name in dict.fromkeys(self._lexicon.keys([name for name, _, _ in names])):
            if gathered.whole.frequencies.get(name):
                gathered.bring(self._explorer.called(name, 2 * MANY + 1))
        dense = max(k, config.dense_candidates)
        self._bring(self._within, dense, k)
        for within in self._periods():
            self._bring(within, config.dense_candidates, 0)
        return gathered.part()

    def _bring(self, within: Within, dense: int, least: int) -> None:
        """The nearest and the best, and more of them where most repeat each other."""
        for look, wanted, rows in (
            (self._nearest, dense * self._config.oversampling, dense),
            (self._sharing, self._config.lexical_candidates, self._config.lexical_candidates),
        ):
            n = wanted
            while True:
                found = self._passing(lambda n, look=look: look(n, within), n)  # type: ignore[misc]
                enough = len(set(found)) >= rows and self._gathered.wordings(found) >= max(rows / 2, least)
                if len(found) < n or enough:
                    break
                n *= GROWTH
            self._gathered.bring(found)

    def _nearest(self, n: int, within: Within) -> list[int]:
        sketch = dense_cue(self._question.state).words
        return self._explorer.nearest(sketch, n, within)

    def _sharing(self, n: int, within: Within) -> list[int]:
        """Those that share its words, and its content words alone: by which it asks, the pipeline decides."""
        config, words = self._config, self._question.words
        content = self._rare(word for word in words if word.content)
        found = [
            self._explorer.sharing(stems, (config.bm25_k1, config.bm25_b), n, within)
            for stems in [content] + [every for every in [self._rare(words)] if every != content]
        ]
        return [*dict.fromkeys(seq for each in zip_longest(*found) for seq in each if seq is not None)]

    def _rare(self, words: Iterable[Word]) -> dict[int, float]:
        """The weights of those stems of ``words`` that choose candidates."""
        whole, found = self._gathered.whole, dict[int, float]()
        for key in self._lexicon.keys(spellings(words)):
            df = whole.frequencies.get(key, 0)
            if df > 0 and df * COMMON <= whole.memories:
                found[key] = math.log1p((whole.memories - df + 0.5) / (df + 0.5))
        return found

    def _passing(self, ask: Callable[[int], list[int]], n: int) -> list[int]:
        """The first ``n`` of what is found that meet the conditions; as many as there are."""
        if not self._tested:
            return ask(n)
        passed: dict[int, bool] = {}
        wanted = n
        while True:
            seqs = ask(n)
            new = [seq for seq in dict.fromkeys(seqs) if seq not in passed]
            passed.update(dict.fromkeys(new, False))
            for start in range(0, len(new), PAGE):
                passed.update(dict.fromkeys(self._meeting(new[start : start + PAGE]), True))
            found = [seq for seq in seqs if passed[seq]]
            if len(found) >= wanted or len(seqs) < n:
                return found
            n *= GROWTH

    def _meeting(self, seqs: Sequence[int]) -> list[int]:
        """Those of ``seqs`` whose memories meet the conditions."""
        rows = self._explorer.fields(seqs)
        found: list[int] = [] if rows is None else rows.seqs[meeting(rows, self._conditions)].tolist()
        return found

    def _periods(self) -> list[Within]:
        """Where the memories of each period lie of which the question speaks."""
        lifetime = self._explorer.lifetime() if self._question.periods else None
        if lifetime is None:
            return []
        years, fade, found = map(year_of, lifetime), self._config.date_fade, list[Within]()
        first, last = years
        for period in self._question.periods:
            if self._explorer.dated(spans(period, fade, 4, first, last)):
                inside = spans(period, fade, 1, first, last)
                self._gathered.whole.dated[period] = self._explorer.dated(inside)
                limits = self._within.spans or [(-EVER, EVER)]
                both = [(max(a, c), min(b, d)) for a, b in inside for c, d in limits if max(a, c) < min(b, d)]
                found.append(Within(self._within.session_id, both))
        return found

    def linked(self, part: Part, sources: Sources, named: frozenset[int], *, by_name: bool = False) -> bool:
        """Bring what ``sources`` lead to, as far as it carries; False where all of it is here."""
        config = self._config
        new = np.array([(seq, by_name) not in self._linked for seq in part.seqs(sources.rows)], bool)
        if not new.any():
            return False
        rows, activation = sources.rows[new], sources.activation[new]
        self._linked.update((seq, by_name) for seq in part.seqs(rows))
        if not by_name and config.explicit_weight:
            self._gathered.associate(part.seqs(rows))
        loud = activation * max(config.naming_weight, config.sharing_weight, 1) > FAINT
        if not config.content_weight or not loud.any():
            return True
        spellings = self._lexicon.keys(self._question.spellings)
        led = self._gathered.links(part, rows[loud], spellings, named, words=not by_name)
        if not led:
            return True
        carried = [each.weight * activation[loud][each.source] for each in led]
        faint = [
            np.full(len(each.seqs), FAINT if at < len(led) - 1 else COMMON_NAME)
            for at, each in enumerate(led)
        ]
        seqs, value = np.concatenate([each.seqs for each in led]), np.concatenate(carried)
        keep = np.flatnonzero(value > np.concatenate(faint))
        if self._tested or self._within.session_id is not None:
            keep = keep[np.isin(seqs[keep], self._meeting(np.unique(seqs[keep]).tolist()))]
        most = FURTHER if by_name else config.link_targets
        targets = seqs[keep[largest(value[keep], most)]].tolist()
        self._gathered.bring(targets)
        self._gathered.bring(self._explorer.beside(targets, 1))
        return True


def _stamp(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
