"""What one question looks at in a namespace that no process holds, found step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from nuonuo.arrays import largest
from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question, spellings
from nuonuo.encoding.words import Word
from nuonuo.index.filters import Conditions
from nuonuo.index.lexical import COMMON
from nuonuo.index.part import Part
from nuonuo.index.times import DAY, STRETCHES, instant, spans, year_of
from nuonuo.index.vectors import DenseCue, dense_cue
from nuonuo.recall.association import FURTHER
from nuonuo.recall.branches import MANY
from nuonuo.recall.gathering import Gathered, meeting
from nuonuo.recall.leads import COMMON as COMMON_NAME
from nuonuo.recall.leads import FAINT, Sources
from nuonuo.recall.search import asked_words
from nuonuo.stores.base import PAGE
from nuonuo.stores.exploring import Vectors, Within

GROWTH = 4  # how many times more are asked for, where too few of them met the conditions
MOST = 8192  # candidates that are read, however many of them say the same
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
        limits = None
        if conditions.after is not None or conditions.before is not None:
            # A whole day is compared on another clock than an instant: by a day more.
            since = -EVER if conditions.after is None else instant(conditions.after) - DAY
            until = EVER if conditions.before is None else instant(conditions.before) + DAY
            limits = [(since, until)]
        self._within = Within(conditions.session_id, limits)
        self._tested = bool(conditions.where or conditions.exclude or limits)
        self._linked: set[tuple[int, bool]] = set()
        self._periods: list[Within] = []

    def cued(self, k: int, nothing: Part) -> list[int]:
        """Bring what the question's vector, words, names and dates find; return those to look around.

        Args:
            nothing: a part of no memories, which knows how rare the question's words are.
        """
        gathered, config, question = self._gathered, self._config, self._question
        asked = asked_words(nothing, question, config)
        gathered.asks = any(word.asks for word in question.words)
        names = dict.fromkeys(self._lexicon.keys([name for name, _, _ in question.names]))
        known = [name for name in names if gathered.whole.frequencies.get(name)]
        rare = self._rare(asked, nothing)
        found = self._cued(self._within, rare, self._dense(k), k, known)
        for within in self._periods:
            found += self._cued(within, rare, config.dense_candidates, 0, ())
        return found

    def know(self, k: int) -> None:
        """Learn of the whole what weighs the words of the question.

        Args:
            k: as for `cued`: what is nearest is looked for meanwhile.
        """
        self._expect(self._within, self._dense(k))
        question, lexicon = self._question, self._lexicon
        stems = [*question.spellings, *(word.stem for word in question.words)]
        stems += [word.whole.stem for word in question.words if word.whole is not None]
        self._gathered.know(lexicon.keys([*stems, *(name for name, _, _ in question.names)]))
        self._periods = self._dated()

    def _cued(
        self, within: Within, rare: Mapping[int, float], dense: int, least: int, names: Sequence[int]
    ) -> list[int]:
        """Bring the nearest and the best, more where most repeat each other; return the very first.

        The words take longest: all else, those in which ``names`` stand too, is brought meanwhile.
        """
        gathered, config = self._gathered, self._config
        saturation, m = (config.bm25_k1, config.bm25_b), config.lexical_candidates
        n = self._expect(within, dense)
        with self._explorer.expect_sharing(rare, saturation, m, within):
            near = self._near(within, n, dense, least)
            self._named(names)
        while True:
            sharing = self._passing(lambda n: self._explorer.sharing(rare, saturation, n, within), m)
            texts = len({*self._explorer.said(sharing).values()})
            if len(sharing) < m or m >= MOST or texts >= config.lexical_candidates / 2:
                break
            m *= GROWTH
        gathered.bring(sharing)
        return [*near, *sharing]

    def _named(self, names: Sequence[int]) -> None:
        """Bring the memories that are called by ``names``, and those in which the rare ones of them stand."""
        gathered = self._gathered
        if names:
            gathered.bring(self._explorer.called(names, 2 * MANY + 1))
        few = [name for name in names if gathered.whole.frequencies[name] <= MANY]
        if few:
            gathered.bring(self._explorer.holders(few).seqs.tolist())

    def _near(self, within: Within, n: int, dense: int, least: int) -> list[int]:
        """Bring the ``n`` nearest, more where most repeat each other; return the very first."""
        cue = dense_cue(self._question.state)
        while True:
            found = self._passing(lambda n: self._explorer.nearest(cue.words, n, within, cue.rounded), n)
            near, texts = nearest(self._explorer.vectors(found), cue, dense)
            if len(found) < n or n >= MOST or (len(near) >= dense and texts >= max(dense / 2, least)):
                self._gathered.bring(found)
                return near
            n *= GROWTH

    def _dense(self, k: int) -> int:
        return max(k, self._config.dense_candidates)

    def _expect(self, within: Within, dense: int) -> int:
        """Have the nearest looked for, and return how many."""
        cue, n = dense_cue(self._question.state), dense * self._config.oversampling
        self._explorer.expect_nearest(cue.words, n, within, cue.rounded)
        return n

    def _rare(self, words: Iterable[Word], nothing: Part) -> dict[int, float]:
        """The weights of those stems of ``words`` that choose candidates: their idf in the whole."""
        whole, found = self._gathered.whole, dict[int, float]()
        for key in self._lexicon.keys(spellings(words)):
            df = whole.frequencies.get(key, 0)
            if df > 0 and df * COMMON <= whole.memories:
                found[key] = nothing.postings.idf_of(df)
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

    def _dated(self) -> list[Within]:
        """Where the memories of each period lie of which the question speaks."""
        lifetime = self._explorer.lifetime() if self._question.periods else None
        if lifetime is None:
            return []
        years, fade, found = map(year_of, lifetime), self._config.date_fade, list[Within]()
        first, last = years
        for period in self._question.periods:
            if self._explorer.dated(spans(period, fade, STRETCHES, first, last)):
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


def nearest(found: Vectors | None, cue: DenseCue, k: int) -> tuple[list[int], int]:
    """Those of ``found`` (N,) whose best vector is nearest to ``cue``: ``k`` of them, and of ``k`` texts.

    Returns:
        Their seqs, ascending, and how many texts all of ``found`` are.
    """
    if found is None:
        return [], 0
    vectors, said = found.vectors, found.said
    cosines = np.einsum("ij,j->i", vectors.rows.astype(np.float32), cue.rounded) / found.norms
    best = np.full(len(said), -np.inf, np.float32)
    np.maximum.at(best, vectors.owners, cosines)
    order = np.argsort(-best, kind="stable")
    first = np.sort(np.unique(said[order], return_index=True)[1])
    at = np.union1d(order[:k], order[first[:k]])
    return found.seqs[at].tolist(), len(first)
