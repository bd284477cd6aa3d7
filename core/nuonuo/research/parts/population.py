"""A population that draws stored patterns: winner-take-all with lateral inhibition.

Each pattern has a neuron that fires at the rate exp(beta x_m . xi). The first spike inhibits all others,
so that it is pattern m's with the probability rate_m / sum rate = softmax(beta X xi)_m: the weights of a
modern Hopfield network (Ramsauer et al. 2021) as chances, one spike a draw. Many draws vote.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


def race(similarities: FloatArray, beta: float, draws: int, rng: np.random.Generator) -> IntArray:
    """The winners of ``draws`` races of neurons with these ``similarities`` (N,): (draws,).

    Raises:
        InvalidInputError: no neuron, beta <= 0, or draws < 1.
    """
    if similarities.ndim != 1 or not len(similarities):
        raise InvalidInputError(f"similarities must have shape (N,), N >= 1, got {similarities.shape}")
    if not (np.isfinite(beta) and beta > 0) or draws < 1:
        raise InvalidInputError(f"expected beta > 0 and draws >= 1, got {beta!r} and {draws}")
    rates = np.exp(beta * (similarities.astype(np.float64) - similarities.max()))
    audible = np.flatnonzero(rates > 1e-12)  # the others would win once in a million million races
    first_spikes = rng.exponential(size=(draws, len(audible))) / rates[audible]
    winners: IntArray = audible[np.argmin(first_spikes, axis=1)]
    return winners


def vote(winners: IntArray) -> int:
    """The pattern that won most races; of equals the lowest."""
    return int(np.argmax(np.bincount(winners)))
