"""Metrics against the published formulas, on cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.metrics import (
    all_at,
    any_at,
    auroc,
    dcg,
    ndcg_at,
    rank_sessions,
    recall_at,
    spread,
)

RANKED = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("relevant", "k", "recall", "any_", "all_"),
    [
        ({"a"}, 1, 1.0, 1.0, 1.0),
        ({"b"}, 1, 0.0, 0.0, 0.0),
        ({"b", "d"}, 2, 0.5, 1.0, 0.0),
        ({"b", "d"}, 4, 1.0, 1.0, 1.0),
        ({"b", "d", "x"}, 5, 2 / 3, 1.0, 0.0),  # x is never found
        ({"e"}, 100, 1.0, 1.0, 1.0),  # k beyond the ranking
        ({"x"}, 5, 0.0, 0.0, 0.0),
    ],
)
def test_shares_of_the_first_k(relevant: set[str], k: int, recall: float, any_: float, all_: float) -> None:
    assert recall_at(RANKED, relevant, k) == pytest.approx(recall)
    assert any_at(RANKED, relevant, k) == any_
    assert all_at(RANKED, relevant, k) == all_


def test_dcg_discounts_the_second_place_by_nothing() -> None:
    # LongMemEval: rel[0] + sum(rel[1:] / log2(arange(2, size + 1))): log2(2) is 1.
    assert dcg([1, 1]) == 2.0
    assert dcg([0, 0, 1]) == pytest.approx(1 / math.log2(3))
    assert dcg([]) == 0.0


def test_ndcg_worked_by_hand() -> None:
    # relevant b and d: gains 0 1 0 1, DCG = 1/log2(2) + 1/log2(4) = 1.5; ideal 1 1 = 2
    assert ndcg_at(RANKED, {"b", "d"}, 5) == pytest.approx(0.75)
    # cut at 2: DCG = 1; the ideal keeps both relevant
    assert ndcg_at(RANKED, {"b", "d"}, 2) == pytest.approx(0.5)
    # cut at 1 of three relevant: the ideal holds one
    assert ndcg_at(RANKED, {"a", "b", "c"}, 1) == 1.0
    assert ndcg_at(RANKED, {"x"}, 5) == 0.0


def _published_dcg(relevances: list[int], k: int) -> float:
    """The formula as the authors write it, over NumPy."""
    cut = np.asarray(relevances, dtype=float)[:k]
    return float(cut[0] + np.sum(cut[1:] / np.log2(np.arange(2, cut.size + 1)))) if cut.size else 0.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_ndcg_equals_the_published_formula(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    corpus = [f"s{i}" for i in range(12)]
    relevant = set(rng.choice(corpus, size=3, replace=False).tolist())
    ranked = rng.permutation(corpus).tolist()
    actual = _published_dcg([int(each in relevant) for each in ranked[:k]], k)
    ideal = _published_dcg(sorted((int(each in relevant) for each in corpus), reverse=True), k)
    assert ndcg_at(ranked, relevant, k) == pytest.approx(actual / ideal)


def test_sessions_stand_where_their_best_memory_stands() -> None:
    session_of = {"a": "s2", "b": "s2", "c": None, "d": "s1", "e": "s2"}
    assert rank_sessions(RANKED, session_of) == ["s2", "s1"]
    assert rank_sessions([], session_of) == []


@pytest.mark.parametrize("k", [1, 2, 3])
def test_session_metrics_equal_reading_on_until_k_sessions_are_seen(k: int) -> None:
    # The authors widen k over turns until k distinct sessions are among them.
    turns = ["s1", "s1", "s2", "s1", "s3"]
    ranked = [f"t{i}" for i in range(5)]
    width = k
    while len(set(turns[:width])) < k:
        width += 1
    sessions = rank_sessions(ranked, dict(zip(ranked, turns, strict=True)))
    for relevant in ({"s1"}, {"s2", "s3"}, {"s1", "s2"}):
        assert any_at(sessions, relevant, k) == float(bool(relevant & set(turns[:width])))
        assert all_at(sessions, relevant, k) == float(relevant <= set(turns[:width]))


def test_auroc_worked_by_hand() -> None:
    # pairs: 3>1, 3>2, 2>1 win, 2 and 2 tie: 3.5 of 4
    assert auroc([3, 2], [1, 2]) == pytest.approx(0.875)
    assert auroc([1, 2], [3, 4]) == 0.0
    assert auroc([1, 1], [1]) == 0.5


def test_auroc_equals_counting_all_pairs() -> None:
    rng = np.random.default_rng(0)
    high, low = rng.integers(0, 10, 40).tolist(), rng.integers(0, 8, 30).tolist()
    wins = sum((a > b) + 0.5 * (a == b) for a in high for b in low)
    assert auroc(high, low) == pytest.approx(wins / (40 * 30))


def test_spread() -> None:
    assert spread([1, 2, 3]) == (2.0, 1.0)
    assert spread([5]) == (5.0, 0.0)


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="leave it out"):
        recall_at(RANKED, set(), 5)
    with pytest.raises(InvalidInputError, match="k must be at least 1, got 0"):
        any_at(RANKED, {"a"}, 0)
    with pytest.raises(InvalidInputError, match="0 negative"):
        auroc([1.0], [])
    with pytest.raises(InvalidInputError, match="at least one value"):
        spread([])
