"""What has been brought out of a namespace that no process holds, and what is known of the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from nuonuo.arrays import Blocks, IntArray, largest
from nuonuo.config import MemoryConfig
from nuonuo.index.filters import Conditions, Fields
from nuonuo.index.links import stem_links
from nuonuo.index.names import name_links
from nuonuo.index.part import Part, PartPostings, Whole
from nuonuo.recall.search import FloatArray
from nuonuo.recall.walks import FANOUT
from nuonuo.stores.base import Rows
from nuonuo.stores.exploring import Explorer, Holders
from nuonuo.traces import WordColumns

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
        self.asks = False  # whether how rare the words of asking turns are matters
        self._seqs: set[int] = set()
        self._asked: tuple[set[int], set[int]] = set(), set()  # stems, and wordings, that were asked for
        self._newest: dict[int, Sequence[int]] = {}  # by wording
        self._associations: dict[int, dict[int, float]] = {}
        self._followed: set[int] = set()
        self._part: Part | None = None  # the last one that was made, and of how many memories
        self._drawn = 0

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
        """What was brought, with what is known of the whole; the last one again, where nothing is new."""
        if self._part is None or self._drawn < len(self._seqs):
            self._part, self._drawn = self._built(), len(self._seqs)
        self._part.learn(self._associations)
        return self._part

    def _built(self) -> Part:
        rows = self.explorer.rows([*self._seqs])
        if rows is None:
            return self._make(rows, self.whole)
        words = rows.traces.words
        if self.asks:  # what a turn that asks says beyond the question
            self.know(np.unique(words.stems.rows[words.asks[words.stems.owners]]).tolist())
        with self._asking(words.said.tolist()):
            return self._make(rows, self.whole)

    @contextmanager
    def _asking(self, said: Iterable[int]) -> Iterator[None]:
        """Ask how often each of ``said`` was said, which is known afterwards."""
        new = [each for each in dict.fromkeys(said) if each not in self._asked[1]]
        if not new:
            yield
            return
        self._asked[1].update(new)
        with self.explorer.told(new, TELLINGS) as answer:
            yield
            for each, told in answer().items():
                self.whole.told[each] = told.times
                if told.repeated:
                    self.whole.repeated[each] = told.repeated
                self._newest[each] = told.newest

    def around(self, seqs: Sequence[int], reach: int) -> None:
        """Bring the turns around ``seqs``, which were brought, and who says the same."""
        with self._asking(self._said(seqs)):
            self.bring(self.explorer.beside(seqs, reach))
        self.bring(self.tellings(seqs))

    def tellings(self, seqs: Sequence[int]) -> list[int]:
        """The newest memories that say what some of ``seqs`` say, which were brought."""
        said = self._said(seqs)
        with self._asking(said):
            pass
        return [seq for each in said for seq in self._newest.get(each, ())]

    def _said(self, seqs: Sequence[int]) -> list[int]:
        return sorted({*self.explorer.said(seqs).values()})

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
        config, postings, most = self._config, part.postings, self._config.content_max_df
        terms, frequencies, sizes = postings.words(rows)
        keys = postings.keys_of(terms)
        self.know(keys.tolist())
        known = self.whole.frequencies
        df = np.array([known.get(key, 0) for key in keys.tolist()], np.int64)
        linking = (df >= 2) & (df <= most) & ((frequencies == 0) | (words & ~postings.stops(terms)))
        wanted = {*keys[linking].tolist()} - {*spellings} - {*named}
        holders = self.explorer.holders(sorted(wanted)) if wanted else None
        if holders is None or not len(holders.seqs):
            return []
        self.know(key for title in holders.titles.values() for key in title)
        own = np.array(part.seqs(rows), np.int64)
        titled, counts = postings.titles(rows)
        named_by = np.split(postings.keys_of(titled), counts.cumsum()[:-1])
        titles = {
            **holders.titles,
            **{seq: each.tolist() for seq, each in zip(own.tolist(), named_by, strict=True)},
        }
        holders = holders.without(own)
        at, seqs = np.arange(len(own)), np.concatenate([own, holders.seqs])
        there = PartPostings(config, int, self.whole)
        there.extend(len(seqs))
        there.put(np.arange(len(seqs)), _words(seqs, Blocks(keys, sizes), frequencies, holders, titles))
        there.measure(np.arange(len(own), len(seqs)), holders.totals)
        there.learn()
        found = list[Led]()
        if words:
            stems = stem_links(there, at, there.known(map(str, spellings)), most)
            found.append(Led(stems.source, seqs[stems.target], stems.strength(config.naming_weight)))
        names = name_links(there, at, np.array(there.terms_of(map(str, named)), np.int64), most)
        weight = names.strength(config.naming_weight, config.sharing_weight)
        return [*found, Led(names.source, seqs[names.target], weight)]


def _words(
    seqs: IntArray, keys: Blocks, frequencies: IntArray, holders: Holders, titles: Mapping[int, Sequence[int]]
) -> WordColumns:
    """The words of those that links leave, all of them, then of ``holders``, as far as they link.

    Args:
        seqs: (N,), the former's, then the latter's. keys, frequencies: the former's stems.
    """
    own = len(keys.counts)
    place = {seq: at for at, seq in enumerate(seqs.tolist())}
    above = [(place[seq], key) for seq, title in titles.items() if place.get(seq, -1) >= own for key in title]
    extra = np.array([at for at, _ in above], np.int64)
    entitling = np.array([key for _, key in above], np.uint64)
    row = np.concatenate([keys.owners, own + holders.at, extra])
    stems = np.concatenate([keys.rows, holders.stems, entitling])
    counts = np.concatenate([frequencies, holders.counts, np.zeros(len(extra), np.int64)])
    order = np.lexsort((-counts, stems, row))  # what stands there and in the title counts as it stands there
    row, stems, counts = row[order], stems[order], counts[order]
    new = (np.diff(row, prepend=-1) != 0) | (np.diff(stems, prepend=stems[:1] + np.uint64(1)) != 0)
    row, stems, counts = row[new], stems[new], counts[new]
    sizes = np.bincount(row, minlength=len(seqs))
    starts = sizes.cumsum() - sizes
    positions = [np.zeros(0, np.int64)] * len(seqs)
    for seq, title in titles.items():
        at = place.get(seq)
        if at is not None and title:
            block = stems[starts[at] : starts[at] + sizes[at]]
            positions[at] = block.searchsorted(np.array(title, np.uint64))
    nothing = np.zeros(len(seqs), np.int64)
    return WordColumns(
        stems=Blocks(stems, sizes),
        counts=Blocks(counts.astype(np.int32), sizes),
        title=Blocks(np.concatenate(positions).astype(np.int32), np.array([*map(len, positions)], np.int64)),
        length=nothing,
        said=nothing.astype(np.uint64),
        speaker=nothing.astype(np.uint64),
        asks=nothing.astype(np.bool_),
    )


def meeting(rows: Rows, conditions: Conditions) -> IntArray:
    """Which of ``rows``, whose traces nobody looks at, meet ``conditions``."""
    fields = Fields()
    fields.extend(len(rows))
    fields.put(np.arange(len(rows)), rows)
    mask = fields.mask(np.ones(len(rows), bool), conditions)
    if conditions.exclude:
        mask &= np.array([each not in conditions.exclude for each in rows.ids], bool)
    return np.flatnonzero(mask)
