"""The Hebbian associator: what followed what, learned one pair at a time; sparse, exact, and forgetful.

A classical associator (Willshaw et al. 1969; Amari 1972; Hopfield 1982) superposes all it learns:

    W     = sum_i  w_i code(target_i) code(source_i)^T
    W q   = sum_i  w_i code(target_i) <code(source_i), q>

Let the rows of Phi (N x n, k ones each) be the codes of the items and A (N x N, sparse) the learned weights
from source to target. The same answer, taken in another order, is

    W q   = Phi^T A^T (Phi q)            the matrix above, to the last bit where the sums are exact
    next  = A^T f(Phi q)                 the dual form: over items, with any separation function f
    f(o)  = o                            the classical matrix (linear)
    f(o)  = softmax(beta o), o^p         dense associative memory (Krotov & Hopfield 2016; Demircigil et al.
                                         2017; Ramsauer et al. 2021): the winner keeps its signal

Why the dual form. The dense W over 16384 units is 1 GB and O(n^2) to teach one pair. Worse, codes of real
text share hub units: at 20,000 memories of k = 50, the next-hop fidelity of W q is 7%, although the right
source overlaps the cue in 50 units and the runner-up in 9. The linear sum drowns that signal, and only the
dual form can separate before it sums. Phi q is one pass over inverted lists (unit -> items), a fraction of
a millisecond at 20,000 memories; learning is an append. And forgetting removes rows, so that the state is,
bit for bit, the one in which the thing was never learned, which no superposed matrix can promise.

`nuonuo.associative.dense_hebbian.DenseHebbian` is that matrix, kept as the reference: the tests prove it
equal to the dual form with f(o) = o.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import Blocks, largest
from nuonuo.associative.activation import Separation, softmax
from nuonuo.associative.codes import MAX_ITEM, Codes, check_units, checked_code, delete, insert
from nuonuo.errors import InvalidInputError, InvalidTypeError, UnknownMemoryError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SILENCE = 1e-9
"""Sources less active than this part of the most active one are not heard: a hop asks a few, not all."""

GAPS = 8
"""Items are counted by their numbers where those leave no more room than so many to each."""

_NOTHING: Mapping[int, float] = MappingProxyType({})


class HebbianAssociator:
    """The associator in dual form: codes of items in inverted lists, and weights from item to item.

    Items are the caller's numbers. Each change costs what it adds or removes, not what is there; a small
    associator takes little memory, whatever n_units. It is not locked: one writer at a time, and no
    reader beside it.

    Two associators are equal (``==``) if and only if they hold the same codes and weights; whatever was
    learned and discarded on the way leaves no trace.

    Args:
        n_units: n, the width of a code.
        separation: f, of `next` where it is given no other.
        damping: hub damping: a weight counts as w / in_degree(target) ** damping, so that what everything
            leads to does not take every walk; 0 is the classical rule.

    Raises:
        InvalidInputError: n_units outside [1, 2^31), or damping < 0.
    """

    def __init__(self, n_units: int, separation: Separation | None = None, damping: float = 0.5) -> None:
        check_units(n_units)
        if not (math.isfinite(damping) and damping >= 0):
            raise InvalidInputError(f"damping must be >= 0 and finite, got {damping!r}; 0 switches it off")
        self.n_units = n_units
        self.separation = softmax(2.0) if separation is None else separation
        self.damping = damping
        self._codes = Codes(n_units)
        self._outgoing: dict[int, dict[int, float]] = {}
        self._incoming: dict[int, array[int]] = {}  # each ascending

    # -- learning and forgetting --------------------------------------------------------------------

    def add(self, item: int, code: npt.ArrayLike) -> None:
        """Store the code of ``item``; an item that has one gets the new one and keeps its associations.

        Shapes:
            code: (k,) integers, ascending and distinct, in [0, n_units); k >= 1.

        Raises:
            InvalidInputError: the code, or an item outside [0, 2^32).
            InvalidTypeError: the item is no int, or the code is not made of integers.
        """
        if not isinstance(item, (int, np.integer)):
            raise InvalidTypeError(f"item must be an int, got {type(item).__name__}")
        if not 0 <= item <= MAX_ITEM:
            raise InvalidInputError(f"item must be in [0, 2^32), got {item}")
        units = checked_code(code, self.n_units)
        self.put(np.array([int(item)]), Blocks(units, np.array([len(units)])))

    def put(self, items: IntArray, codes: Blocks) -> None:
        """As `add`, for many ``items`` (N,), all distinct, and their ``codes``."""
        self._codes.put(items, codes)

    def discard(self, item: int) -> None:
        """Forget ``item``: its code and every association from it and to it. Unknown items are no error."""
        self._codes.drop(item)
        for target in tuple(self._outgoing.get(item, ())):
            self.unlearn(item, target)
        for source in tuple(self._incoming.get(item, ())):
            self.unlearn(source, item)

    def learn(self, source: int, target: int, weight: float = 1.0) -> None:
        """Set the association from ``source`` to ``target``, in place of one that is there already.

        Raises:
            UnknownMemoryError: an item that has no code.
            InvalidInputError: a weight that is 0 or not finite.
        """
        for item in (source, target):
            if item not in self._codes.by_item():
                raise UnknownMemoryError(f"item {item} is not stored; add it before it is associated")
        if not math.isfinite(weight) or weight == 0:
            raise InvalidInputError(
                f"weight must be finite and not 0, got {weight!r}; unlearn removes a pair"
            )
        targets = self._outgoing.setdefault(source, {})
        if target not in targets:
            insert(self._incoming, target, source)
        targets[target] = float(weight)

    def unlearn(self, source: int, target: int) -> None:
        """Remove the association from ``source`` to ``target``; where there is none, nothing happens."""
        targets = self._outgoing.get(source, {})
        if targets.pop(target, None) is None:
            return
        if not targets:
            del self._outgoing[source]
        delete(self._incoming, target, source)

    # -- recall ---------------------------------------------------------------------------------------

    def overlaps(self, code: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """Phi q through the inverted lists: who shares units with a code, and how many.

        Shapes:
            code: (k,) as in `add`; k = 0 is allowed and overlaps nothing.
            returns: items (M,), ascending, and their counts (M,), each >= 1.

        Raises:
            InvalidInputError, InvalidTypeError: the code, as in `add`.
        """
        items, counts = np.unique(self._sharing(code), return_counts=True)
        return items.astype(np.int64), counts.astype(np.int64)

    def resembling(self, code: npt.ArrayLike, k: int) -> IntArray:
        """The ``k`` items that share most units with a code (M,), ascending; of equals the lower ones.

        As many as share any, where they are fewer.

        Raises:
            InvalidInputError, InvalidTypeError: the code, as in `add`.
        """
        fast, room = kernels.loaded(), self._codes.room
        if fast is None or room > GAPS * len(self):
            items, counts = self.overlaps(code)
            return items[largest(counts, k)]
        found, shared = np.empty(k, np.int64), self._sharing(code)
        reached = np.zeros(max(np.size(code), 1) + 2, np.int64)
        fast.most_frequent(shared, np.zeros(room, np.int32), reached, found)
        return found[: found.searchsorted(room)]

    def _sharing(self, code: npt.ArrayLike) -> npt.NDArray[np.uint32]:
        """The items of each of a code's units, one list after another."""
        units = checked_code(code, self.n_units, least=0).tolist()
        items_of = self._codes.by_unit()
        lists = [items_of[unit] for unit in units if unit in items_of]
        return np.frombuffer(bytearray().join(lists), np.dtype("I"))

    def next(self, code: npt.ArrayLike, f: Separation | None = None) -> tuple[IntArray, FloatArray]:
        """A^T f(Phi q): what follows what the code resembles, with hub damping.

        Sources below `SILENCE` of the strongest activity are left out; with f(o) = o there are none.

        Args:
            code: q, the cue.
            f: the separation function; None for the associator's own.

        Shapes:
            code: (k,) as in `overlaps`.
            returns: targets (M,), ascending, and their activations (M,).

        Raises:
            InvalidInputError, InvalidTypeError: the code, as in `add`.
        """
        items, counts = self.overlaps(code)
        activity = (self.separation if f is None else f)(counts)
        loud = activity > SILENCE * activity.max(initial=0.0)
        active = zip(items[loud].tolist(), activity[loud].tolist(), strict=True)
        heard = [(self._outgoing[source], a) for source, a in active if source in self._outgoing]
        rows = [row for row, _ in heard]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0)
        targets = np.fromiter(chain.from_iterable(rows), np.int64)
        weights = np.fromiter(chain.from_iterable(row.values() for row in rows), np.float64)
        weights *= np.repeat([a for _, a in heard], [len(row) for row in rows])
        found, place = np.unique(targets, return_inverse=True)
        # bincount adds in the order given, source by source: equal states give equal bits.
        return found, np.bincount(place, weights) / self._hubs(found)

    def follows(self, item: int) -> tuple[IntArray, FloatArray]:
        """What follows ``item`` itself, with hub damping: its row of A.

        It is `next` in the limit of a perfect f, for a state that has settled on this item: f(Phi q) is then
        1 there and 0 elsewhere. Where two items share a code, `next` hears both and this one only.

        Shapes:
            returns: targets (M,), ascending, and their activations (M,); none for an unknown item.
        """
        row = self._outgoing.get(item)
        if row is None:
            return np.zeros(0, np.int64), np.zeros(0)
        targets = np.array(sorted(row), np.int64)
        weights = np.array([row[target] for target in targets.tolist()], np.float64)
        return targets, weights / self._hubs(targets)

    def superpose(self, items: npt.ArrayLike, activations: npt.ArrayLike) -> FloatArray:
        """Phi^T a: activations of items as activations of units, which is what the dense W answers.

        Shapes:
            items, activations: (M,).
            returns: (n_units,).

        Raises:
            UnknownMemoryError: an item that has no code.
        """
        codes = [self.code_of(item) for item in np.asarray(items).tolist()]
        if not codes:
            return np.zeros(self.n_units)
        shares = np.repeat(np.asarray(activations, np.float64), [len(code) for code in codes])
        units = np.bincount(np.concatenate(codes), shares, minlength=self.n_units)
        return units.astype(np.float64, copy=False)

    # -- what is held ---------------------------------------------------------------------------------

    def code_of(self, item: int) -> npt.NDArray[np.int32]:
        """The code of ``item``, (k,) int32, read-only.

        Raises:
            UnknownMemoryError: it has none.
        """
        try:
            code: npt.NDArray[np.int32] = self._codes.by_item()[item].view()
        except KeyError:
            raise UnknownMemoryError(f"item {item} is not stored; add it first") from None
        code.flags.writeable = False
        return code

    def outgoing(self, source: int) -> Mapping[int, float]:
        """target -> weight as learned, a read-only view; empty for an item without associations."""
        return MappingProxyType(self._outgoing[source]) if source in self._outgoing else _NOTHING

    @property
    def leads(self) -> bool:
        """Whether anything leads anywhere."""
        return bool(self._outgoing)

    def in_degree(self, target: int) -> int:
        """How many items lead to ``target``."""
        return len(self._incoming.get(target, ()))

    def _hubs(self, targets: IntArray) -> FloatArray:
        degrees = [float(self.in_degree(target)) ** self.damping for target in targets.tolist()]
        return np.array(degrees)

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, item: object) -> bool:
        return item in self._codes.by_item()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._codes.by_item()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HebbianAssociator):
            return NotImplemented
        return (
            self.damping == other.damping
            and self._codes == other._codes
            and self._outgoing == other._outgoing
            and self._incoming == other._incoming
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def nbytes(self) -> int:
        """Bytes of RAM that the codes, lists and weights take, about, the objects around them included."""
        pairs = sum(56 * len(row) + 8 for row in self._outgoing.values()) + 8 * len(self._incoming)
        return self._codes.nbytes + pairs + 300 * (len(self._outgoing) + len(self._incoming))
