"""Modern Hopfield memory: a noisy state falls to the stored pattern it is nearest to.

Stored patterns x_1 .. x_N are the rows of X, xi is the state, and with beta > 0

    E(xi)  = -lse(beta, X xi) + |xi|^2 / 2            lse(beta, z) = ln(sum_i exp(beta z_i)) / beta
    xi    <- X^T softmax(beta X xi)

One update is the concave-convex step on E, so the energy never rises; for separated patterns one update
all but reaches the fixed point, and N may grow exponentially with d.

Papers:
    Ramsauer et al. 2021, "Hopfield Networks is All You Need": E and the update, for real patterns.
    Demircigil et al. 2017, "On a Model of Associative Memory with Huge Storage Capacity": the
    exponential interaction, for +-1 patterns.
    Krotov & Hopfield 2016, "Dense Associative Memory for Pattern Recognition": polynomial interactions.
    Hopfield 1982, "Neural networks and physical systems ...": the quadratic one.

The functions are written in the Python array API: the same lines run on NumPy arrays and on torch tensors
of any device, and answer in the same library, dtype and device. Where they differ from Ramsauer et al.: the
constants of E that keep it above zero, ln(N) / beta + max |x_i|^2 / 2, are left out, since no update or
comparison among states of one memory depends on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuonuo.associative.settling import must_be_finite, rest, softmax
from nuonuo.errors import InvalidInputError, InvalidTypeError

Array = Any
"""A NumPy array or a torch tensor; the array API has no static type of its own yet."""

_NUMPY = np  # has all of the array API that is used here
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Where states came to rest; that one did not is data, never an exception.

    Shapes:
        state: (..., d), the last state.
        weights: (..., N), softmax(beta X state): how the last state divides among the patterns.
        energy: (...), E of the last state.
        steps: (...) int64, the updates made to each state, with the one that no longer moved it.
        converged: (...) bool, whether its last update moved the state by no more than the tolerance.
    """

    state: Array
    weights: Array
    energy: Array
    steps: Array
    converged: Array


@dataclass(frozen=True, slots=True, eq=False)
class Mass:
    """How belief divides among candidates and the null pattern.

    Shapes:
        weights: (..., N), the mass on each candidate; they sum to ``confidence``.
        confidence: (...), in [0, 1]: 1 - the mass on the null pattern.
    """

    weights: Array
    confidence: Array


def energy(patterns: Array, state: Array, beta: float) -> Array:
    """E(xi) = -lse(beta, X xi) + |xi|^2 / 2 (Ramsauer et al. 2021, eq. 2, without its constants).

    Shapes:
        patterns: (N, d) real floating, N and d >= 1.
        state: (..., d), of the same library, dtype and device.
        returns: (...), the same dtype.

    Raises:
        InvalidInputError: a shape, beta <= 0, or a value that is not finite.
        InvalidTypeError: not arrays of one library and one real floating dtype.
    """
    xp = _check(patterns, state, beta)
    return _energy(xp, _similarities(xp, patterns, state), state, beta)


def update(patterns: Array, state: Array, beta: float) -> Array:
    """xi <- X^T softmax(beta X xi) (Ramsauer et al. 2021, eq. 3).

    Shapes:
        patterns: (N, d) real floating, N and d >= 1.
        state: (..., d), of the same library, dtype and device.
        returns: (..., d), the same dtype.

    Raises:
        InvalidInputError: a shape, beta <= 0, or a value that is not finite.
        InvalidTypeError: not arrays of one library and one real floating dtype.
    """
    xp = _check(patterns, state, beta)
    return _softmax(xp, beta * _similarities(xp, patterns, state)) @ patterns


