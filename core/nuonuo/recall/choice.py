"""The choice: the first hits are taken one after another, each for what it adds to those before it.

The next is the candidate with the greatest

    E(m) + c sum_t w_t max(0, e_t(m) - covered_t) - max over the chosen m' of loss(m, m')

    loss = h B(m)                               where m asks or tells again what m' does (`Repeats`)
           r max(0, cos(m, m') - ALIKE)         for two memories outside of sessions

covered_t being the best e_t among those chosen. What a candidate adds never grows: this value never rises
from one to the next. It makes the order alone; a hit's score is E(m), its own.

Of a question that names several things the first `MemoryConfig.together` leave no branch without who
opens it and its end: where no more places are left than candidates are owed to the branches
(`nuonuo.recall.branches.due`), those take them, and what they lack of the greatest value is added to theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray, weighted
from nuonuo.index.sessions import NOBODY
from nuonuo.recall.branches import due
from nuonuo.recall.scoring import NAME, Scored
from nuonuo.recall.search import BoolArray, FloatArray, Search

ALIKE = 0.3  # cosine from which two texts resemble each other; of texts on two matters few reach it


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The hits, best first.

    Shapes: k hits.
        at: (k,) int64, indices into the candidates.
        together: (k,) float32, what each adds to those before it.
        redundancy: (k,) float32, what each loses to the one of them that it resembles most or repeats.
        branch: (k,) float32, what brings each here that a branch is owed.
    """

    at: IntArray
    together: FloatArray
    redundancy: FloatArray
    branch: FloatArray


def choose(search: Search, scored: Scored, k: int, standing: IntArray) -> Chosen:
    """The first ``k`` one after another; those after `MemoryConfig.together` by what they still add.

    Args:
        standing: the candidates, as indices, that may be chosen: one of each wording.
    """
    losses = Losses(search, scored)
    free = np.full(len(scored.rows), -np.inf, np.float32)  # of the chosen, -inf again
    free[standing] = scored.shares.energy[standing]
    adding = Adding(search, scored.answers)
    redundant = np.zeros(len(free), np.float32)
    places = min(k, search.config.together, len(standing))
    owed = _owed(search, scored, standing, places)
    at, told = np.empty(places, np.int64), np.empty((3, places), np.float32)
    for place in range(places):
        due_now = owed if places - place <= len(owed) else None
        best = adding.take_best(free, redundant, due_now, place, at, told)
        owed = owed[owed != best] if len(owed) else owed
        if losses.any_to(best):
            redundant = np.maximum(redundant, losses.to(best))
    if min(k, len(standing)) <= len(at):
        return Chosen(at, *told)
    adding.best(free, redundant)  # what the others add to all of those
    rest = np.flatnonzero(free > -np.inf)
    rest = rest[np.argsort((redundant - free - adding.bonus)[rest], kind="stable")][: k - len(at)]
    after = np.array((adding.bonus[rest], redundant[rest], np.zeros(len(rest), np.float32)))
    return Chosen(np.concatenate([at, rest]), *np.concatenate([told, after], axis=1))


def _owed(search: Search, scored: Scored, standing: IntArray, places: int) -> IntArray:
    """The candidates that must be among the first ``places``, none where those are fewer than all of them."""
    if places < search.config.together or len(search.named.rows) < 2:
        return standing[:0]
    by_name = np.where(scored.kind == NAME, scored.source, NOBODY)
    found = standing[due(search.named, scored.rows, scored.shares.energy, by_name)[standing]]
    return found if len(found) <= places else standing[:0]


