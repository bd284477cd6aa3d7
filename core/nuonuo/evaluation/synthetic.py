"""Texts and an embedder that need neither data nor a model: for measuring speed, never quality."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nuonuo.encoding.embedders.base import Encoding, FloatArray

_WORD = re.compile(r"\w+")
_SYLLABLES = [
    start + end for start in "bdfghklmnprstvwz" for end in ("a", "e", "i", "o", "u", "ai", "or", "en")
]


class HashEmbedder:
    """Each word a fixed random direction, a text their mean: deterministic, at no model's cost.

    It stands for an encoder where only time and bytes are measured: vectors and tokens have the
    shapes of a real one's, and mean nothing.
    """

    def __init__(self, dimension: int = 384) -> None:
        self.name = f"hash-{dimension}"
        self.dimension = dimension
        self.token_dimension = dimension
        self.symmetric = True
        self._direction = lru_cache(maxsize=1 << 15)(self._new_direction)

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return [self._encode(text) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return self.encode_documents(texts)

    def _encode(self, text: str) -> Encoding:
        spans = [match.span() for match in _WORD.finditer(text)]
        words = [text[start:end].casefold() for start, end in spans] or [text]
        tokens = np.stack([self._direction(word) for word in words])
        mean = tokens.mean(axis=0)
        vectors = (mean / np.linalg.norm(mean))[None, :]
        return Encoding(vectors, tokens, np.array(spans or [(0, len(text))], np.int32))

    def _new_direction(self, word: str) -> FloatArray:
        seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "little")
        direction = np.random.default_rng(seed).standard_normal(self.dimension)
        return (direction / np.linalg.norm(direction)).astype(np.float32)


def generated_texts(count: int, seed: int = 0) -> list[str]:
    """``count`` distinct texts of made-up words, their frequencies by Zipf's law as in real text."""
    rng = np.random.default_rng(seed)
    vocabulary = list(
        dict.fromkeys("".join(rng.choice(_SYLLABLES, rng.integers(1, 4))) for _ in range(20_000))
    )
    chances = 1 / (np.arange(len(vocabulary)) + 10.0)
    chances /= chances.sum()
    texts: dict[str, None] = {}
    while len(texts) < count:
        lengths = rng.integers(3, 14, size=int(rng.integers(1, 4)))
        sentences = [rng.choice(vocabulary, size=length, p=chances) for length in lengths]
        texts[" ".join(" ".join(words).capitalize() + "." for words in sentences)] = None
    return list(texts)
