"""Made-up conversations with the frequencies of real ones: for measuring speed, never quality.

Words follow the two regimes of Zipf's law that large samples of text show (Ferrer i Cancho and Solé 2001):
some thousands of common words, and a tail without an end, so that new words keep coming, and most words
of a large memory stand in few texts. The commonest are English function words, the others are made up;
names and dates stand among them, and some sentences ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nuonuo.records import Memory

TURNS = 20  # of a session
SECONDS = 40  # from one turn to the next
BEGIN = datetime(2023, 1, 1, 9, tzinfo=timezone.utc)  # of the first session; each is a day after another

FLATTENED = 2.7  # how much less than Zipf's law the commonest words have (Mandelbrot)
COMMON = 6000  # rank from which frequencies fall with its square
RAREST = 1 << 22  # no rank is higher
NAMES = 0.12  # sentences with a name
DATES = 0.05  # sentences with a date
QUESTIONS = 0.15  # sentences that ask

_FUNCTION_WORDS = (
    "the and to I a of it you that in was is my for on so with have but me we at be do not just they this "
    "are like what really about had can your all from out up there when she if how been one or would he "
    "has know her get their some them more think did were who which will our could an than then time as by"
).split()
_SYLLABLES = [
    start + end for start in "bdfghklmnprstvwz" for end in ("a", "e", "i", "o", "u", "ai", "or", "en")
]
_MONTHS = ("January February March April May June July August September October November December").split()
_CHUNK = 4096  # texts that are drawn at once


def generated_texts(count: int, seed: int = 0) -> list[str]:
    """``count`` distinct texts; those of a smaller count are the first of a larger one."""
    return [memory.text for memory in generated_memories(count, seed)]


def generated_memories(count: int, seed: int = 0) -> Iterator[Memory]:
    """``count`` turns of made-up conversations: distinct texts with ids, sessions, roles and times."""
    seen: set[bytes] = set()
    made = chunk = 0
    while made < count:
        for text in _texts(np.random.default_rng([seed, chunk])):
            mark = text.encode()[:48]  # where texts begin alike the later one is left out: less is held
            if mark in seen:
                continue
            seen.add(mark)
            yield _turn(made, text)
            made += 1
            if made == count:
                return
        chunk += 1


def _turn(at: int, text: str) -> Memory:
    session, turn = divmod(at, TURNS)
    return Memory(
        text,
        id=f"m{at}",
        session_id=f"s{session}",
        role="assistant" if turn % 2 else "user",
        timestamp=BEGIN + timedelta(days=session % 1000, seconds=SECONDS * turn),
    )


def _texts(rng: np.random.Generator) -> list[str]:
    """`_CHUNK` texts of one to three sentences."""
    counts = rng.integers(1, 4, _CHUNK)
    lengths = rng.integers(3, 14, int(counts.sum()))
    ranks, marks = _ranks(rng.random(int(lengths.sum()))), rng.random((len(lengths), 3))
    words = [_word(rank) for rank in ranks.tolist()]
    others = _ranks(rng.random(len(lengths))).tolist()
    days = rng.integers(0, 12 * 28, len(lengths)).tolist()
    sentences = []
    ends = np.cumsum(lengths).tolist()
    for end, length, mark, other, day in zip(ends, lengths.tolist(), marks, others, days, strict=True):
        sentence = words[end - length : end]
        if mark[0] < NAMES:
            sentence.insert(length // 2, _word(other + len(_FUNCTION_WORDS)).capitalize())
        if mark[1] < DATES:
            sentence.append(f"on {day % 28 + 1} {_MONTHS[day // 28]}")
        sentence[0] = sentence[0][0].upper() + sentence[0][1:]
        sentences.append(" ".join(sentence) + ("?" if mark[2] < QUESTIONS else "."))
    stops = np.cumsum(counts).tolist()
    return [" ".join(sentences[stop - n : stop]) for stop, n in zip(stops, counts.tolist(), strict=True)]


def _ranks(chances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The ranks at ``chances`` (n,) in [0, 1) of the distribution: its inverse, in closed form."""
    common = np.log(
        1 + COMMON / FLATTENED
    )  # the integral of 1 / (rank + FLATTENED) up to COMMON; the tail's is 1
    at = chances * (common + 1)
    head = FLATTENED * np.expm1(np.minimum(at, common))
    tail = COMMON / np.maximum(1 - (at - common), COMMON / RAREST)
    ranks: npt.NDArray[np.int64] = np.where(at < common, head, tail).astype(np.int64)
    return ranks


@lru_cache(maxsize=1 << 16)
def _word(rank: int) -> str:
    """The word of a rank: the shorter, the commoner."""
    if rank < len(_FUNCTION_WORDS):
        return _FUNCTION_WORDS[rank]
    left, word = rank - len(_FUNCTION_WORDS), ""
    while True:
        left, at = divmod(left, len(_SYLLABLES))
        word += _SYLLABLES[at]
        if not left:
            return word
        left -= 1