class Adding:
    """What each candidate adds to those that were taken: c sum_t w_t max(0, e_t(m) - covered_t).

    Attributes:
        bonus: (C,) float32, what each added when the `best` was last asked for.
    """

    def __init__(self, search: Search, answers: FloatArray) -> None:
        self._answers, self._weights, self._fast = answers, search.weights, kernels.loaded()
        self._weight = np.float32(search.config.together_weight) * search.worded
        self._covered = np.zeros(answers.shape[1], np.float32)
        self._new = np.maximum(answers, 0)
        self._dots = weighted(self._new, self._weights)
        self.bonus = np.zeros(len(answers), np.float32)
        self._value = np.empty_like(self.bonus)
        self._best = np.zeros(1, np.int64)

    def take_best(
        self,
        free: FloatArray,
        redundant: FloatArray,
        due: IntArray | None,
        place: int,
        at: IntArray,
        told: FloatArray,
    ) -> int:
        """Take who has the greatest free + bonus - redundant, among those that are ``due`` if any are.

        Args:
            free, redundant: (C,); who is taken is free no more.
            at, told: (k,) and (3, k), where it is written at ``place``: the candidate; its bonus, what it
                loses, and what it lacked of the greatest value.
        """
        if self._fast is None or due is not None:
            best, value = self.best(free, redundant)
            most = value[best]
            best = best if due is None else int(due[value[due].argmax()])
            at[place], told[:, place] = best, (self.bonus[best], redundant[best], most - value[best])
            free[best] = -np.inf
            self._cover(best)
            self._dots = weighted(self._new, self._weights)
        else:
            self._fast.take_best(
                free, self._dots, self._weight, redundant, self.bonus, self._value, self._answers,
                self._covered, self._new, self._weights, place, at, told,
            )  # fmt: skip
        return int(at[place])

    def _cover(self, at: int) -> None:
        """Cover what the candidate ``at`` answers."""
        if self._fast is None:
            self._covered = np.maximum(self._covered, self._answers[at])
            np.subtract(self._answers, self._covered, out=self._new)
            np.maximum(self._new, 0, out=self._new)
        else:
            self._fast.cover(self._answers, at, self._covered, self._new)

    def best(self, free: FloatArray, redundant: FloatArray) -> tuple[int, FloatArray]:
        """The candidate of the greatest free + bonus - redundant, of equals the first, and that; all (C,).

        What it returns is good until it is asked again.
        """
        if self._fast is None:
            self.bonus = self._weight * self._dots
            value = free + self.bonus - redundant
            return int(value.argmax()), value
        self._fast.best_to_add(free, self._dots, self._weight, redundant, self.bonus, self._value, self._best)
        return int(self._best[0]), self._value


class Losses:
    """What candidates lose to one that was chosen; what does not depend on which is worked out once."""

    def __init__(self, search: Search, scored: Scored) -> None:
        shard, config = search.shard, search.config
        self._rows, self._repeats = scored.rows, shard.repeats
        self._loose: BoolArray = ~shard.sessions.inside(scored.rows)
        self._repeated = {*shard.repeats.again(scored.rows).tolist()}
        if self._repeated:
            self._repeat = np.float32(config.repeat_loss) * np.maximum(scored.shares.base, 0)
        if self._loose.any():
            self._states, self._norms = shard.vectors.states(scored.rows)
        self._likeness = np.float32(config.redundancy_weight)

    def any_to(self, best: int) -> bool:
        """Whether a candidate may lose anything to ``best``."""
        return best in self._repeated or bool(self._loose[best])

    def to(self, best: int) -> FloatArray:
        """The greater of both losses (C,)."""
        return np.maximum(self.repeat_loss(best), self.likeness_loss(best))

    def repeat_loss(self, best: int) -> FloatArray:
        """h B(m) (C,) where a candidate asks or tells again what ``best`` does, 0 elsewhere."""
        if best not in self._repeated:
            return np.zeros(len(self._rows), np.float32)
        again: FloatArray = self._repeat * self._repeats.same(self._rows, int(self._rows[best]))
        return again

    def likeness_loss(self, best: int) -> FloatArray:
        """r max(0, cos(m, best) - ALIKE) (C,) where both stand outside of sessions, 0 elsewhere.

        Maximal marginal relevance (Carbonell & Goldstein 1998), for those that resemble each other at all:
        of passages that are alike one will do, but turns that are alike tell of several events.
        """
        if not self._loose[best]:
            return np.zeros(len(self._rows), np.float32)
        # einsum and not @, as in `VectorIndex.cosines`
        products = np.einsum("ij,j->i", self._states, self._states[best])
        loss = self._likeness * (products / (self._norms * self._norms[best]) - np.float32(ALIKE))
        return np.where(self._loose, np.maximum(loss, 0), np.float32(0))
