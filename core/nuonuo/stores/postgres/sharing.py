"""The memories of a namespace that share the rarest words of a question: BM25 by an inverted index (GIN).

Ranking needs each row that the index brings, so how many those may be is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from nuonuo.stores.postgres.nearest import Begin

RANKED = 8192  # memories whose words are looked at for one question, about
FIRST = 1024  # of them which are looked at first
CHOICES = 8  # stems of which it is worked out which of them must stand together
SETS = 12  # of stems that are looked up; where there are more, all pairs are as quick
PAIRED = 4  # stems beyond that which choose together: a memory must have two of them
# Copies, so that what is stored apart is fetched once; a slice of all of it takes several times as long.
ARRAYS = "stems || '{}'::bigint[] AS stems, counts || '{}'::smallint[] AS counts"
_ANY = "stems && %(alone)t::bigint[]"

Row = tuple[int, float, int]  # seq, worth, digest of what it says


class Sharing:
    """About the ``n`` memories of the greatest BM25, which are looked for by one statement or two, or three.

    The rarest stems bring all memories that have one of them, `RANKED` in all; of the next `PAIRED` stems
    a memory must have two. What has but one of those, or commoner stems alone, is not found by its words.
    Nor is what cannot be among the best: the very rarest stems are asked first, and what has none of them
    must have so many of the others that it could be worth as much as the last of what they found
    (Turtle & Flood 1995), if each stood once in the shortest of texts, or four times in a common one.

    What the very rarest bring is waited for at once; what is asked for by it is sent, and `found` waits.

    Args:
        begin: sends a statement with its values; what it gives waits for the rows.
        stems: of the database (S,), the rarest first. frequencies, weights: theirs.
        saturation: k1 and b. mean: words of a memory on the average.
        where, values: a condition on seqs.
    """

    def __init__(
        self,
        begin: Begin,
        stems: Sequence[int],
        frequencies: Sequence[int],
        weights: Sequence[float],
        saturation: tuple[float, float],
        mean: float,
        n: int,
        where: str,
        values: Mapping[str, Any],
    ) -> None:
        self._begin, self._n, self._where, self._values = begin, n, where, values
        k1, b = saturation
        self._once = 1 + k1 * (1 - b)
        self._norm = f"{_number(k1 * (1 - b))} + {_number(k1 * b / mean)} * total"
        self._worth = " + ".join(
            f"CASE WHEN stems[width_bucket('{key}'::bigint, stems)] = '{key}'::bigint THEN "
            f"{_number(weight)} - {_number(weight)} * norm / "
            f"(counts[width_bucket('{key}'::bigint, stems)] + norm) ELSE 0 END"
            for key, weight in zip(stems, weights, strict=True)
        )
        brought = np.cumsum(frequencies)
        alone = max(int(np.searchsorted(brought, RANKED, "right")), 1)
        first = min(int(np.searchsorted(brought, FIRST)) + 1, alone)
        self._first = stems[:first]
        self._left, self._weights = stems[first : alone + PAIRED], weights[first : alone + PAIRED]
        self._alone = alone - first
        self._rows: list[Row] = []
        self._steps = self._asking()
        next(self._steps, None)

    def found(self) -> dict[int, int]:
        """seq -> digest of what it says, as the database has it; best first."""
        for _ in self._steps:
            pass
        return {seq: said for seq, _, said in self._ranked()[: self._n]}

    def _asking(self) -> Iterator[None]:
        """Ask, one statement after another, and stop wherever one that may take its time was sent."""
        self._rows += self._best([_ANY], self._first)()
        asked = set[tuple[int, ...]]()
        for turn in (1, 2):
            rows = self._ranked()
            least = rows[self._n - 1][1] * self._once if len(rows) >= self._n else 0.0
            needed = worth_looking(self._weights, self._alone, least)
            if turn == 1 and not least:  # what the rarest of them brings tells what others must be worth
                needed = [each for each in needed if each[0] == 0]
            needed = [each for each in needed if each not in asked]
            asked.update(needed)
            if needed:
                single = [self._left[each[0]] for each in needed if len(each) == 1]
                others = [",".join(str(self._left[at]) for at in each) for each in needed if len(each) > 1]
                answer = self._best(
                    [_ANY] * bool(single) + [f"stems @> '{{{each}}}'" for each in others], single
                )
                yield
                self._rows += answer()
            if least:
                break

    def _ranked(self) -> list[Row]:
        """What was found, each once, best first."""
        return sorted({*self._rows}, key=lambda row: (-row[1], row[0]))

    def _best(self, chosen: Sequence[str], alone: Sequence[int]) -> Callable[[], list[tuple[Any, ...]]]:
        return self._begin(
            f"SELECT seq, ({self._worth})::float4, said FROM (SELECT seq, said, {ARRAYS}, "
            f"{self._norm} AS norm FROM wide_words WHERE namespace = %(id)s "
            f"AND ({' OR '.join(chosen)}){self._where} LIMIT %(most)s) AS found "
            "ORDER BY 2 DESC, seq LIMIT %(n)s",
            alone=[*alone],
            most=4 * RANKED,
            n=self._n,
            **self._values,
        )


def worth_looking(weights: Sequence[float], alone: int, least: float) -> list[tuple[int, ...]]:
    """The smallest sets of stems one of which a memory must have to be worth ``least``.

    Args:
        weights: (S,) of the stems. alone: how many of the first of them count where they stand alone; of the
            others two must stand together.
    """
    everything: list[tuple[int, ...]] = [(at,) for at in range(alone)] + [
        *combinations(range(alone, len(weights)), 2)
    ]
    if least <= 0 or len(weights) > CHOICES:
        return everything
    found: dict[int, tuple[int, ...]] = {}  # by its bits
    for size in range(1, len(weights) + 1):
        for each in combinations(range(len(weights)), size):
            bits = sum(1 << at for at in each)
            if any(bits & less == less for less in found) or (size == 1 and each[0] >= alone):
                continue
            if sum(weights[at] for at in each) >= least:
                found[bits] = each
    return [*found.values()] if len(found) <= SETS else everything


def _number(value: float) -> str:
    return f"'{float(value)!r}'::float8"
