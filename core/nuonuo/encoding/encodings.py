"""What embedders make of texts: checked before anything is built on it, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.embedders import Embedder, Encoding, check_vectors
from nuonuo.encoding.embedders.base import check_shape
from nuonuo.errors import EmbeddingError

FloatArray = npt.NDArray[np.float32]

REMEMBERED = 256  # encodings kept; a chat asks with a turn and stores it a moment later
REMEMBERED_BYTES = 64 << 20  # that they take at most


class Encodings:
    """The encodings of texts, the last ones of which are kept.

    Args:
        embedder: gives the sentence vectors. tokens: gives the token vectors.

    Attributes:
        recent: those that are kept, by kind and text, the least recently used first. nbytes: what they take.
    """

    def __init__(self, embedder: Embedder, tokens: Embedder) -> None:
        self._embedder, self._tokens = embedder, tokens
        self.recent: OrderedDict[tuple[str, str], Encoding] = OrderedDict()
        self.nbytes = 0
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Drop every encoding that is kept: it could hold what was just forgotten."""
        with self._lock:
            self.recent.clear()
            self.nbytes = 0

    def of(self, texts: Sequence[str], kind: str) -> list[Encoding]:
        """The encoding of each of ``texts``: sentence vectors (W, d), unit rows, and token vectors (T, d').

        Args:
            kind: "document" for what is stored, "query" for what is asked with.

        Raises:
            EmbeddingError: an embedder gave something that cannot be used.
        """
        # A symmetric model gives a text one encoding, whether it is stored or asked with.
        if getattr(self._embedder, "symmetric", False) and getattr(self._tokens, "symmetric", False):
            kind = "either"
        distinct = list(dict.fromkeys(texts))
        with self._lock:
            known = {text: self.recent[kind, text] for text in distinct if (kind, text) in self.recent}
        missing = [text for text in distinct if text not in known]
        for text, encoding in zip(missing, self._compute(missing, kind), strict=True):
            known[text] = encoding
        with self._lock:
            for text in distinct[-REMEMBERED:]:
                self.nbytes += 0 if (kind, text) in self.recent else _nbytes(known[text])
                self.recent.setdefault((kind, text), known[text])
                self.recent.move_to_end((kind, text))
            while len(self.recent) > REMEMBERED or self.nbytes > REMEMBERED_BYTES:
                self.nbytes -= _nbytes(self.recent.popitem(last=False)[1])
        return [known[text] for text in texts]

    def _compute(self, texts: list[str], kind: str) -> list[Encoding]:
        if not texts:
            return []
        found = _run(self._embedder, texts, kind)
        tokens = found if self._tokens is self._embedder else _run(self._tokens, texts, kind)
        vectors = self._checked([each.vectors for each in found])
        return [
            Encoding(own, *_tokens(each, self._tokens)) for own, each in zip(vectors, tokens, strict=True)
        ]

    def _checked(self, vectors: Sequence[FloatArray]) -> list[FloatArray]:
        """What the embedder gave for each text, with unit rows (`check_vectors`)."""
        dimension, who = self._embedder.dimension, f"the embedder {self._embedder.name!r}"
        if len(vectors) == 1:  # a question: it holds nothing of others
            return [check_vectors(vectors[0], (len(vectors[0]), dimension), who)]
        for own in vectors:
            check_shape(own, (len(own), dimension), who)
        lengths = [len(own) for own in vectors]
        whole = check_vectors(np.concatenate(vectors), (sum(lengths), dimension), who)
        # Copies: what is kept of one text must not hold those of all others.
        return [own.copy() for own in np.split(whole, np.cumsum(lengths[:-1]))]


def _nbytes(encoding: Encoding) -> int:
    arrays = (encoding.vectors, encoding.tokens, encoding.spans)
    return sum(array.nbytes for array in arrays if array is not None)


def _tokens(
    encoding: Encoding, embedder: Embedder
) -> tuple[FloatArray, npt.NDArray[np.int32]] | tuple[None, None]:
    """The token vectors and their spans, if they can be used; None where the embedder has none."""
    tokens, spans, dimension = encoding.tokens, encoding.spans, embedder.token_dimension
    if not dimension:
        return None, None
    if tokens is None or spans is None:
        raise EmbeddingError(
            f"the embedder {embedder.name!r} gave no token vectors or no spans, but promises token vectors; "
            "its token_dimension must be None where it has none"
        )
    if tokens.shape[1:] != (dimension,) or spans.shape != (len(tokens), 2):
        raise EmbeddingError(
            f"the embedder {embedder.name!r} gave token vectors of shape {tokens.shape} with spans of shape "
            f"{spans.shape}, expected (T, {dimension}) and (T, 2)"
        )
    with np.errstate(all="ignore"):  # a sum is finite only where all is that it sums
        total = np.add.reduce(tokens, axis=None)
    if not (np.isfinite(total) or np.isfinite(tokens).all()):
        raise EmbeddingError(f"the embedder {embedder.name!r} gave a token vector with NaN or infinity")
    return tokens, spans


def _run(embedder: Embedder, texts: list[str], kind: str) -> list[Encoding]:
    encode = embedder.encode_queries if kind == "query" else embedder.encode_documents
    found = encode(texts)
    if len(found) != len(texts) or not all(len(encoding.vectors) for encoding in found):
        raise EmbeddingError(
            f"the embedder {embedder.name!r} gave {len(found)} encodings for {len(texts)} texts, "
            "expected one with at least one vector for each"
        )
    return found
