"""Retrieval metrics as pure functions over ranked ids, best first.

`any_at`, `all_at` and `ndcg_at` follow LongMemEval's ``eval_utils.py`` (Wu et al., ICLR 2025:
``recall_any``, ``recall_all``, ``ndcg``); `recall_at` is the share of the relevant that HippoRAG and
LoCoMo report.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nuonuo.errors import InvalidInputError


class Spread(NamedTuple):
    """A mean with its sample standard deviation (0 for one value)."""

    mean: float
    deviation: float


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The share of ``relevant`` that is among the first ``k``."""
    wanted = _wanted(relevant, k)
    return len(wanted.intersection(ranked[:k])) / len(wanted)


def any_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1.0 if one of ``relevant`` is among the first ``k``."""
    return float(not _wanted(relevant, k).isdisjoint(ranked[:k]))


def all_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1.0 if all of ``relevant`` are among the first ``k``."""
    return float(_wanted(relevant, k).issubset(ranked[:k]))


def dcg(gains: Sequence[float]) -> float:
    """Discounted cumulative gain: g_1 + sum over i >= 2 of g_i / log2(i), the authors' form."""
    return sum(gain / (1.0 if place == 1 else math.log2(place)) for place, gain in enumerate(gains, 1))


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """DCG of the first ``k`` over the greatest that a ranking of distinct items can have."""
    wanted = _wanted(relevant, k)
    gains = [float(item in wanted) for item in ranked[:k]]
    return dcg(gains) / dcg([1.0] * min(k, len(wanted)))


def rank_sessions(ranked: Iterable[str], session_of: Mapping[str, str | None]) -> list[str]:
    """Sessions by their best memory: each session once, where its first memory stands.

    The first k of them are what ``evaluate_retrieval_turn2session`` looks at: it reads on in the
    turns until k distinct sessions are seen.
    """
    sessions = (session_of[memory] for memory in ranked)
    return list(dict.fromkeys(session for session in sessions if session is not None))


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores above a negative, ties counting half (Mann-Whitney U).

    Raises:
        InvalidInputError: one of the two is empty.
    """
    if not len(positive) or not len(negative):
        raise InvalidInputError(
            f"AUROC needs both kinds of score, got {len(positive)} positive and {len(negative)} negative"
        )
    low = np.sort(np.asarray(negative, float))
    high = np.asarray(positive, float)
    wins = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(wins.sum() / (2 * len(high) * len(low)))


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of ``values``.

    Raises:
        InvalidInputError: no value.
    """
    if not len(values):
        raise InvalidInputError("a mean needs at least one value, got none")
    array = np.asarray(values, float)
    return Spread(float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else 0.0)


def _wanted(relevant: Collection[str], k: int) -> set[str]:
    if not relevant:
        raise InvalidInputError("a question without anything relevant has no recall; leave it out")
    if k < 1:
        raise InvalidInputError(f"k must be at least 1, got {k}")
    return set(relevant)
