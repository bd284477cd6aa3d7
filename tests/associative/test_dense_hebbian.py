"""The dual form equals the classical matrix, and the matrix its equation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nuonuo.associative.activation import linear
from nuonuo.associative.dense_hebbian import DenseHebbian
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.errors import InvalidInputError
from tests.associative.codes import BAD_CODES, random_codes

pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("n_units", "k", "n_items", "n_pairs"),
    [(1, 1, 1, 1), (8, 2, 5, 9), (64, 4, 40, 120), (256, 16, 100, 400), (2048, 32, 300, 900)],
)
def test_linear_dual_equals_the_dense_matrix_to_the_last_bit(
    n_units: int, k: int, n_items: int, n_pairs: int
) -> None:
    rng = np.random.default_rng(n_units)
    codes = random_codes(rng, n_items, n_units, k)
    dual, dense = HebbianAssociator(n_units, linear, damping=0.0), DenseHebbian(n_units)
    for item, code in enumerate(codes):
        dual.add(3 * item, code)
    for source, target in {(int(a), int(b)) for a, b in rng.integers(0, n_items, (n_pairs, 2))}:
        weight = int(rng.integers(1, 9))
        dual.learn(3 * source, 3 * target, weight)
        dense.learn(codes[source], codes[target], weight)
    for cue in (*codes[:20], *random_codes(rng, 20, n_units, k)):
        np.testing.assert_array_equal(dual.superpose(*dual.next(cue)), dense.recall(cue).numpy())


def test_the_dense_matrix_is_its_equation() -> None:
    rng = np.random.default_rng(0)
    codes = random_codes(rng, 6, 30, 4)
    dense, w = DenseHebbian(30), np.zeros((30, 30))
    one_hot = np.zeros((6, 30))
    np.put_along_axis(one_hot, codes.astype(np.int64), 1, axis=1)
    for source, target, weight in ((0, 1, 2.0), (1, 2, -1.0), (0, 3, 4.0), (0, 1, 1.0)):
        dense.learn(codes[source], codes[target], weight)
        w += weight * np.outer(one_hot[target], one_hot[source])
    np.testing.assert_array_equal(dense.W.numpy(), w)
    np.testing.assert_array_equal(dense.recall(codes[0]).numpy(), w @ one_hot[0])


@pytest.mark.parametrize(("code", "error", "words"), BAD_CODES)
def test_bad_codes_are_named(code: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        DenseHebbian(16).learn(code, [1])


def test_it_needs_a_unit() -> None:
    with pytest.raises(InvalidInputError, match="n_units"):
        DenseHebbian(0)
