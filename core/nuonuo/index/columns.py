"""One field of the memories of a namespace: each row's value, as a small number, each value kept once."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray
from nuonuo.index.where import Key, key_of

BoolArray = npt.NDArray[np.bool_]

ABSENT = -1  # the number of no value


class Column:
    """One field, by row: the number of its value among the distinct ones, or `ABSENT`."""

    def __init__(self, n: int = 0) -> None:
        self._numbers = Growable(np.int32)
        self._numbers.extend(n, ABSENT)
        self._number: dict[Key, int] = {}
        self._keys: list[Key | None] = []
        self._uses = Growable(np.int64)

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows, without a value."""
        self._numbers.extend(n, ABSENT)

    def put(self, rows: IntArray, values: Sequence[Any]) -> None:
        """Give ``rows`` (N,), which must be new or cleared, their ``values``; None for none."""
        if {*map(type, values)} <= {str, type(None)}:
            known: dict[Any, int] = {value: self._of(value) for value in dict.fromkeys(values)}
            numbers = np.fromiter(map(known.__getitem__, values), np.int64, len(rows))
        else:  # what may be equal and not the same, or cannot be looked up
            numbers = np.fromiter(map(self._of, values), np.int64, len(rows))
        self._uses.extend(len(self._keys) - len(self._uses))
        self._numbers.data[rows] = numbers
        np.add.at(self._uses.data, numbers[numbers != ABSENT], 1)

    def _of(self, value: Any) -> int:
        if value is None:
            return ABSENT
        key = key_of(value)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._keys)
            self._keys.append(key)
        return number

    def clear(self, row: int) -> bool:
        """Forget the row's value; True if no row has one any more."""
        number = int(self._numbers.data[row])
        if number != ABSENT:
            self._numbers.data[row] = ABSENT
            self._uses.data[number] -= 1
            if not self._uses.data[number]:
                del self._number[self._keys[number]]  # type: ignore[arg-type]
                self._keys[number] = None
        return not self._number

    @property
    def keys(self) -> list[Key]:
        """The values that some row has."""
        return [*self._number]

    @property
    def numbers(self) -> npt.NDArray[np.int32]:
        """The number of each row's value (n,), `ABSENT` for none."""
        return self._numbers.data

    @property
    def known(self) -> BoolArray:
        """Which rows (n,) have a value."""
        return np.asarray(self._numbers.data != ABSENT)

    def passing(self, test: Callable[[Key], bool]) -> BoolArray:
        """The rows (n,) that have a value that passes; each distinct one is tested once."""
        return self.isin({key for key in self._number if test(key)})

    def isin(self, keys: Set[Key]) -> BoolArray:
        """The rows (n,) that have one of ``keys``."""
        numbers = [self._number[key] for key in keys if key in self._number]
        if len(numbers) == 1:
            return np.asarray(self._numbers.data == numbers[0])
        return np.isin(self._numbers.data, np.array(numbers, np.int32))

    def value(self, row: int) -> Key | None:
        """The value of ``row``; None where it has none."""
        number = int(self._numbers.data[row])
        return None if number == ABSENT else self._keys[number]

    def values(self, rows: IntArray) -> list[Key | None]:
        """`value` of each of ``rows`` (C,)."""
        keys = self._keys
        return [None if number == ABSENT else keys[number] for number in self._numbers.data[rows].tolist()]

    @property
    def nbytes(self) -> int:
        return self._numbers.nbytes + self._uses.nbytes + len(self._number) * 150
