"""What separators are learned from: random directions, and a projection that whitens."""

from __future__ import annotations

import numpy as np

from nuonuo.associative.projection import FloatArray, LearnedProjection
from nuonuo.errors import InvalidInputError


def random_rows(rng: np.random.Generator, n_units: int, dimension: int) -> FloatArray:
    """Unit rows in random directions, where learning begins: (n_units, dimension) float32."""
    rows = rng.standard_normal((n_units, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def whitened(
    vectors: FloatArray, n_units: int, n_active: int, seed: int, floor: float = 0.05
) -> LearnedProjection:
    """A random projection of whitened vectors: what all texts have in common drives no unit.

    W = R C^(-1/2), C the covariance of ``vectors`` (N, d), its eigenvalues no less than ``floor`` of their
    mean.

    Raises:
        InvalidInputError: fewer than two vectors.
    """
    if len(vectors) < 2:
        raise InvalidInputError(f"whitening needs at least two vectors, got {len(vectors)}")
    centre = vectors.mean(axis=0)
    values, directions = np.linalg.eigh(np.cov((vectors - centre).T).astype(np.float64))
    root = directions * np.maximum(values, floor * values.mean()) ** -0.5 @ directions.T
    random = np.random.default_rng(seed).standard_normal((n_units, vectors.shape[1]))
    return LearnedProjection((random @ root).astype(np.float32), n_active, "whitened", centre)
