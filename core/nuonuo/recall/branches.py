"""Branches: the memories that a question names, each of which is followed to its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.names import called
from nuonuo.index.shard import Shard

MANY = 12  # memories of one name: so many are not meant by it
NAMES = 0.5  # share of the memories with a word that use it as a name, from which it is one in small letters


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What a question names.

    Attributes:
        terms: (N,) int64, the runs of words of the question that are names here, of whatever.
        rows: (R,) int64, ascending, the memories that are called by one of them, or that have, outside of a
            session, one that is no memory's title.
        branch: (R,) int64, the number of the name, 0 for the first one.
        weight: (R,) float32, how far the question means the memory, in [0, 1]: the name's rarity in the
            namespace, shared by all that only have it.
    """

    terms: IntArray
    rows: IntArray
    branch: IntArray
    weight: npt.NDArray[np.float32]


_NONE = np.zeros(0, np.int64)
NOTHING = Named(_NONE, _NONE, _NONE, np.zeros(0, np.float32))  # what most questions name


def named(shard: Shard, question: Question, mask: npt.NDArray[np.bool_], config: MemoryConfig) -> Named:
    """The rows of ``mask`` (n,) that ``question`` names; of a name inside a longer one only the longer.

    Whoever is called by a name is meant by it. One that is no memory's title (of "Judith Viorst" the family
    name alone) means all that have it, each the less the more they are. A turn of a session that has it is
    about much else, and is not meant.

    A single word names where it is written as a name, or where it is mostly used as one here: who asks of a
    village does not ask of "The Village". At the beginning a capital tells nothing.
    """
    postings = shard.postings
    known = ((postings.term_of(name), start, end) for name, start, end in question.names)
    said = [(start, end, term) for term, start, end in known if term is not None]
    if not said:
        return NOTHING
    here = np.array([term for *_, term in said], np.int64)
    titles = dict(zip(here.tolist(), postings.entitles(here).tolist(), strict=True))
    df = dict(zip(here.tolist(), postings.counts(here).tolist(), strict=True))
    words = {(word.start, word.end): word for word in question.words}
    taken: list[tuple[int, int]] = []
    found: list[IntArray] = []
    weights: list[npt.NDArray[np.float32]] = []
    for start, end, term in sorted(said, key=lambda each: (each[0] - each[1], each[0])):
        if any(start < to and end > at for at, to in taken):
            continue
        word = words.get((start, end))  # of a name of one word
        small = not start or question.text[start].islower()
        if word is not None and small and df[term] < NAMES * postings.df(word.stem):
            continue
        if titles[term]:
            rows = called(postings, term)
        elif config.sharing_weight and df[term] <= MANY:
            rows = np.sort(postings.holders(np.array([term])))
            rows = rows[~shard.sessions.inside(rows)]
        else:
            continue
        rows = rows[mask[rows]]
        if 0 < len(rows) <= MANY:
            taken.append((start, end))
            found.append(rows)
            weight = np.full(len(rows), postings.rarity(np.array([df[term]]))[0], np.float32)
            weights.append(weight if titles[term] else weight * np.float32(config.sharing_weight / df[term]))
    if not found:
        return Named(here, _NONE, _NONE, NOTHING.weight)
    rows, first = np.unique(np.concatenate(found), return_index=True)
    branch = np.arange(len(found)).repeat([len(rows) for rows in found])
    return Named(here, rows, branch[first], np.concatenate(weights)[first])


def openers(
    who: Named, energy: npt.NDArray[np.float32], config: MemoryConfig
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """The memories that open a branch (R,), and how loud each speaks in it (R,).

    What a question names has the right to speak, however far it stands behind what else is named: only those
    that have one name compete with each other, (E(i) / E_best of that name)^p.

    Args:
        energy: of ``who.rows`` (R,).
    """
    if not config.branch_weight or not len(who.rows):
        return who.rows[:0], energy[:0]
    best = np.full(int(who.branch.max()) + 1, np.float32(1e-9))
    np.maximum.at(best, who.branch, energy)
    loud = np.maximum(energy / best[who.branch], 0) ** np.float32(config.content_sharpness)
    return who.rows, np.float32(config.branch_weight) * loud


def due(
    who: Named, rows: IntArray, energy: npt.NDArray[np.float32], source: IntArray
) -> npt.NDArray[np.bool_]:
    """Which candidates (C,) the first hits owe a question of several branches: who opens each, and its end.

    Its end is the memory of most energy that a name led to from who opens it; of those that have one name,
    the one of most energy opens it.

    Args:
        rows: (C,), the candidates, ascending. energy: theirs.
        source: (C,), the row from which a name led to each, -1 for none.
    """
    owed, several = np.zeros(len(rows), bool), 0
    for branch in range(int(who.branch.max(initial=-1)) + 1):
        opening = rows.searchsorted(who.rows[who.branch == branch])
        if not len(opening):
            continue  # a longer name has the same memories
        opens = opening[energy[opening].argmax()]
        reached = np.flatnonzero(source == rows[opens])
        if len(reached):
            owed[[opens, reached[energy[reached].argmax()]]] = True
            several += 1
    return owed if several > 1 else np.zeros(len(rows), bool)
