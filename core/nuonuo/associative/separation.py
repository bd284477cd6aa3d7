"""Pattern separation: k-winners-take-all over a random projection, bit for bit the same everywhere.

A dense vector becomes the set of the k of n units that it drives hardest: a sparse binary code, in which
what was similar still overlaps and everything else hardly does. This is what the dentate gyrus does for
the hippocampus and the mushroom body for the fly, and it is what an associator can store.

Papers:
    Dasgupta, Stevens & Navlakha 2017, "A neural algorithm for a fundamental computing problem": the fly's
        expansion and winner-take-all as locality-sensitive hashing.
    Willshaw, Buneman & Longuet-Higgins 1969, "Non-holographic associative memory", and Kanerva 1988,
        "Sparse Distributed Memory": why codes should be sparse and wide.
    Ailon & Chazelle 2009, "The Fast Johnson-Lindenstrauss Transform": random signs, then Hadamard.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import largest
from nuonuo.errors import InvalidInputError, InvalidTypeError

QUANTUM_BITS = 12
"""A unit vector's entries are rounded to multiples of 2^-12, much finer than what tells units apart."""

MANTISSA_BITS = 20
"""Entries are first rounded to 2^-20 of the vector's greatest, so that its length is an exact integer sum."""

_CHUNK = 16
"""Vectors projected at a time: what they need stays in the cache."""


