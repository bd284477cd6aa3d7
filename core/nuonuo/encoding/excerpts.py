"""Excerpts: what is read of a text that is too long to be read whole.

A long text is embedded in part, and a long question is asked in part. A blob (`nuonuo.encoding.blobs`) says
nothing to an encoder, however long it is: its first characters stand for it. What is left out of a stored
text is found by its words all the same, since those are indexed whole (`nuonuo.index.lexical`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.blobs import Blobs
from nuonuo.encoding.sentences import piece_spans
from nuonuo.encoding.words import Analyzer

Span = tuple[int, int]
Frequencies = Callable[[Sequence[str]], Sequence[int]]  # from stems to how many memories have each

BLOB_SHOWN = 64  # characters of a blob that are read: by them it can be told from another one
STRETCH = 1000  # bytes read at one place of a long text: about one window of an encoder
APART = "\n"  # between two places of a text
_GAP = 2  # blanks between two pieces that are read on


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is read of a text.

    Attributes:
        text: the places that are read, one after another.
        spans: where they stand in the whole text, ascending.
    """

    text: str
    spans: tuple[Span, ...]

    def places(self, spans: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Where ``spans`` (T, 2) of the excerpt stand in the whole text: (T, 2)."""
        if len(self.spans) == 1 and not self.spans[0][0]:
            return spans
        begins = np.cumsum([0, *(end - start + len(APART) for start, end in self.spans[:-1])])
        moved = np.array([start for start, _ in self.spans]) - begins
        at = np.searchsorted(begins, spans[:, 0], "right") - 1
        found: npt.NDArray[np.int32] = (spans + moved[at, None]).astype(np.int32)
        return found


def excerpt(text: str, most: int) -> Excerpt:
    """What of ``text`` is embedded: all but its blobs, and at most ``most`` bytes of UTF-8.

    Of a longer one the first half of them is its beginning, which says what it is about; the other half are
    stretches evenly spaced over the rest, the last of which is its end, where a log says how things ended.
    """
    return _excerpt(text, most, _spread)


def excerpts(parts: Sequence[str], most: int) -> list[Excerpt]:
    """What is embedded of a memory: of its text, and of as many cues as have ``most`` bytes together."""
    found, room = [excerpt(parts[0], most)], most
    for cue in parts[1:]:
        read = excerpt(cue, most)
        room -= len(read.text.encode())
        if room < 0:
            break
        found.append(read)
    return found


def are_whole(parts: Sequence[str], most: int) -> bool:
    """Whether `excerpts` leaves nothing of a memory's ``parts`` out."""
    return all(is_whole(part, most) for part in parts) and sum(len(cue.encode()) for cue in parts[1:]) <= most


def is_whole(text: str, most: int) -> bool:
    """Whether `excerpt` leaves nothing of ``text`` out."""
    return len(text.encode()) <= most and not Blobs(text).spans


def informative(text: str, most: int, analyzer: Analyzer, frequencies: Frequencies) -> Excerpt:
    """What of a question is asked: all but its blobs, and of a longer one its most informative pieces.

    Who pastes a long text says before or after it what is wanted: a quarter of the ``most`` bytes of UTF-8 is
    its beginning, a quarter its end. The rest are the pieces in which the words stand that fewest memories
    have, the rarest first, of equals the first one. What has no word of any memory is not asked: it would
    find nothing, and leave less weight to what can be found.
    """

    def choose(pieces: Sequence[Span], sizes: Sequence[int], most: int) -> set[int]:
        chosen = _Chosen(sizes, most)
        chosen.while_they_fit(range(len(pieces)), most // 4)
        chosen.while_they_fit(range(len(pieces) - 1, -1, -1), most // 4)
        for at in _rarest_first(text, pieces, analyzer, frequencies):
            chosen.if_it_fits(at)
        return chosen.places

    return _excerpt(text, most, choose)


def _excerpt(
    text: str, most: int, choose: Callable[[Sequence[Span], Sequence[int], int], Iterable[int]]
) -> Excerpt:
    """All that can be read of ``text``, or the pieces of it that ``choose`` takes.

    Args:
        choose: from the pieces, their bytes and ``most`` to the numbers of those that are read.
    """
    if is_whole(text, most):
        return Excerpt(text, ((0, len(text)),))
    found = Blobs(text).spans
    starts, ends = [0, *(end for _, end in found)], [*(start + BLOB_SHOWN for start, _ in found), len(text)]
    pieces = [
        (start + begin, start + stop)
        for start, end in zip(starts, ends, strict=True)
        for begin, stop in piece_spans(text[start:end])
    ]
    sizes = [len(text[start:end].encode()) + _GAP for start, end in pieces]
    if sum(sizes) > most:
        pieces = [pieces[at] for at in sorted(choose(pieces, sizes, most))]
    spans: list[Span] = []
    for start, end in pieces:
        if spans and start - spans[-1][1] <= _GAP:
            start = spans.pop()[0]
        spans.append((start, end))
    return Excerpt(APART.join(text[start:end] for start, end in spans), tuple(spans))


def _spread(pieces: Sequence[Span], sizes: Sequence[int], most: int) -> set[int]:
    """The pieces at the beginning, and those at evenly spaced places; ``most`` bytes of them."""
    ends = np.cumsum(sizes)
    begins = ends - sizes
    first = int(np.searchsorted(ends, most // 2, "right"))
    count = max((most - most // 2) // STRETCH, 1)
    length = (most - most // 2) // count
    chosen = {*range(first)}
    for begin in np.linspace(begins[first], ends[-1] - length, count + 1)[1:]:
        at = int(np.searchsorted(begins, begin))
        chosen |= {*range(at, int(np.searchsorted(ends, begins[at] + length, "right")))}
    return chosen


class _Chosen:
    """Pieces of at most ``most`` bytes together, taken one after another."""

    def __init__(self, sizes: Sequence[int], most: int) -> None:
        self.places: set[int] = set()
        self._sizes, self._left = sizes, most

    def if_it_fits(self, at: int) -> None:
        if at not in self.places and self._sizes[at] <= self._left:
            self.places.add(at)
            self._left -= self._sizes[at]

    def while_they_fit(self, places: Iterable[int], room: int) -> None:
        for at in places:
            room -= self._sizes[at]
            if room < 0:
                return
            self.if_it_fits(at)


def _rarest_first(
    text: str, pieces: Sequence[Span], analyzer: Analyzer, frequencies: Frequencies
) -> list[int]:
    """The pieces with a content word that some memory has, by how many have it; of equals by their order."""
    starts = [start for start, _ in pieces]
    first: dict[str, int] = {}
    for word in analyzer.words(text):
        if word.content and word.stem not in first:
            at = bisect_right(starts, word.start) - 1
            if at >= 0 and word.start < pieces[at][1]:  # else it stands in a blob
                first[word.stem] = at
    found = zip(frequencies([*first]), first.values(), strict=True)
    return [at for df, at in sorted(found) if df]