def settle(
    patterns: Array, state: Array, beta: float, max_steps: int = 32, tolerance: float = 1e-5
) -> Settled:
    """Update until the state rests: completion of a noisy cue (Ramsauer et al. 2021).

    Each state of a batch stops by itself, so its answer does not depend on its companions.

    Args:
        patterns: X, the stored patterns.
        state: the cues.
        beta: inverse temperature; `beta_for_leakage` says how great it has to be.
        max_steps: the most updates that are made; 0 only reads the state off.
        tolerance: a state rests once an update moves it by no more than this Euclidean distance, in the
            units of the patterns. The default suits float32 patterns of about unit length.

    Shapes:
        patterns: (N, d) real floating, N and d >= 1.
        state: (..., d), of the same library, dtype and device.

    Raises:
        InvalidInputError: a shape, beta <= 0, max_steps or tolerance < 0, or a value that is not finite.
        InvalidTypeError: not arrays of one library and one real floating dtype.
    """
    xp = _check(patterns, state, beta)
    if max_steps < 0:
        raise InvalidInputError(f"max_steps must be >= 0, got {max_steps}; 0 makes no update")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise InvalidInputError(f"tolerance must be a finite distance >= 0, got {tolerance!r}")
    if xp is _NUMPY and state.ndim == 1:
        return _settle_one(patterns, state, beta, max_steps, tolerance)
    device = _device(patterns)
    converged = xp.zeros(state.shape[:-1], dtype=xp.bool, device=device)
    steps = xp.zeros(state.shape[:-1], dtype=xp.int64, device=device)
    similarities = _similarities(xp, patterns, state)
    for _ in range(max_steps):
        moved = _softmax(xp, beta * similarities) @ patterns
        distance = xp.linalg.vector_norm(moved - state, axis=-1)
        state = xp.where(converged[..., None], state, moved)
        steps = xp.where(converged, steps, steps + 1)
        converged = converged | (distance <= tolerance)
        similarities = _similarities(xp, patterns, state)
        if bool(xp.all(converged)):
            break
    return Settled(
        state=state,
        weights=_softmax(xp, beta * similarities),
        energy=_energy(xp, similarities, state, beta),
        steps=steps,
        converged=converged,
    )


def _settle_one(patterns: Array, state: Array, beta: float, max_steps: int, tolerance: float) -> Settled:
    """`settle`, of one state in NumPy."""
    state, similarities, steps, converged = rest(
        patterns, state, patterns.dot(state), beta, max_steps, tolerance
    )
    greatest = np.maximum.reduce(similarities)
    mass = np.add.reduce(np.exp(beta * (similarities - greatest)))
    return Settled(
        state=state,
        weights=softmax(beta * similarities),
        energy=np.add.reduce(state * state) / 2 - (greatest + np.log(mass) / beta),
        steps=np.array(steps, np.int64),
        converged=np.array(converged),
    )


def weights(energies: Array, beta: float, null: float | None = None) -> Mass:
    """softmax(beta [E_1 .. E_N, E_null]): belief among candidates and a null pattern.

    Here an energy is the recall pipeline's, greater for what fits better. The null pattern stands for
    "nothing that is stored": it takes the mass when no candidate rises above its energy, and it is what
    lets a memory say so. Without one, the candidates share all the mass.

    Args:
        energies: of the candidates.
        beta: inverse temperature.
        null: the energy of the null pattern; None where there is none.

    Shapes:
        energies: (..., N) real floating; N = 0 gives no weights and confidence 0.

    Raises:
        InvalidInputError: a scalar, beta <= 0, or an energy that is not finite.
        InvalidTypeError: not an array of a real floating dtype.
    """
    xp = _namespace(energies)
    _check_beta(beta)
    if energies.ndim < 1:
        raise InvalidInputError("energies must have shape (..., N), got a scalar; wrap it in an array")
    if not bool(xp.all(xp.isfinite(energies))) or not (null is None or math.isfinite(null)):
        raise InvalidInputError("energies and null must be finite, got NaN or infinity; drop such candidates")
    if energies.shape[-1] == 0:
        return Mass(energies, xp.sum(energies, axis=-1))
    if xp is _NUMPY and energies.ndim == 1:
        return _weights_one(energies, beta, null)
    greatest = xp.max(energies, axis=-1, keepdims=True)
    if null is not None:
        greatest = xp.where(greatest > null, greatest, xp.full_like(greatest, null))
    mass = xp.exp(beta * (energies - greatest))
    evoked = xp.sum(mass, axis=-1, keepdims=True)
    # evoked / total, not 1 - null_mass / total: a small confidence keeps all its digits.
    total = evoked if null is None else evoked + xp.exp(beta * (null - greatest))
    return Mass(mass / total, (evoked / total)[..., 0])


def _weights_one(energies: Array, beta: float, null: float | None) -> Mass:
    """`weights`, of (N,) in NumPy: what every recall ends with. It is written as `rest` is."""
    greatest = np.maximum.reduce(energies, keepdims=True)
    if null is not None and not greatest[0] > null:
        greatest[0] = null
    mass = np.exp(beta * (energies - greatest))
    evoked = np.add.reduce(mass, keepdims=True)
    total = evoked if null is None else evoked + np.exp(beta * (null - greatest))
    return Mass(mass / total, (evoked / total)[..., 0])


