"""An embedder that needs no model: for measuring speed, never quality."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nuonuo.encoding.embedders.base import Encoding, FloatArray

_WORD = re.compile(r"\w+")


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

    def __reduce__(self) -> tuple[type[HashEmbedder], tuple[int]]:
        return type(self), (self.dimension,)

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
