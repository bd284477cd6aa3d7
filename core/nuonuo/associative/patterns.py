"""Bipolar patterns, Hopfield's own (Hopfield 1982), and how near a state comes to the nearest of them.

A pattern x is a vector of signs, kept as d bits. A state is completed by the pattern that is nearest to it,
the limit beta -> inf of one Hopfield retrieval step. States are rounded to `BITS` bits a component, so that
every similarity is a sum of popcounts: exact, and the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import Ragged, batches

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

BITS = 2  # of each component of a state: more say no more about patterns of one bit
CELLS = 1 << 18  # similarities at a time: what is computed on the way stays in the processor's cache
PATTERNS = 1 << 18  # patterns of several memories that are looked at together
_PLANES = np.array([1 << bit for bit in range(BITS)], np.uint8)[:, None, None]
CLIP = 1.494  # the outermost level, in standard deviations: least error for a normal variable (Max 1960)


@dataclass(frozen=True, eq=False)
class RoundedStates:
    """States that ask, each rounded to integers 0 .. 2^BITS - 1 a component.

    So every similarity is a sum of popcounts: exact, and the same on every machine.

    Shapes:
        planes: (BITS, T, ceil(d / 64)) uint64: bit b of each component.
        norms: (T,) float32, the length of 2 levels / (2^BITS - 1) - 1, the vector that the levels stand for.
        levels: (T,) float32, the sum of each state's levels.
        dimension: d.
    """

    planes: WordArray
    norms: FloatArray
    levels: FloatArray
    dimension: int

    def __len__(self) -> int:
        return len(self.norms)

    @cached_property
    def blocks(self) -> WordArray:
        """`planes` in blocks of L = `kernels.LANES` states, zeros at the end: (B, ceil(d / 64), BITS, L)."""
        _, t, words = self.planes.shape
        filled = np.zeros((BITS, -(-t // kernels.LANES), kernels.LANES, words), np.uint64)
        filled.reshape(BITS, -1, words)[:, :t] = self.planes
        return np.ascontiguousarray(filled.transpose(1, 3, 0, 2))

    @cached_property
    def cosine(self) -> tuple[np.float32, FloatArray, FloatArray]:
        """a, b (T,) and c (T,): a pattern's cosine with each state is (a agreement + b) / c."""
        d, step = np.float32(self.dimension), np.float32(2 / (2**BITS - 1))
        return step, d - step * self.levels, self.norms * np.float32(math.sqrt(d))

    def of(self, at: IntArray) -> RoundedStates:
        """The states ``at`` these places, in that order."""
        return RoundedStates(self.planes[:, at], self.norms[at], self.levels[at], self.dimension)


