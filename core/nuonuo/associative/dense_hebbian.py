"""The classical Hebbian matrix (Willshaw et al. 1969; Amari 1972), as the reference for the dual form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nuonuo.associative.codes import check_units, checked_code
from nuonuo.errors import MissingDependencyError

if TYPE_CHECKING:
    import torch


class DenseHebbian:
    """W = sum_i w_i code(target_i) code(source_i)^T in torch: the classical associator, as the reference.

    n_units^2 float32 (1 GB at 16384) and O(k^2) writes a pair, O(k n) a recall; integer weights stay exact
    below 2^24. A pair learned twice counts twice, and what is learned can only be outweighed, never removed.

    Args:
        n_units: n, the width of a code.
        device: a torch device.

    Raises:
        MissingDependencyError: torch is not installed.
        InvalidInputError: n_units outside [1, 2^31).
    """

    def __init__(self, n_units: int, device: str = "cpu") -> None:
        check_units(n_units)
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError("DenseHebbian needs torch: pip install torch") from error
        self.n_units = n_units
        self.W: torch.Tensor = torch.zeros((n_units, n_units), dtype=torch.float32, device=device)

    def learn(self, source_code: npt.ArrayLike, target_code: npt.ArrayLike, weight: float = 1.0) -> None:
        """W += w code(target) code(source)^T.

        Shapes:
            source_code, target_code: (k,) as in `HebbianAssociator.add`; the two k may differ.

        Raises:
            InvalidInputError, InvalidTypeError: a code.
        """
        source, target = self._indices(source_code), self._indices(target_code)
        self.W[target[:, None], source] += weight

    def recall(self, code: npt.ArrayLike) -> torch.Tensor:
        """W q.

        Shapes:
            code: (k,) as in `HebbianAssociator.add`.
            returns: (n_units,) float32.

        Raises:
            InvalidInputError, InvalidTypeError: the code.
        """
        return self.W[:, self._indices(code)].sum(dim=1)

    def _indices(self, code: npt.ArrayLike) -> torch.Tensor:
        import torch

        return torch.from_numpy(checked_code(code, self.n_units).astype(np.int64)).to(self.W.device)
