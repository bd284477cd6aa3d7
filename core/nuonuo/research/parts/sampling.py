"""Neural sampling: a network of spiking neurons whose states are samples of a Boltzmann distribution.

Buesing, Bill, Nessler & Maass 2011, "Neural Dynamics as Sampling". Neuron k is on (z_k = 1) for tau steps
after a spike, in which it cannot spike again until the last of them. Its membrane potential and its chance
to spike are

    u_k     = b_k + sum_i W_ki z_i
    P(spike) = sigma(u_k - ln tau)            where it may spike at all

and then the network, one neuron after the other in each step, has the stationary distribution

    p(z)    ~ exp(z^T W z / 2 + b^T z)        W symmetric, its diagonal zero
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MOST_ENUMERATED = 12


def sample(
    weights: FloatArray,
    biases: FloatArray,
    rng: np.random.Generator,
    *,
    chains: int = 1000,
    steps: int = 200,
    tau: int = 10,
    kept: int = 1,
) -> BoolArray:
    """States of ``chains`` independent networks after ``steps`` steps, and again after every 4 tau more.

    Args:
        kept: how many states are taken of each network.

    Shapes:
        weights: (n, n). biases: (n,). returns: (kept * chains, n).

    Raises:
        InvalidInputError: weights that are not symmetric with a zero diagonal, a shape, or a number below 1.
    """
    _check(weights, biases)
    if min(chains, steps, tau, kept) < 1:
        raise InvalidInputError(
            f"chains, steps, tau and kept must be at least 1, got {chains}, {steps}, {tau} and {kept}"
        )
    n = len(biases)
    left = np.zeros((n, chains), np.int64)  # steps for which each neuron is still on
    on = np.zeros((n, chains))
    found = []
    for at in range(kept):
        for _ in range(steps if not at else 4 * tau):
            for k in range(n):
                potential = biases[k] + weights[k] @ on
                spikes = (left[k] <= 1) & (rng.random(chains) < 1 / (1 + tau * np.exp(-potential)))
                left[k] = np.where(spikes, tau, np.maximum(left[k] - 1, 0))
                on[k] = left[k] > 0
        found.append(on.T > 0)
    return np.concatenate(found)


def enumerated(weights: FloatArray, biases: FloatArray) -> FloatArray:
    """p of every state, (2^n,); state s has z_k = bit k of s.

    Raises:
        InvalidInputError: more than `MOST_ENUMERATED` neurons, or what `sample` refuses.
    """
    _check(weights, biases)
    n = len(biases)
    if n > MOST_ENUMERATED:
        raise InvalidInputError(
            f"at most {MOST_ENUMERATED} neurons can be enumerated, got {n}; sample instead"
        )
    states = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)
    exponents = states @ biases + 0.5 * np.sum((states @ weights) * states, axis=1)
    p = np.exp(exponents - exponents.max())
    found: FloatArray = p / p.sum()
    return found


def frequencies(states: BoolArray) -> FloatArray:
    """The share of each state among samples (N, n): (2^n,)."""
    n = states.shape[1]
    numbers = states @ (1 << np.arange(n))
    return np.bincount(numbers, minlength=2**n) / len(states)


def divergence(found: FloatArray, exact: FloatArray) -> float:
    """KL(found || exact) in nats, at least 0; of N independent samples it is about (2^n - 1) / (2 N)."""
    some = found > 0
    return float(np.sum(found[some] * np.log(found[some] / exact[some])))


def _check(weights: FloatArray, biases: FloatArray) -> None:
    n = len(biases)
    if biases.ndim != 1 or not n or weights.shape != (n, n):
        raise InvalidInputError(
            f"expected biases (n,) and weights (n, n), got {biases.shape} and {weights.shape}"
        )
    if not np.array_equal(weights, weights.T) or np.any(np.diag(weights)):
        raise InvalidInputError("weights must be symmetric with a zero diagonal: no neuron drives itself")
    if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
        raise InvalidInputError("weights and biases must be finite, got NaN or infinity")