def round_states(states: FloatArray) -> RoundedStates:
    """Round ``states`` (T, d) float to `BITS` bits a component."""
    t, d = states.shape
    mean = np.add.reduce(states * states, axis=1, keepdims=True) / np.float32(max(d, 1))
    scale: npt.NDArray[Any] = CLIP * np.sqrt(mean) + 1e-12
    fast = kernels.loaded()
    if fast is None or states.dtype != np.float32:
        planes, values, levels = _rounded(states, scale)
    else:
        planes, values = np.empty((BITS, t, -(-d // 64)), np.uint64), np.empty((t, d), np.float32)
        levels = np.empty(t, np.float32)
        fast.rounded(np.ascontiguousarray(states), scale.ravel(), BITS, planes, values, levels)
    return RoundedStates(planes, np.sqrt(np.add.reduce(values * values, axis=1)), levels, d)


def _rounded(states: FloatArray, scale: FloatArray) -> tuple[WordArray, FloatArray, FloatArray]:
    """The bit planes of ``states`` over ``scale`` (T, 1), what the levels stand for, and their sums."""
    top, (t, d) = 2**BITS - 1, states.shape
    scaled = (states / scale).clip(-1, 1)
    scaled += 1
    scaled *= top / 2
    levels = np.rint(scaled).astype(np.uint8)
    planes = pack((levels & _PLANES).reshape(BITS * t, d)).reshape(BITS, t, -(-d // 64))
    values = levels.astype(np.float32) * np.float32(2 / top) - 1
    return planes, values, np.add.reduce(levels, axis=1, dtype=np.float32)


def pack(bits: npt.NDArray[Any]) -> WordArray:
    """Bits (P, d), 0 or not, as (P, ceil(d / 64)) uint64."""
    return as_words(np.packbits(bits, axis=1))


def as_words(packed: ByteArray) -> WordArray:
    """Packed bits (P, ceil(d / 8)) uint8 as (P, ceil(d / 64)) uint64, filled up with zeros."""
    words = -(-packed.shape[1] // 8)
    if packed.shape[1] % 8:
        packed = np.pad(packed, ((0, 0), (0, words * 8 - packed.shape[1])))
    return np.ascontiguousarray(packed).view(np.uint64)


def agreement(patterns: WordArray, states: RoundedStates) -> npt.NDArray[np.signedinteger[Any]]:
    """How far each bipolar pattern x agrees with each state q, as an integer.

    With b the bits of x = 2 b - 1, and l the levels of q = (2 / L) l - 1, L = 2^BITS - 1:
    x . q = (2 / L) (2 b . l - L sum b) + d - (2 / L) sum l, and b . l is a sum of popcounts over bit
    planes. What is in the parentheses is returned; the rest depends on the state alone.

    Shapes:
        patterns: (P, ceil(d / 64)) uint64; returns (T, P), int16 where that holds it.
    """
    top = 2**BITS - 1
    kind = _kind(states)
    columns = np.ascontiguousarray(patterns.T)
    agreed = np.zeros((len(states), len(patterns)), kind)
    for plane in states.planes[::-1]:  # the highest bit first (Horner)
        agreed += popcount(column & bits[:, None] for column, bits in zip(columns, plane.T, strict=True))
        agreed += agreed
    agreed -= popcount(columns).astype(kind, copy=False) * top
    return agreed


def _kind(states: RoundedStates) -> type[np.signedinteger[Any]]:
    """The integers that hold every agreement with ``states``."""
    return np.int16 if 2 * (2**BITS - 1) * states.dimension < 2**15 else np.int32


def best_of(patterns: WordArray, counts: IntArray, states: RoundedStates) -> FloatArray:
    """s_t(m): the cosine of each state q_t with the nearest of each memory's patterns.

    cos(x, q) = x . q / (|x| |q|) with |x| = sqrt(d).

    Shapes:
        patterns: (P, ceil(d / 64)) uint64, those of C memories one after another.
        counts: (C,), how many each memory has, summing to P.
        returns (C, T), 0 for a memory without patterns.
    """
    fast = kernels.loaded()
    if fast is not None:
        starts, at = counts.cumsum() - counts, np.arange(len(counts))
        best = np.empty((len(at), len(states)), np.float32)
        _best_of_blocks(fast, patterns, starts, counts, at, states, best)
        return best
    best = np.zeros((len(counts), len(states)), np.float32)
    full = np.flatnonzero(counts)
    if len(full) and len(states):
        step, offsets, lengths = states.cosine
        dots = step * _most_agreement(patterns, counts[full], states).T
        dots += offsets
        best[full] = dots / lengths
    return best


def completions(patterns: Ragged, rows: IntArray, states: RoundedStates, found: FloatArray) -> None:
    """`best_of` the patterns of ``rows`` (C,), which lie in ``patterns``: into ``found`` (C, T or more)."""
    fast = kernels.loaded()
    if fast is not None:
        _best_of_blocks(fast, patterns.rows, *patterns.blocks, rows, states, found)
        return
    for some in batches(patterns.counts(rows), PATTERNS):
        found[some, : len(states)] = best_of(*patterns.gather(rows[some]), states)


def _best_of_blocks(
    fast: Any,
    patterns: WordArray,
    starts: IntArray,
    counts: IntArray,
    at: IntArray,
    states: RoundedStates,
    found: FloatArray,
) -> None:
    """`best_of` those blocks ``at`` (C,) of ``patterns`` that begin at ``starts``, compiled."""
    step, offsets, lengths = states.cosine
    fast.best_of(patterns, starts, counts, at, states.blocks, offsets, lengths, step, found)


def _most_agreement(
    patterns: WordArray, counts: IntArray, states: RoundedStates
) -> npt.NDArray[np.signedinteger[Any]]:
    """The greatest agreement of each state with each memory's patterns (T, C); ``counts`` are at least 1."""
    ends = np.cumsum(counts)
    starts = ends - counts
    most = np.full((len(states), len(counts)), np.iinfo(_kind(states)).min, _kind(states))
    for begin, end, values in _agreements(patterns, states):
        first, last = np.searchsorted(ends, begin, "right"), np.searchsorted(starts, end)
        found = np.maximum.reduceat(values, np.maximum(starts[first:last], begin) - begin, axis=1)
        np.maximum(most[:, first:last], found, out=most[:, first:last])
    return most


def nearest(patterns: WordArray, states: RoundedStates) -> IntArray:
    """Which of ``patterns`` (P, ceil(d / 64)), P > 0, is nearest to each state, of equals the first: (T,)."""
    at = np.zeros(len(states), np.int64)
    most = np.full(len(states), np.iinfo(np.int32).min)
    for begin, _, values in _agreements(patterns, states):
        found = values.argmax(axis=1)
        value = values[np.arange(len(found)), found]
        at = np.where(value > most, begin + found, at)
        most = np.maximum(most, value)
    return at


def _agreements(
    patterns: WordArray, states: RoundedStates
) -> Iterator[tuple[int, int, npt.NDArray[np.signedinteger[Any]]]]:
    """`agreement` of all states with ``patterns[begin:end]``, so many at a time that memory stays bounded."""
    size = max(CELLS // max(len(states), 1), 1)
    for begin in range(0, len(patterns), size):
        end = min(begin + size, len(patterns))
        yield begin, end, agreement(patterns[begin:end], states)


def popcount(words: Iterable[WordArray]) -> npt.NDArray[np.int16]:
    """The number of bits that are 1, summed over ``words``, arrays of one shape (...): (...) int16."""
    threes: list[ByteArray] = []
    for at, word in enumerate(words):
        bits = np.bitwise_count(word)
        if at % 3 == 0:  # three words have 192 bits: their sum fits a byte
            threes.append(bits)
        else:
            threes[-1] += bits
    total = threes[0].astype(np.int16)
    for part in threes[1:]:
        total += part
    return total
