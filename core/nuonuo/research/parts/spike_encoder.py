"""An embedding as a train of spikes, and back: leaky neurons, learned by surrogate gradients.

Each neuron is given the constant current I = W x; in each of T steps its membrane leaks, adds it, and
where it passes the threshold it spikes and loses a threshold's worth (snnTorch's `Leaky`; Eshraghian et
al. 2023, "Training Spiking Neural Networks Using Lessons from Deep Learning"). What is read is how often
each has spiked, and

    x'  = D counts / T

Why the prototype's network was silent for sixty epochs: with a threshold of 1 and currents of the size
that unit vectors give, hardly any membrane ever reaches it (leak 0.9), and where nothing spikes there is
no gradient. With a constant current the count depends on I / threshold alone, so each threshold is set
from data such that its neurons spike at the rate that is asked for, before anything is learned.

Neurons come in pairs of opposite weights and one threshold, as ON and OFF cells of the retina do: what the
one spikes less what the other does is linear in x, so that D = pinv(W / threshold) reads it off at once.
Membranes begin half way to their thresholds, so that counts are rounded and not cut off. Learning begins
there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.associative.projection import FloatArray
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.research.parts.learned import random_rows

BATCH = 128
BEGIN = 0.5  # of its threshold, where a membrane begins
GRID = 4096  # currents at which the count of a neuron is looked up
BISECTIONS = 30  # of the span in which a threshold is looked for, on a logarithmic scale
GREATEST = 3.0  # of them, in thresholds: it spikes in every step


class SpikeEncoder:
    """Vectors (B, d) to spike trains of ``n_neurons`` over ``n_steps``, and back.

    Args:
        dimension: d. leak: what a membrane keeps from one step to the next, in (0, 1).
        seed: of the currents' weights. device: a torch device.

    Raises:
        MissingDependencyError: torch or snntorch is not installed.
        InvalidInputError: a number out of range.
    """

    def __init__(
        self,
        dimension: int,
        n_neurons: int = 2048,
        n_steps: int = 64,
        *,
        leak: float = 0.99,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if min(dimension, n_neurons, n_steps) < 1:
            raise InvalidInputError(
                f"dimension, n_neurons and n_steps must be at least 1, got {dimension}, {n_neurons} and "
                f"{n_steps}"
            )
        if not 0 < leak < 1:
            raise InvalidInputError(
                f"leak must be in (0, 1), got {leak!r}; 0.99 keeps a current for 100 steps"
            )
        try:
            import torch
            from snntorch import Leaky, surrogate
        except ImportError as error:
            raise MissingDependencyError('spikes need snntorch: pip install "nuonuo[research]"') from error
        self.dimension, self.n_neurons, self.n_steps = dimension, n_neurons, n_steps
        rows = random_rows(np.random.default_rng(seed), n_neurons, dimension)
        half = n_neurons // 2
        rows[half : 2 * half] = -rows[:half]
        self.device = device
        self.weights = torch.tensor(rows, device=device, requires_grad=True)
        self.decoder = torch.zeros((dimension, n_neurons), device=device, requires_grad=True)
        self.thresholds = torch.ones(n_neurons, device=device)
        self._leaky = Leaky(
            beta=leak, threshold=1.0, reset_mechanism="subtract", spike_grad=surrogate.fast_sigmoid(slope=10)
        )

    def fit(self, vectors: FloatArray, rate: float = 0.05) -> None:
        """Set thresholds so that each pair spikes in ``rate`` of all steps, and the decoder to them.

        Shapes:
            vectors: (N, d), N >= 2.

        Raises:
            InvalidInputError: a shape, or a rate outside (0, 0.5].
        """
        import torch

        given = self._checked(vectors)
        if len(given) < 2 or not 0 < rate <= 0.5:
            raise InvalidInputError(
                f"expected two vectors and a rate in (0, 0.5], got {len(given)} and {rate!r}"
            )
        with torch.no_grad():
            currents = (given @ self.weights.T).cpu().numpy()
            self.thresholds = torch.from_numpy(self._thresholds_for(currents, rate)).to(self.device)
            driven = self.weights / self.thresholds[:, None]
            if self.n_neurons >= self.dimension:  # the same by the small system, many times as fast
                self.decoder.copy_(torch.linalg.lstsq(driven.T @ driven, driven.T).solution)
            else:
                self.decoder.copy_(torch.linalg.pinv(driven))

    def learn(
        self,
        vectors: FloatArray,
        *,
        epochs: int = 1,
        rate: float = 0.05,
        step: float = 3e-4,
        most_steps: int | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> None:
        """Improve weights and decoder by surrogate gradients: the cosine up, spikes above ``rate`` down.

        ``tell`` is called with the loss of each step, of which there are ``most_steps`` at most.

        Raises:
            InvalidInputError: a shape, epochs < 0, or step <= 0.
        """
        import torch

        given = self._checked(vectors)
        if epochs < 0 or not (math.isfinite(step) and step > 0):
            raise InvalidInputError(f"expected epochs >= 0 and step > 0, got {epochs} and {step!r}")
        optimiser = torch.optim.Adam(
            [{"params": [self.weights], "lr": step}, {"params": [self.decoder], "lr": step / 10}]
        )
        made = 0
        for epoch in range(epochs):
            order = torch.from_numpy(np.random.default_rng(epoch).permutation(len(given)))
            for chosen in torch.split(order, BATCH):
                if most_steps is not None and made >= most_steps:
                    return
                made += 1
                counts = self._spikes(given[chosen]) / self.n_steps
                cosine = torch.nn.functional.cosine_similarity(counts @ self.decoder.T, given[chosen])
                loss = (1 - cosine).mean() + torch.relu(counts.mean() - rate)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                if tell is not None:
                    tell(float(loss.detach()))

    def counts(self, vectors: FloatArray) -> FloatArray:
        """How often each neuron spikes, (B, d) -> (B, n_neurons), whole numbers in [0, n_steps]."""
        import torch

        given = self._checked(vectors)
        with torch.no_grad():
            parts = [self._spikes(part) for part in torch.split(given, BATCH)]
        found: FloatArray = torch.cat(parts).cpu().numpy()
        return found

    def decode(self, counts: FloatArray) -> FloatArray:
        """Unit vectors of counts, (B, n_neurons) -> (B, d); zero where nothing spiked."""
        import torch

        with torch.no_grad():
            found = (torch.from_numpy(counts).to(self.device) / self.n_steps) @ self.decoder.T
            unit: FloatArray = torch.nn.functional.normalize(found, dim=1).cpu().numpy()
        return unit

    def trains(self, vectors: FloatArray) -> npt.NDArray[np.bool_]:
        """The spikes themselves, (B, d) -> (n_steps, B, n_neurons)."""
        import torch

        found: list[Any] = []
        with torch.no_grad():
            self._spikes(self._checked(vectors), found.append)
        spikes: npt.NDArray[np.bool_] = (torch.stack(found) > 0).cpu().numpy()
        return spikes

    def _spikes(self, vectors: Any, tell: Callable[[Any], None] | None = None) -> Any:
        """Counts of spikes (B, n_neurons), differentiable; ``tell`` is given the spikes of each step."""
        import torch

        current = (vectors @ self.weights.T) / self.thresholds
        membrane = torch.full_like(current, BEGIN)
        counts = torch.zeros_like(current)
        for _ in range(self.n_steps):
            spikes, membrane = self._leaky(current, membrane)
            counts = counts + spikes
            if tell is not None:
                tell(spikes)
        return counts

    def _thresholds_for(self, currents: FloatArray, rate: float) -> FloatArray:
        """For currents (N, n) the thresholds (n,) at which each neuron spikes at ``rate``, by bisection."""
        import torch

        grid = np.linspace(0, GREATEST, GRID, dtype=np.float32)
        with torch.no_grad():
            current = torch.from_numpy(grid)[None]
            membrane, count = torch.full_like(current, BEGIN), torch.zeros_like(current)
            for _ in range(self.n_steps):
                spikes, membrane = self._leaky(current, membrane)
                count += spikes
        table = count[0].numpy() / self.n_steps
        half = currents.shape[1] // 2
        low = np.full(currents.shape[1], 1e-6)
        high = np.full(currents.shape[1], max(float(np.abs(currents).max()) * self.n_steps, 2e-6))
        for _ in range(BISECTIONS):
            middle = np.sqrt(low * high)
            at = np.minimum(np.maximum(currents / middle, 0) * ((GRID - 1) / GREATEST), GRID - 1).astype(
                np.int64
            )
            rates = table[at].mean(axis=0)
            rates[: 2 * half] = np.tile((rates[:half] + rates[half : 2 * half]) / 2, 2)
            often = rates > rate
            low, high = np.where(often, middle, low), np.where(often, high, middle)
        return high.astype(np.float32)

    def _checked(self, vectors: FloatArray) -> Any:
        import torch

        given = np.ascontiguousarray(vectors, np.float32)
        if given.ndim != 2 or given.shape[1] != self.dimension or not len(given):
            raise InvalidInputError(
                f"vectors must have shape (B, {self.dimension}), B >= 1, got {given.shape}"
            )
        if not np.isfinite(given).all():
            raise InvalidInputError("vectors must be finite, got NaN or infinity; check the embedder")
        return torch.from_numpy(given).to(self.device)
