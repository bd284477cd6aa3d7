"""The `Embedder` protocol: text to vectors.

An embedder yields, for each text, one or more sentence vectors and, where it can, one vector a token
from the same pass: the token patterns (`nuonuo.encoding.tokens`) are made of those at no further model call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nuonuo.errors import EmbeddingError

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What an embedder knows of one text.

    Shapes:
        vectors: (W, d) float32, unit rows, one for each window of the text; W = 1 for a text that
            the encoder takes whole.
        tokens: (T, d') float32, one row a token, relative to the embedder's centre; None where the
            embedder has no token vectors.
        spans: (T, 2) int32, the characters ``text[start:end]`` that each token stands for.
    """

    vectors: FloatArray
    tokens: FloatArray | None = None
    spans: npt.NDArray[np.int32] | None = None


@runtime_checkable
class Embedder(Protocol):
    """What the engine asks of an embedder.

    Attributes:
        name: written into the store; a file made with one embedder opens with no other.
        dimension: d, the length of each sentence vector.
        token_dimension: d', the length of each token vector; None where it has none.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def token_dimension(self) -> int | None: ...

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode what will be stored, one `Encoding` a text, in order."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode cues; differs from `encode_documents` for models with query prompts."""
        ...


def check_shape(vectors: FloatArray, shape: tuple[int, int], who: str) -> None:
    """Raise `EmbeddingError` where ``vectors`` have another shape than ``shape``."""
    if vectors.shape != shape:
        raise EmbeddingError(
            f"{who} gave vectors of shape {vectors.shape}, expected {shape}; "
            "use the embedder that the memory was made with"
        )


def check_vectors(vectors: FloatArray, shape: tuple[int, int], who: str) -> FloatArray:
    """Return ``vectors`` with unit rows, or say what is wrong with them.

    Raises:
        EmbeddingError: another shape than ``shape``, NaN or infinity, or a row of zeros.
    """
    check_shape(vectors, shape, who)
    if not np.isfinite(vectors).all():
        raise EmbeddingError(f"{who} gave NaN or infinity; check the model and its input")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (norms > 0).all():
        raise EmbeddingError(f"{who} gave a vector of zeros, which points nowhere; check the model")
    return np.asarray(vectors / norms, dtype=np.float32)
