"""Texts that need no data: made-up words, their frequencies by Zipf's law as in real text."""

from __future__ import annotations

from itertools import product

import numpy as np

SYLLABLES = [start + end for start in "bdfghklmnprstvwz" for end in ("a", "e", "i", "o", "u")]
WORDS = ["".join(pair) for pair in product(SYLLABLES, repeat=2)]
BATCH = 256


def made_up_texts(count: int, seed: int = 0) -> list[str]:
    """``count`` distinct texts of 5 to 20 words; fewer are the first of more."""
    shares = 1 / (np.arange(len(WORDS)) + 10.0)
    ends = np.cumsum(shares / shares.sum())
    texts: dict[str, None] = {}
    batch = 0
    while len(texts) < count:
        rng = np.random.default_rng([seed, batch])
        lengths = rng.integers(5, 21, BATCH)
        drawn = np.minimum(np.searchsorted(ends, rng.random(lengths.sum())), len(WORDS) - 1).tolist()
        start = 0
        for length in lengths.tolist():
            texts[" ".join(WORDS[at] for at in drawn[start : start + length])] = None
            start += length
        batch += 1
    return list(texts)[:count]
