"""Phi: the codes of items, and the items of each unit."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, IntArray, batches
from nuonuo.errors import InvalidInputError, InvalidTypeError

Code = npt.NDArray[np.int32]

MAX_ITEM = 2**32 - 1
TOGETHER = 1 << 22  # units that are sorted at a time: what that takes beside them stays within bounds


class Codes:
    """Codes by item; the rows of Phi, and its columns as inverted lists.

    What is put is read when it is first asked for, and the lists are made when a code is first asked with:
    many a memory is recalled from, and never walked in.

    Args:
        n_units: n, the width of a code.
    """

    def __init__(self, n_units: int) -> None:
        self.n_units = n_units
        self._codes: dict[int, Code] = {}
        self._unread: list[tuple[IntArray, Blocks]] = []
        self._greatest = -1  # no item beyond it was ever put
        self._items_of: dict[int, array[int]] | None = None  # of units that have any, each ascending
        self._listed, self._last = 0, -1  # how many of the unread are in there, and the greatest item that is
        self._count = self._units = 0  # codes, and the units in all of them

    def put(self, items: IntArray, codes: Blocks) -> None:
        """Give ``items`` (N,), all distinct, their ``codes``, in place of those that they had.

        Raises:
            InvalidInputError: an item outside [0, 2^32), or a code that is not one.
        """
        if not len(items):
            return
        least, greatest = int(items.min()), int(items.max())
        if not 0 <= least <= greatest <= MAX_ITEM:
            raise InvalidInputError(f"items must be in [0, 2^32), got {least} to {greatest}")
        units = codes.rows
        good = np.diff(units, prepend=-1) > 0
        good[codes.starts[codes.counts > 0]] = True
        good &= (units >= 0) & (units < self.n_units)
        if not good.all() or not codes.counts.all():
            for at in range(len(items)):  # tells which
                checked_code(codes[at], self.n_units)
        if least <= self._greatest:
            for item in items.tolist():
                self.drop(item)
        self._greatest = max(self._greatest, greatest)
        self._unread.append((items, Blocks(units.astype(np.int32), codes.counts)))
        self._count += len(items)
        self._units += len(units)

    def drop(self, item: int) -> None:
        """Forget the code of ``item``, if it has one."""
        code = self.by_item().pop(item, None)
        if code is None:
            return
        if self._items_of is not None:
            for unit in code.tolist():
                delete(self._items_of, unit, item)
        self._count -= 1
        self._units -= len(code)
        code[...] = 0  # it lies among others'

    @property
    def room(self) -> int:
        """More than the number of any item that is, or was, here."""
        return self._greatest + 1

    def __len__(self) -> int:
        return self._count

    def by_item(self) -> dict[int, Code]:
        """The codes of all items, each (k,) int32."""
        if self._unread:
            if self._items_of is not None:
                self._list_unread(self._items_of)
            for items, codes in self._unread:
                self._codes.update(zip(items.tolist(), np.split(codes.rows, codes.starts[1:]), strict=True))
            self._unread.clear()
            self._listed = 0
        return self._codes

    def by_unit(self) -> dict[int, array[int]]:
        """The items of each unit, ascending; only of units that have any."""
        if self._items_of is None:
            self._items_of = {}
            known = sorted(self._codes)
            if known:
                codes = Blocks.of([self._codes[item] for item in known])
                self._list(self._items_of, np.array(known), codes)
        self._list_unread(self._items_of)
        return self._items_of

    def _list_unread(self, lists: dict[int, array[int]]) -> None:
        """Put those of what is not read yet into ``lists`` that are not there."""
        new = self._unread[self._listed :]
        if new:
            self._list(lists, np.concatenate([items for items, _ in new]), Blocks.join([c for _, c in new]))
            self._listed = len(self._unread)

    def _list(self, lists: dict[int, array[int]], items: IntArray, codes: Blocks) -> None:
        """Put ``items`` (N,) into the ``lists`` of the units of their ``codes``."""
        if len(codes.rows) < self.n_units or int(items.min()) <= self._last:
            for unit, item in zip(codes.rows.tolist(), items.repeat(codes.counts).tolist(), strict=True):
                insert(lists, unit, item)
        else:
            if (np.diff(items) < 0).any():
                order = items.argsort()
                items, codes = items[order], codes.take(order)
            starts = np.append(0, codes.counts.cumsum())
            for some in batches(codes.counts, TOGETHER):
                units = codes.rows[starts[some.start] : starts[some.stop]]
                append(lists, units, items[some].repeat(codes.counts[some]), self.n_units)
        self._last = max(self._last, int(items.max()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codes):
            return NotImplemented
        mine, theirs = (
            {item: code.tobytes() for item, code in codes.by_item().items()} for codes in (self, other)
        )
        return self.n_units == other.n_units and mine == theirs

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def nbytes(self) -> int:
        """Bytes of RAM, about, the objects around the numbers included."""
        lists = 0 if self._items_of is None else 4 * self._units + 200 * len(self._items_of)
        return 4 * self._units + 220 * self._count + lists


def append(lists: dict[int, array[int]], units: Code, items: IntArray, n_units: int) -> None:
    """Put ``items`` (E,), greater than all that is there, at the ends of the ``lists`` of ``units`` (E,)."""
    pairs = units.astype(np.uint64)
    pairs <<= np.uint64(32)
    pairs |= items.astype(np.uint64)
    pairs.sort()  # several times as fast as a stable argsort
    lower = pairs.astype(np.dtype("I"))  # the items: what is above 32 bits is the unit
    raw, start = lower.data.cast("B"), 0
    ends = pairs.searchsorted(np.arange(1, n_units + 1, dtype=np.uint64) << np.uint64(32))
    for unit, end in enumerate((ends * lower.itemsize).tolist()):
        if end > start:
            lists.setdefault(unit, array("I")).frombytes(raw[start:end])
            start = end


def insert(lists: dict[int, array[int]], key: int, item: int) -> None:
    """Put ``item`` where it belongs in the ascending list of ``key``."""
    items = lists.get(key)
    if items is None:
        lists[key] = array("I", (item,))
    elif items[-1] < item:  # items mostly come in ascending order
        items.append(item)
    else:
        items.insert(bisect_left(items, item), item)


def delete(lists: dict[int, array[int]], key: int, item: int) -> None:
    """Take ``item`` out of the list of ``key``, and the list away with its last item."""
    items = lists[key]
    del items[bisect_left(items, item)]
    if not items:
        del lists[key]


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
