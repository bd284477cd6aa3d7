"""Activation functions f of the associator: how far each item speaks, given how well it fits.

    next = A^T f(Phi q)          `nuonuo.associative.hebbian`

f(o) = o is the classical Hebbian matrix. A separating f (Krotov & Hopfield 2016; Demircigil et al. 2017;
Ramsauer et al. 2021) makes it a dense associative memory: the winner keeps its signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

Separation = Callable[[IntArray], FloatArray]
"""f: overlaps (M,) >= 1 to activities (M,) >= 0. Items that share no unit stay silent: f(0) = 0."""


def linear(overlaps: IntArray) -> FloatArray:
    """f(o) = o: the classical Hebbian matrix."""
    return overlaps.astype(np.float64)


def softmax(beta: float) -> Separation:
    """f(o) = softmax(beta o), o counted in units (Ramsauer et al. 2021); the activities sum to 1.

    Raises:
        InvalidInputError: beta <= 0.
    """
    if not (math.isfinite(beta) and beta > 0):
        raise InvalidInputError(f"beta must be > 0 and finite, got {beta!r}; 2 suits codes of 50 units")

    def f(overlaps: IntArray) -> FloatArray:
        if not len(overlaps):
            return np.zeros(0)
        e = np.exp(beta * (overlaps - overlaps.max()))
        activity: FloatArray = e / e.sum()
        return activity

    return f


def power(p: float) -> Separation:
    """f(o) = o^p (Krotov & Hopfield 2016).

    Raises:
        InvalidInputError: p outside (0, 64], beyond which overlaps overflow.
    """
    if not 0 < p <= 64:
        raise InvalidInputError(f"p must be in (0, 64], got {p!r}; 1 is linear, 10 separates well")

    def f(overlaps: IntArray) -> FloatArray:
        activity: FloatArray = np.power(overlaps.astype(np.float64), p)
        return activity

    return f
