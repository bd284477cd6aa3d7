"""Texts as an encoder reads them: windows of tokens, put together into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.embedders.base import Encoding, FloatArray

Ids = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """As much of a text as the encoder reads at once.

    Attributes:
        text: the place of its text among those that were given.
        ids: (L,) int64, its tokens, special ones included.
        spans: (L, 2) int32, the characters that each stands for; empty for special tokens.
    """

    text: int
    ids: Ids
    spans: Spans


class Runtime(Protocol):
    """What computes a model: a tokenizer and a forward pass. Safe to use from many threads.

    Attributes:
        dimension: d, of the sentence vectors. unknown: the id of the token for what the vocabulary lacks.
    """

    dimension: int
    unknown: int | None

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """The windows of all ``texts``, those of one text in order."""
        ...

    def run(self, ids: Ids) -> tuple[FloatArray, FloatArray]:
        """Sentence vectors (B, d) and token vectors (B, L, d') float32 of windows (B, L) of one length."""
        ...


def batches(windows: Sequence[Window], most: int) -> Iterator[list[int]]:
    """Batches of ``windows`` by their places: each of one length, and of ``most`` tokens or one window.

    So no window is padded, and none depends on what else is encoded but by the way in which a matrix product
    with more rows is summed up: measured, ONNX Runtime gives the same bits in any batch, and torch now and
    then another last bit of a float, which is no pattern's.
    """
    order = sorted(range(len(windows)), key=lambda at: len(windows[at].ids))
    batch: list[int] = []
    for at in order:
        length = len(windows[at].ids)
        if batch and (len(windows[batch[0]].ids) != length or (len(batch) + 1) * length > most):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def encode(
    windows: Sequence[Window], runtime: Runtime, centre: FloatArray | np.float32, most: int
) -> list[Encoding]:
    """The encodings of the texts that ``windows`` are of, in order, all of them from few forward passes.

    Args:
        centre: (d',) float32, what token vectors are relative to.
        most: tokens of a batch.
    """
    fresh = _fresh(windows)
    ends = np.cumsum([int(mask.sum()) for mask in fresh])
    vectors, tokens = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
    for batch in batches(windows, most):
        sentence, token = runtime.run(np.stack([windows[at].ids for at in batch]))
        if not len(vectors):  # made once and filled in: the vectors of a long text are never there twice
            vectors = np.empty((len(windows), sentence.shape[1]), np.float32)
            tokens = np.empty((ends[-1], token.shape[2]), np.float32)
        vectors[batch] = sentence / np.maximum(np.linalg.norm(sentence, axis=1, keepdims=True), 1e-12)
        for row, at in enumerate(batch):
            kept = token[row][fresh[at]]
            np.subtract(kept, centre, out=tokens[ends[at] - len(kept) : ends[at]])
    owners = np.array([window.text for window in windows], np.int64)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1)).tolist()
    found = []
    for first, after in pairwise([*firsts, len(windows)]):
        rows = slice(ends[first] - int(fresh[first].sum()), ends[after - 1])
        spans = np.concatenate([windows[at].spans[fresh[at]] for at in range(first, after)])
        own = Encoding(vectors[first:after], tokens[rows], spans)
        if len(firsts) > 1:  # whoever keeps one text's must not keep all of them
            own = Encoding(own.vectors.copy(), tokens[rows].copy(), spans)
        found.append(own)
    return found


def _fresh(windows: Sequence[Window]) -> list[npt.NDArray[np.bool_]]:
    """For each window which of its tokens count: where windows overlap, those of the first.

    It saw what came before them.
    """
    masks, text, reached = [], -1, -1
    for window in windows:
        if window.text != text:
            text, reached = window.text, -1
        mask = (window.spans[:, 1] > window.spans[:, 0]) & (window.spans[:, 0] >= reached)
        masks.append(mask)
        if mask.any():
            reached = int(window.spans[mask][-1, 1])
    return masks
