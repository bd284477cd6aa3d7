"""A Hopfield network of leaky integrate-and-fire neurons, as the prototype had it.

Each dimension of a pattern has two neurons, one for its positive and one for its negative part: y = [x+, x-].
The weights are Hebbian, W = sum_m y_m y_m^T with a zero diagonal, scaled to a spectral norm of 1, and in
each step

    v  <- leak v + drive y(cue) + recurrent W s          s the spikes of the step before
    s   = v > threshold;  v <- v - threshold s

What it completes is read from the neurons' rates, positive less negative, and is the nearest stored pattern.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

FloatArray = npt.NDArray[np.float32]


class SpikingHopfield:
    """The network.

    Args:
        patterns: stored, unit rows. leak: of the membrane, in [0, 1). drive, recurrent: of the cue's current
            and of the network's own. threshold: of a spike, in units of the drive of a mean cue component.

    Shapes:
        patterns: (N, d).

    Raises:
        InvalidInputError: no pattern, or a number out of range.
    """

    def __init__(
        self,
        patterns: FloatArray,
        *,
        leak: float = 0.9,
        drive: float = 1.0,
        recurrent: float = 1.0,
        threshold: float = 4.0,
    ) -> None:
        if patterns.ndim != 2 or not patterns.size:
            raise InvalidInputError(f"patterns must have shape (N, d), N and d >= 1, got {patterns.shape}")
        if (
            not 0 <= leak < 1
            or not all(math.isfinite(x) and x > 0 for x in (drive, threshold))
            or recurrent < 0
        ):
            raise InvalidInputError(
                f"expected leak in [0, 1), drive and threshold > 0 and recurrent >= 0, got {leak}, {drive}, "
                f"{threshold} and {recurrent}"
            )
        self.leak, self.drive, self.recurrent, self.threshold = leak, drive, recurrent, threshold
        y = two_sided(patterns)
        weights = y.T @ y
        np.fill_diagonal(weights, 0)
        norm = float(np.linalg.eigvalsh(weights.astype(np.float64))[-1])
        self.weights = (weights / norm if norm > 0 else weights).astype(np.float32)

    def rates(self, cues: FloatArray, steps: int) -> FloatArray:
        """Spikes a step of each neuron over ``steps`` steps, cues (B, d) -> (B, 2 d), in [0, 1].

        Raises:
            InvalidInputError: steps < 1.
        """
        if steps < 1:
            raise InvalidInputError(f"steps must be at least 1, got {steps}")
        current = two_sided(cues) * np.float32(self.drive * math.sqrt(cues.shape[1]))
        potential: FloatArray = np.zeros_like(current)
        spikes: FloatArray = np.zeros_like(current)
        counts = np.zeros_like(current)
        scale = np.float32(self.recurrent * math.sqrt(cues.shape[1]))
        for _ in range(steps):
            driven = current + scale * (spikes @ self.weights)
            potential = np.asarray(self.leak * potential + driven, np.float32)
            spikes = (potential > self.threshold).astype(np.float32)
            potential -= self.threshold * spikes
            counts += spikes
        return np.asarray(counts / steps, np.float32)

    def complete(self, cues: FloatArray, steps: int) -> FloatArray:
        """What the rates stand for, (B, d) -> (B, d): positive less negative."""
        rates = self.rates(cues, steps)
        half = rates.shape[1] // 2
        found: FloatArray = rates[:, :half] - rates[:, half:]
        return found


def two_sided(vectors: FloatArray) -> FloatArray:
    """[x+, x-]: (N, d) -> (N, 2 d), nothing below zero."""
    return np.concatenate([np.maximum(vectors, 0), np.maximum(-vectors, 0)], axis=1).astype(np.float32)
