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
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks
from nuonuo.associative.activation import Separation, softmax
from nuonuo.errors import InvalidInputError, InvalidTypeError, UnknownMemoryError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SILENCE = 1e-9
"""Sources less active than this part of the most active one are not heard: a hop asks a few, not all."""

MAX_ITEM = 2**32 - 1
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
        self.separation = softmax(0.5) if separation is None else separation
        self.damping = damping
        self._codes: dict[int, npt.NDArray[np.int32]] = {}
        self._units = 0  # in all codes
        self._unread: list[
            tuple[IntArray, Blocks]
        ] = []  # items and their codes, which nobody has asked for yet
        # Lists exist only for units and items that have something in them, each ascending. Those of units are
        # made when a code is first asked with: many a memory is recalled from, and never walked in.
        self._items_of: dict[int, array[int]] | None = None
        self._outgoing: dict[int, dict[int, float]] = {}
        self._incoming: dict[int, array[int]] = {}

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
        if len(items) and not 0 <= items.min() <= items.max() <= MAX_ITEM:
            raise InvalidInputError(f"items must be in [0, 2^32), got {items.min()} to {items.max()}")
        units = codes.rows
        ascending = np.diff(units, prepend=-1) > 0
        ascending[codes.starts[codes.counts > 0]] = True
        if not (codes.counts > 0).all() or not ascending.all() or not _inside(units, self.n_units):
            for at in range(len(items)):  # tells which
                checked_code(codes[at], self.n_units)
        if self._codes:
            for item in items.tolist():
                self._drop_code(item)
        self._unread.append((items, Blocks(units.astype(np.int32), codes.counts)))
        self._units += len(units)

    def _read(self) -> dict[int, npt.NDArray[np.int32]]:
        """The codes of all items."""
        for items, codes in self._unread:
            new = dict(zip(items.tolist(), np.split(codes.rows, codes.starts[1:]), strict=True))
            self._codes.update(new)
            if self._items_of is not None:
                for item, code in new.items():
                    for unit in code.tolist():
                        _insert(self._items_of, unit, item)
        self._unread.clear()
        return self._codes

    def _lists(self) -> dict[int, array[int]]:
        """The items of each unit."""
        codes = self._read()
        if self._items_of is None:
            items = np.fromiter(codes, np.uint64, len(codes)).repeat([len(code) for code in codes.values()])
            units = np.concatenate([*codes.values(), np.zeros(0, np.int32)]).astype(np.uint64)
            pairs = np.sort(units << np.uint64(32) | items)
            owners, units = (pairs & np.uint64(MAX_ITEM)).astype(np.dtype("I")), pairs >> np.uint64(32)
            begins = np.flatnonzero(np.diff(units, prepend=np.uint64(self.n_units)))
            lists = np.split(owners, begins[1:]) if len(begins) else []
            self._items_of = {
                unit: array("I", each.tobytes())
                for unit, each in zip(units[begins].tolist(), lists, strict=True)
            }
        return self._items_of

    def discard(self, item: int) -> None:
        """Forget ``item``: its code and every association from it and to it. Unknown items are no error."""
        self._drop_code(item)
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
            if item not in self._read():
                raise UnknownMemoryError(f"item {item} is not stored; add it before it is associated")
        if not math.isfinite(weight) or weight == 0:
            raise InvalidInputError(
                f"weight must be finite and not 0, got {weight!r}; unlearn removes a pair"
            )
        targets = self._outgoing.setdefault(source, {})
        if target not in targets:
            _insert(self._incoming, target, source)
        targets[target] = float(weight)

    def unlearn(self, source: int, target: int) -> None:
        """Remove the association from ``source`` to ``target``; where there is none, nothing happens."""
        targets = self._outgoing.get(source, {})
        if targets.pop(target, None) is None:
            return
        if not targets:
            del self._outgoing[source]
        _delete(self._incoming, target, source)

    def _drop_code(self, item: int) -> None:
        code = self._read().pop(item, None)
        if code is None:
            return
        if self._items_of is not None:
            for unit in code.tolist():
                _delete(self._items_of, unit, item)
        self._units -= len(code)
        code[...] = 0  # it lies among others'

    # -- recall ---------------------------------------------------------------------------------------

    def overlaps(self, code: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """Phi q through the inverted lists: who shares units with a code, and how many.

        Shapes:
            code: (k,) as in `add`; k = 0 is allowed and overlaps nothing.
            returns: items (M,), ascending, and their counts (M,), each >= 1.

        Raises:
            InvalidInputError, InvalidTypeError: the code, as in `add`.
        """
        units = checked_code(code, self.n_units, least=0).tolist()
        items_of = self._lists()
        lists = [items_of[unit] for unit in units if unit in items_of]
        items, counts = np.unique(np.frombuffer(b"".join(lists), np.dtype("I")), return_counts=True)
        return items.astype(np.int64), counts.astype(np.int64)

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
        row = self._outgoing.get(item, {})
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
            code: npt.NDArray[np.int32] = self._read()[item].view()
        except KeyError:
            raise UnknownMemoryError(f"item {item} is not stored; add it first") from None
        code.flags.writeable = False
        return code

    def outgoing(self, source: int) -> Mapping[int, float]:
        """target -> weight as learned, a read-only view; empty for an item without associations."""
        return MappingProxyType(self._outgoing[source]) if source in self._outgoing else _NOTHING

    def in_degree(self, target: int) -> int:
        """How many items lead to ``target``."""
        return len(self._incoming.get(target, ()))

    def _hubs(self, targets: IntArray) -> FloatArray:
        degrees = [float(self.in_degree(target)) ** self.damping for target in targets.tolist()]
        return np.array(degrees)

    def __len__(self) -> int:
        return len(self._read())

    def __contains__(self, item: object) -> bool:
        return item in self._read()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._read()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HebbianAssociator):
            return NotImplemented
        return (
            (self.n_units, self.damping) == (other.n_units, other.damping)
            and {item: code.tobytes() for item, code in self._read().items()}
            == {item: code.tobytes() for item, code in other._read().items()}
            and self._outgoing == other._outgoing
            and self._incoming == other._incoming
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def nbytes(self) -> int:
        """Bytes of RAM that the codes, lists and weights take, about, the objects around them included."""
        items = len(self._codes) + sum(len(unread) for unread, _ in self._unread)
        codes = 4 * self._units + 220 * items
        lists = 0 if self._items_of is None else 4 * self._units + 200 * len(self._items_of)
        pairs = sum(56 * len(row) + 8 for row in self._outgoing.values()) + 8 * len(self._incoming)
        return codes + lists + pairs + 300 * (len(self._outgoing) + len(self._incoming))


def _insert(lists: dict[int, array[int]], key: int, item: int) -> None:
    """Put ``item`` where it belongs in the ascending list of ``key``."""
    items = lists.get(key)
    if items is None:
        lists[key] = array("I", (item,))
    elif items[-1] < item:  # items mostly come in ascending order
        items.append(item)
    else:
        items.insert(bisect_left(items, item), item)


def _delete(lists: dict[int, array[int]], key: int, item: int) -> None:
    """Take ``item`` out of the list of ``key``, and the list away with its last item."""
    items = lists[key]
    del items[bisect_left(items, item)]
    if not items:
        del lists[key]


def _inside(units: npt.NDArray[Any], n_units: int) -> bool:
    return not len(units) or bool(0 <= units.min() <= units.max() < n_units)


def check_units(n_units: int) -> None:
    """Raise `InvalidInputError` for a width of codes outside [1, 2^31)."""
    if not 1 <= n_units < 2**31:
        raise InvalidInputError(f"n_units must be in [1, 2^31), got {n_units}")


def checked_code(code: npt.ArrayLike, n_units: int, least: int = 1) -> npt.NDArray[np.integer]:
    """``code`` as int64 (k,), k >= ``least``: ascending and distinct units below ``n_units``.

    Raises:
        InvalidTypeError, InvalidInputError: it is anything else.
    """
    units = np.asarray(code)
    if units.size and units.dtype.kind not in "iu":
        raise InvalidTypeError(
            f"a code must be unit indices, got dtype {units.dtype}; see WinnerTakeAll.encode"
        )
    if units.ndim != 1 or len(units) < least:
        raise InvalidInputError(
            f"a code must have shape (k,), k >= {least}, got {units.shape}; give one code"
        )
    units = units.astype(np.int64)
    if len(units) and (units[0] < 0 or units[-1] >= n_units or (units[1:] <= units[:-1]).any()):
        raise InvalidInputError(
            f"a code must be ascending, distinct and in [0, {n_units}), got {units.tolist()}; sort it"
        )
    return units