@runtime_checkable
class PatternSeparator(Protocol):
    """What makes a vector a sparse code; `WinnerTakeAll` is the engine's own.

    Attributes:
        dimension: d, the length of the vectors. n_units: n, the width of a code.
        n_active: k, the units of a code that are on.
    """

    @property
    def dimension(self) -> int: ...

    @property
    def n_units(self) -> int: ...

    @property
    def n_active(self) -> int: ...

    def encode(self, vectors: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """The codes of vectors (B, d): (B, n_active) int32, the active units of each, ascending."""
        ...

    def describe(self) -> str:
        """What a store writes down to recognise its codes."""
        ...


class WinnerTakeAll:
    """Codes of ``n_active`` of ``n_units`` units for vectors of ``dimension`` d.

    The projection is n_units rows of +-1. Each block of p = 2^ceil(log2 d) of them is a Hadamard matrix
    times a diagonal of random signs, H diag(s): its rows are random sign vectors too, orthogonal to each
    other, and it takes d signs to keep and p log p additions to apply, where the plain matrix would take
    n_units d of both (25 MB at the defaults).

    Codes are stored, so another machine, BLAS or NumPy must find the same: the unit vector is rounded to
    integers by operations that IEEE 754 fixes, all sums are sums of integers, ties go to the lower unit,
    and the signs are the raw output of PCG64, the stream that NumPy guarantees never to change (the
    methods of Generator carry no such promise).

    Args:
        dimension: d, the length of the vectors.
        n_units: n, the width of a code.
        n_active: k, the units of a code that are on.
        seed: of the signs.

    Raises:
        InvalidInputError: a number out of range, or n_active > n_units.
    """

    def __init__(self, dimension: int, n_units: int = 16384, n_active: int = 50, seed: int = 0) -> None:
        if not 1 <= dimension <= 2**20:
            raise InvalidInputError(f"dimension must be in [1, 2^20], got {dimension}")
        if not 1 <= n_units <= 2**31 - 1:
            raise InvalidInputError(f"n_units must be in [1, 2^31), got {n_units}")
        if not 1 <= n_active <= n_units:
            raise InvalidInputError(f"n_active must be in [1, n_units = {n_units}], got {n_active}")
        if seed < 0:
            raise InvalidInputError(f"seed must be >= 0, got {seed}")
        self.dimension = dimension
        self.n_units = n_units
        self.n_active = n_active
        self.seed = seed
        self._block = 1 << (dimension - 1).bit_length()

    @cached_property
    def _signs(self) -> npt.NDArray[np.int32]:
        """(d, blocks); made when the first code is: who only asks needs none."""
        n_blocks = -(-self.n_units // self._block)
        return random_signs(self.seed, self.dimension * n_blocks).reshape(self.dimension, n_blocks)

    def encode(self, vectors: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """The codes of some vectors; the length of a vector makes no difference.

        Shapes:
            vectors: (B, d), any real dtype.
            returns: (B, n_active) int32, the active units of each, ascending.

        Raises:
            InvalidInputError: another shape, NaN or infinity, or a zero vector, which has no direction.
            InvalidTypeError: not numbers.
        """
        quantised = quantise(_checked(vectors, self.dimension))
        codes = np.empty((len(quantised), self.n_active), np.int32)
        for start in range(0, len(quantised), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            codes[chunk] = winners(self._project(quantised[chunk]), self.n_active)
        return codes

    def describe(self) -> str:
        """What a store writes down to recognise its codes: ``"wta:{n_units}:{n_active}:{seed}"``."""
        return f"wta:{self.n_units}:{self.n_active}:{self.seed}"

    def __repr__(self) -> str:
        return f"WinnerTakeAll({self.dimension}, {self.n_units}, {self.n_active}, {self.seed})"

    def _project(self, quantised: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The drive of each unit, (B, d) -> (B, n_units). Unit b + i * n_blocks is row i of block b."""
        n_vectors, n_blocks = len(quantised), self._signs.shape[1]
        signed = np.zeros((self._block, n_vectors, n_blocks), np.int32)
        np.multiply(quantised.T[:, :, None], self._signs[:, None, :], out=signed[: self.dimension])
        drive = hadamard_transform(signed)
        return np.swapaxes(drive, 0, 1).reshape(n_vectors, -1)[:, : self.n_units]


def quantise(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Each row as round(2^12 v / |v|), the same integers on every machine.

    A norm taken in floating point depends on the order of its sum. So the rows are first scaled by a power
    of two and rounded to integers, whose squares sum exactly; a square root, a division and a rounding
    follow, and IEEE 754 fixes all three.

    Shapes:
        vectors: (B, d), finite, no zero row, d <= 2^20.
        returns: (B, d), integers in [-4096, 4096].
    """
    _, exponents = np.frexp(np.abs(vectors).max(axis=1, keepdims=True))
    # Halving the exponent keeps the scale finite for rows of subnormal numbers.
    shift = MANTISSA_BITS - exponents
    scaled = np.ldexp(np.ldexp(vectors, shift // 2), shift - shift // 2)
    integers = np.rint(scaled).astype(np.int64)
    lengths = np.sqrt(np.sum(integers * integers, axis=1, keepdims=True).astype(np.float64))
    unit: npt.NDArray[np.float64] = np.rint(integers * 2.0**QUANTUM_BITS / lengths)
    return unit.astype(np.int32)


def hadamard_transform(x: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """H x along the first axis, H_ij = (-1)^popcount(i & j) (Sylvester's), in p log2 p additions.

    Shapes:
        x: (p, ...), p a power of two; used as scratch.
        returns: (p, ...).
    """
    out = np.empty_like(x)
    half = 1
    while half < len(x):
        pairs, sums = (y.reshape(len(y) // (2 * half), 2, -1) for y in (x, out))
        np.add(pairs[:, 0], pairs[:, 1], out=sums[:, 0])
        np.subtract(pairs[:, 0], pairs[:, 1], out=sums[:, 1])
        x, out = out, x
        half *= 2
    return x


def winners(drive: npt.NDArray[np.int32], k: int) -> npt.NDArray[np.int64]:
    """The k units of greatest drive in each row, ascending; of equals, the lower units win.

    Shapes:
        drive: (B, n), whole numbers.
        returns: (B, k).
    """
    units: npt.NDArray[np.int64] = np.empty((len(drive), k), np.int64)
    for row, found in zip(drive, units, strict=True):
        found[:] = largest(row, k)
    return units


def random_signs(seed: int, count: int) -> npt.NDArray[np.int32]:
    """``count`` random +-1: the bits of PCG64(seed)'s raw 64-bit words, the lowest first; 0 is -1."""
    words = np.random.PCG64(seed).random_raw(-(-count // 64))
    bits = (words[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return bits.reshape(-1)[:count].astype(np.int32) * 2 - 1


def checked_codes(separator: PatternSeparator, codes: npt.ArrayLike, count: int) -> npt.NDArray[np.int32]:
    """``codes`` (count, n_active), which ``separator`` gave for as many vectors, as int32.

    Raises:
        InvalidInputError, InvalidTypeError: they are not what `PatternSeparator.encode` promises.
    """
    given: npt.NDArray[Any] = np.asarray(codes)
    if given.dtype.kind not in "iu":
        raise InvalidTypeError(f"{separator.describe()} must give unit indices, got dtype {given.dtype}")
    if given.shape != (count, separator.n_active):
        raise InvalidInputError(
            f"{separator.describe()} must give codes of shape {(count, separator.n_active)}, "
            f"got {given.shape}"
        )
    inside = not given.size or (given.min() >= 0 and given.max() < separator.n_units)
    if not inside or (given[:, 1:] <= given[:, :-1]).any():
        raise InvalidInputError(
            f"{separator.describe()} must give ascending, distinct units in [0, {separator.n_units})"
        )
    return given.astype(np.int32, copy=False)


def _checked(vectors: npt.ArrayLike, dimension: int) -> npt.NDArray[np.float64]:
    given: npt.NDArray[Any] = np.asarray(vectors)
    if given.dtype.kind not in "fiu":
        raise InvalidTypeError(f"vectors must be real numbers, got dtype {given.dtype}")
    if given.ndim != 2 or given.shape[1] != dimension:
        raise InvalidInputError(
            f"vectors must have shape (B, {dimension}), got {given.shape}; give one vector as vectors[None]"
        )
    rows = given.astype(np.float64)
    if not np.isfinite(rows).all():
        raise InvalidInputError("vectors must be finite, got NaN or infinity; check the embedder")
    zero = np.flatnonzero(~rows.any(axis=1))
    if len(zero):
        raise InvalidInputError(f"vectors[{zero[0]}] is zero and has no direction; leave it out")
    return rows
