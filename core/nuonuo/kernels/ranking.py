"""Kernels that keep the greatest of some values, the greatest first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import F32, I64, compiled


@compiled(F32, I64, types.int64, types.float32, types.int64)
def insert(best: Any, found: Any, held: Any, value: Any, at: Any) -> None:
    """Put ``value``, which stands at ``at``, behind those of ``best`` (k,) that are as great or greater.

    Args:
        best, found: (k,), k > 0, the greatest so far and where they stand, of which ``held`` are known; of k
            the last one is lost.
    """
    place = min(held, len(best) - 1)
    while place > 0 and best[place - 1] < value:
        best[place], found[place] = best[place - 1], found[place - 1]
        place -= 1
    best[place], found[place] = value, at


@compiled(I64, F32, I64, F32, I64)
def strongest(targets: Any, strength: Any, found: Any, weights: Any, held: Any) -> None:
    """Those of ``targets`` (L,) whose ``strength`` (l,), l <= L, is greatest, in order; of equals the first.

    Args:
        found, weights: (k,), k > 0, found: the targets, and how strong each is. held: (1,), found: how many.
    """
    k, end = len(found), 0
    best, places = np.empty(k, np.float32), np.empty(k, np.int64)
    for at in range(len(strength)):
        if end < k or strength[at] > best[k - 1]:
            insert(best, places, end, strength[at], at)
            end = min(end + 1, k)
    places[:end] = np.sort(places[:end])
    for at in range(end):
        found[at], weights[at] = targets[places[at]], strength[places[at]]
    held[0] = end


@compiled(F32, types.int64, returns=types.float32)
def nth(values: Any, n: Any) -> Any:
    """Which of ``values`` (N,) would stand at ``n`` if they ascended (Hoare 1961); they change places.

    NumPy's partition would take seconds to compile.
    """
    low, high = 0, len(values) - 1
    while low < high:
        pivot, first, last = values[(low + high) // 2], low, high
        while first <= last:
            while values[first] < pivot:
                first += 1
            while values[last] > pivot:
                last -= 1
            if first <= last:
                values[first], values[last] = values[last], values[first]
                first += 1
                last -= 1
        if n <= last:
            high = last
        elif n >= first:
            low = first
        else:
            break
    return values[n]


@compiled(F32, I64)
def largest(values: Any, found: Any) -> None:
    """Where the greatest of ``values`` (n,) stand: into ``found`` (k,), 0 < k <= n, ascending.

    Of equals the first ones.
    """
    k, end = len(found), 0
    order = values.copy()
    for at in range(len(order)):
        if np.isnan(order[at]):  # of what is damaged; it comes last, as for NumPy
            order[at] = -np.inf
    least = nth(order.copy(), len(order) - k)
    equal = k
    for value in order:
        equal -= value > least
    for at in range(len(order)):
        if order[at] > least or (order[at] == least and equal > 0):
            equal -= order[at] == least
            found[end] = at
            end += 1
