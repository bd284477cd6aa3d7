"""What has been brought out of a namespace that no process holds, and what is known of the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nuonuo.arrays import IntArray, largest
from nuonuo.config import MemoryConfig
from nuonuo.index.filters import Conditions, Fields
from nuonuo.index.links import stem_links
from nuonuo.index.names import name_links
from nuonuo.index.part import Part, PartPostings, Whole
from nuonuo.recall.search import FloatArray
from nuonuo.recall.walks import FANOUT
from nuonuo.stores.base import Rows
from nuonuo.stores.exploring import Explorer

TELLINGS = 32  # memories of one wording that are told of, the newest


@dataclass(frozen=True, slots=True, eq=False)
class Led:
    """Links; all (L,).

    Attributes:
        source: an index into the rows that were asked for. seqs: the targets'. weight: V_ij.
    """

    source: IntArray
    seqs: IntArray
    weight: FloatArray


class Gathered:
    """What has been brought of a namespace so far."""

    def __init__(self, explorer: Explorer, make: Callable[..., Part], config: MemoryConfig) -> None:
        self.explorer, self.whole = explorer, Whole(explorer.memories, explorer.words)
        self._make, self._config = make, config
        self._seqs: set[int] = set()
        self._asked: tuple[set[int], set[int]] = set(), set()  # stems, and wordings, that were asked for
        self._newest: dict[int, Sequence[int]] = {}  # by wording
        self._associations: dict[int, dict[int, float]] = {}
        self._followed: set[int] = set()

    def bring(self, seqs: Iterable[int]) -> bool:
        """Let the memories with these ``seqs`` be among those of the next `part`; whether any is new."""
        before = len(self._seqs)
        self._seqs.update(seqs)
        return len(self._seqs) > before

    def know(self, stems: Iterable[int]) -> None:
        """Ask how rare ``stems`` are, those of which that is not known."""
        new = [stem for stem in dict.fromkeys(stems) if stem not in self._asked[0]]
        if new:
            self._asked[0].update(new)
            self.whole.frequencies.update(self.explorer.frequencies(new))

    def part(self) -> Part:
        """What was brought, with what is known of the whole."""
        rows = self.explorer.rows([*self._seqs])
        if rows is not None:
            words = rows.traces.words
            self.know(np.unique(words.stems.rows).tolist())
            self._know_wordings(words.said.tolist())
        return self._make(rows, self._associations, self.whole)

    def _know_wordings(self, said: Iterable[int]) -> None:
        new = [each for each in dict.fromkeys(said) if each not in self._asked[1]]
        if not new:
            return
        self._asked[1].update(new)
        for each, told in self.explorer.told(new, TELLINGS).items():
            self.whole.told[each] = told.times
            if told.repeated:
                self.whole.repeated[each] = told.repeated
            self._newest[each] = told.newest

    def wordings(self, seqs: Sequence[int]) -> int:
        """How many different things the memories with these ``seqs`` say."""
        rows = self.explorer.rows(seqs)
        return 0 if rows is None else len(np.unique(rows.traces.words.said))

    def tellings(self, part: Part, rows: IntArray) -> list[int]:
        """The newest memories that say what some of ``rows`` say."""
        said = {part.wordings.said(row) for row in rows.tolist()}
        return [seq for each in said for seq in self._newest.get(each, ())]

    def associate(self, seqs: Sequence[int]) -> None:
        """Bring what ``seqs`` were associated with by hand."""
        found = self.explorer.associations(seqs)
        self._associations.update(found)
        targets = [*{target for each in found.values() for target in each}]
        if targets:
            self.whole.led_to.update(self.explorer.led_to(targets))
            self.bring(targets)

    def follow(self, part: Part, rows: Sequence[int]) -> bool:
        """Bring what follows each of ``rows`` in a walk; False where all of that is here."""
        new = [row for row in rows if part.seqs(np.array([row]))[0] not in self._followed]
        if not new:
            return False
        at = np.array(new, np.int64)
        seqs = part.seqs(at)
        self._followed.update(seqs)
        self.bring(self.explorer.beside(seqs, 1))
        self.associate(seqs)
        if self._config.chain_content:
            found = self.links(part, at, frozenset(), frozenset())
            for each in found:
                for source in range(len(at)):
                    own = np.flatnonzero(each.source == source)
                    self.bring(each.seqs[own[largest(each.weight[own], FANOUT)]].tolist())
        return True

    def links(
        self,
        part: Part,
        rows: IntArray,
        spellings: Collection[int],
        named: Collection[int],
        *,
        words: bool = True,
    ) -> list[Led]:
        """What some ``rows`` (C,) of ``part`` lead to in the whole: by words, where ``words``, and by name.

        Args:
            spellings: keys of stems that link nothing. named: keys of names that link nothing.
        """
        most, postings = self._config.content_max_df, part.postings
        terms, frequencies, _ = postings.words(rows)
        df = postings.counts(terms)
        linking = (df >= 2) & (df <= most) & ((frequencies == 0) | (words & ~postings.stops(terms)))
        keys = {postings.key_of(term) for term in np.unique(terms[linking]).tolist()}
        holders = self.explorer.holders(sorted(keys - {*spellings} - {*named}))
        if not len(holders.seqs):
            return []
        titles = holders.words.title
        self.know(
            holders.words.stems.rows[holders.words.stems.starts.repeat(titles.counts) + titles.rows].tolist()
        )
        there = PartPostings(self._config, int, self.whole)
        there.extend(len(holders.seqs))
        there.put(np.arange(len(holders.seqs)), holders.words)
        seqs = np.array(part.seqs(rows), np.int64)
        at = holders.seqs.searchsorted(seqs)
        at[at == len(holders.seqs)] = 0
        own = np.flatnonzero(holders.seqs[at] == seqs)  # the others have nothing rare
        config, found = self._config, list[Led]()
        if words:
            stems = stem_links(there, at[own], there.known(map(str, spellings)), most)
            found.append(
                Led(own[stems.source], holders.seqs[stems.target], stems.strength(config.naming_weight))
            )
        without = np.array(there.terms_of(map(str, named)), np.int64)
        names = name_links(there, at[own], without, most)
        weight = names.strength(config.naming_weight, config.sharing_weight)
        found.append(Led(own[names.source], holders.seqs[names.target], weight))
        return found


def meeting(rows: Rows, conditions: Conditions) -> IntArray:
    """Which of ``rows``, whose traces nobody looks at, meet ``conditions``."""
    fields = Fields()
    fields.extend(len(rows))
    fields.put(np.arange(len(rows)), rows)
    mask = fields.mask(np.ones(len(rows), bool), conditions)
    if conditions.exclude:
        mask &= np.array([each not in conditions.exclude for each in rows.ids], bool)
    return np.flatnonzero(mask)
