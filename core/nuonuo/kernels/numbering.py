"""Kernels for the numbers of keys."""

from __future__ import annotations

from typing import Any

from numba import types

from nuonuo.kernels.compiling import I32, I64, U64, compiled


@compiled(U64, types.uint64, types.uint64, U64, I32, types.int64, types.int64, I64, I64, U64)
def number(
    keys: Any,
    factor: Any,
    shift: Any,
    held: Any,
    numbers: Any,
    most: Any,
    size: Any,
    state: Any,
    found: Any,
    new: Any,
) -> None:
    """The number of each of ``keys`` (E,) in a table by open addressing, where new ones are put into it.

    Args:
        factor, shift: of the hash.
        held, numbers: the table: keys, and their numbers; -1 where nothing is, less where one was taken back.
        most: places that may be in use. Where a new key would be one too many, it stops.
        size: the number of the first new key.
        state: (3,), which key is next (E at the end), how many are new so far, how many places are in use.
        found: (E,), found: the numbers. new: (E,), found: the new keys, one after another.
    """
    last = len(held) - 1
    for at in range(state[0], len(keys)):
        key = keys[at]
        place = types.int64((key * factor) >> shift)
        while numbers[place] != -1 and (numbers[place] < 0 or held[place] != key):
            place = (place + 1) & last
        if numbers[place] == -1:
            if state[2] >= most:
                state[0] = at
                return
            held[place], numbers[place], new[state[1]] = key, size + state[1], key
            state[1] += 1
            state[2] += 1
        found[at] = numbers[place]
    state[0] = len(keys)


@compiled(U64, I32, types.uint64, types.uint64, U64, I32)
def put(keys: Any, given: Any, factor: Any, shift: Any, held: Any, numbers: Any) -> None:
    """Put ``keys`` (E,), none of which is there, into a table that has room for them.

    Args:
        given: (E,), their numbers. factor, shift, held, numbers: as for `number`.
    """
    last = len(held) - 1
    for at in range(len(keys)):
        place = types.int64((keys[at] * factor) >> shift)
        while numbers[place] != -1:
            place = (place + 1) & last
        held[place], numbers[place] = keys[at], given[at]


@compiled(U64, types.uint64, types.uint64, U64, I32, I64)
def find(keys: Any, factor: Any, shift: Any, held: Any, numbers: Any, found: Any) -> None:
    """The number of each of ``keys`` (E,): into ``found`` (E,), -1 for none.

    Args:
        factor, shift, held, numbers: as for `number`.
    """
    last = len(held) - 1
    for at in range(len(keys)):
        key = keys[at]
        place = types.int64((key * factor) >> shift)
        while numbers[place] != -1 and (numbers[place] < 0 or held[place] != key):
            place = (place + 1) & last
        found[at] = numbers[place]
