"""Winner-take-all codes for the tests of the associators, good and bad ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError, InvalidTypeError

Codes = npt.NDArray[np.int32]

BAD_CODES: list[tuple[Any, type[Exception], str]] = [
    ([1, 1], InvalidInputError, "distinct"),
    ([2, 1], InvalidInputError, "ascending"),
    ([-1, 1], InvalidInputError, r"\[0, 16\)"),
    ([1, 16], InvalidInputError, r"\[0, 16\)"),
    ([], InvalidInputError, "shape"),
    ([[1, 2]], InvalidInputError, "shape"),
    ([1.0, 2.0], InvalidTypeError, "float64"),
]


def random_codes(rng: np.random.Generator, n_items: int, n_units: int, k: int) -> Codes:
    return np.sort(np.argsort(rng.random((n_items, n_units)), axis=1)[:, :k], axis=1).astype(np.int32)
