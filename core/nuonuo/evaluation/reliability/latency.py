"""How long calls took: counts by powers, so that those of many threads and processes add up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

LEAST, RATIO, BINS = 1e-5, 1.05, 420  # seconds of the first bin; each is so much wider than the one before
T = TypeVar("T")


class Latency:
    """Calls by name, and how long each took, to five percent."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * BINS)

    def clock(self, name: str, call: Callable[[], T]) -> T:
        """What ``call`` gives, and how long it took is counted, whether it fails or not."""
        began = time.perf_counter()
        try:
            return call()
        finally:
            taken = time.perf_counter() - began
            place = int(np.log(max(taken, LEAST) / LEAST) / np.log(RATIO))
            self._counts[name][min(place, BINS - 1)] += 1

    def merge(self, other: Mapping[str, Sequence[int]]) -> None:
        """Add what `counts` of another one told."""
        for name, counts in other.items():
            self._counts[name] = [one + more for one, more in zip(self._counts[name], counts, strict=True)]

    @property
    def counts(self) -> dict[str, list[int]]:
        """By name, how many calls fell into each of the `BINS`, for another one to `merge`."""
        return {name: [*counts] for name, counts in self._counts.items()}

    def to_json(self) -> dict[str, Any]:
        """Of each name how many calls, and their median, 99th percentile and maximum in milliseconds."""
        return {
            name: {
                "calls": sum(counts),
                **{f"ms_p{percent}": _quantile(counts, percent / 100) for percent in (50, 99)},
                "ms_max": _quantile(counts, 1.0),
            }
            for name, counts in self._counts.items()
        }


def _quantile(counts: Sequence[int], share: float) -> float:
    total = np.cumsum(counts)
    place = int(total.searchsorted(max(1, np.ceil(share * total[-1]))))
    return float(round(1000 * LEAST * RATIO ** (place + 0.5), 3))