def beta_for_leakage(gap: float, n: int, leakage: float = 0.01) -> float:
    """beta = ln(n / leakage) / gap: at most ``leakage`` of the mass misses the best of n patterns.

    With x_1 ahead of every other pattern by the gap, the others together hold at most (n - 1) e^(-beta gap)
    of the mass: the separation condition of Ramsauer et al. 2021, solved for beta.

    Args:
        gap: by how much the best similarity (or energy) exceeds the next.
        n: how many patterns compete.
        leakage: the part of the mass that may lie elsewhere.

    Raises:
        InvalidInputError: gap <= 0, n < 1, or leakage outside (0, 1).
    """
    if not (math.isfinite(gap) and gap > 0):
        raise InvalidInputError(f"gap must be > 0 and finite, got {gap!r}: equal patterns have no beta")
    if n < 1:
        raise InvalidInputError(f"n must be >= 1, got {n}: count the patterns that compete")
    if not 0 < leakage < 1:
        raise InvalidInputError(f"leakage must be in (0, 1), got {leakage!r}; 0.01 leaves 1% of the mass")
    return math.log(n / leakage) / gap


def _similarities(xp: Any, patterns: Array, state: Array) -> Array:
    """X xi, shape (..., N)."""
    similarities = state @ xp.matrix_transpose(patterns)
    must_be_finite(bool(xp.all(xp.isfinite(similarities))))
    return similarities


def _energy(xp: Any, similarities: Array, state: Array, beta: float) -> Array:
    greatest = xp.max(similarities, axis=-1, keepdims=True)
    lse = greatest[..., 0] + xp.log(xp.sum(xp.exp(beta * (similarities - greatest)), axis=-1)) / beta
    return xp.sum(state * state, axis=-1) / 2 - lse


def _softmax(xp: Any, z: Array) -> Array:
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def _namespace(*arrays: Array) -> Any:
    first = arrays[0]
    if all(type(a) is np.ndarray and a.dtype == first.dtype for a in arrays) and first.dtype in _FLOATS:
        return _NUMPY  # the usual case, by a short way
    try:
        xp = _array_namespace(*arrays)
    except TypeError as error:
        raise InvalidTypeError(
            f"expected arrays of one library, got {' and '.join(type(a).__name__ for a in arrays)}; "
            "convert them to NumPy arrays or torch tensors"
        ) from error
    kind = arrays[0].dtype
    if any(a.dtype != kind for a in arrays) or not xp.isdtype(kind, "real floating"):
        dtypes = sorted({str(a.dtype) for a in arrays})
        raise InvalidTypeError(
            f"expected one real floating dtype, got {' and '.join(dtypes)}; convert to float32"
        )
    return xp


def _array_namespace(*arrays: Array) -> Any:
    """The library of ``arrays``, as the array API has it.

    Raises:
        TypeError: they are of several libraries, or of none.
    """
    if all(isinstance(a, (np.ndarray, np.generic)) for a in arrays):
        return _NUMPY
    import array_api_compat  # imports all of NumPy, its Fortran compiler among it: not where nobody needs it

    return array_api_compat.array_namespace(*arrays)


def _device(array: Array) -> Any:
    if isinstance(array, np.ndarray):
        return "cpu"
    import array_api_compat

    return array_api_compat.device(array)


def _check(patterns: Array, state: Array, beta: float) -> Any:
    xp = _namespace(patterns, state)
    _check_beta(beta)
    if patterns.ndim != 2 or 0 in patterns.shape:
        raise InvalidInputError(f"patterns must have shape (N, d), N and d >= 1, got {tuple(patterns.shape)}")
    if state.ndim < 1 or state.shape[-1] != patterns.shape[1]:
        raise InvalidInputError(
            f"state must have shape (..., {patterns.shape[1]}) like the patterns, got {tuple(state.shape)}"
        )
    devices = [] if xp is _NUMPY else [_device(a) for a in (patterns, state)]
    if devices and devices[0] != devices[1]:
        raise InvalidInputError(f"patterns are on {devices[0]} and state on {devices[1]}; move one of them")
    return xp


def _check_beta(beta: float) -> None:
    if not (math.isfinite(beta) and beta > 0):
        raise InvalidInputError(f"beta must be > 0 and finite, got {beta!r}; see beta_for_leakage")
