"""The texts that experiments are run on, their vectors and their codes, each made once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.encoding.embedders.base import Embedder
from nuonuo.encoding.sentences import sentences
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.datasets import load
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.evaluation.systems.base import first_vectors
from nuonuo.research.material.made_up import made_up_texts
from nuonuo.research.material.pairs import Pairs, made_up_pairs

FloatArray = npt.NDArray[np.float32]
CodeArray = npt.NDArray[np.int32]

PATTERNS = ("locomo*.json*", "longmemeval*.json*", "musique*.json*", "hotpotqa*.json*")
CHUNK = 2048  # texts embedded between two words on how far it is


class Material:
    """What an experiment is run on.

    Texts are those of the data sets in a folder, whole ones first and then the sentences of those that have
    several, each once; made-up ones where there is no folder.

    Args:
        folder: of the data sets; None for made-up texts.
        embedder: None for one that needs no model.
        pairs: paraphrases; those of our own generator where None.
        device: a torch device, for what runs in torch.
        tell: called with what was just done.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        embedder: Embedder | None = None,
        pairs: Pairs | None = None,
        *,
        device: str = "cpu",
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder).expanduser()
        self.embedder: Embedder = HashEmbedder() if embedder is None else embedder
        self.pairs = pairs or made_up_pairs()
        self.device = device
        self._tell = tell or (lambda what: None)
        self._files: list[tuple[str, str]] = []
        self._texts: list[str] | None = None
        self._vectors: FloatArray = np.zeros((0, self.embedder.dimension), np.float32)
        self._codes: dict[str, CodeArray] = {}
        self._embedded: dict[tuple[str, str], FloatArray] = {}

    def texts(self, count: int) -> list[str]:
        """The first ``count`` texts.

        Raises:
            InvalidInputError: there are fewer, or no data set lies in the folder.
        """
        if self.folder is None:
            if self._texts is None or len(self._texts) < count:
                self._texts = made_up_texts(count)
        elif self._texts is None:
            self._texts = self._read(self.folder)
        if len(self._texts) < count:
            raise InvalidInputError(
                f"{count:,} texts are needed and the data sets in the folder give {len(self._texts):,}; "
                "add data sets to it, or run the experiment with --quick"
            )
        return self._texts[:count]

    def available(self, most: int) -> int:
        """How many texts there are, ``most`` at most."""
        return most if self.folder is None else min(most, len(self.texts(0) or self._texts or []))

    def vectors(self, count: int) -> FloatArray:
        """The vectors of the first ``count`` texts, unit rows: (count, d)."""
        while len(self._vectors) < count:
            start = len(self._vectors)
            part = self.texts(count)[start : min(start + CHUNK, count)]
            self._vectors = np.concatenate([self._vectors, first_vectors(self.embedder, part, "document")])
            self._tell(f"{len(self._vectors):,} texts embedded")
        return self._vectors[:count]

    def embed(self, texts: Sequence[str], kind: str = "document") -> FloatArray:
        """The vectors of other texts, unit rows: (n, d); each text is embedded once."""
        missing = [text for text in dict.fromkeys(texts) if (kind, text) not in self._embedded]
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            for text, vector in zip(part, first_vectors(self.embedder, part, kind), strict=True):
                self._embedded[kind, text] = vector
        return np.stack([self._embedded[kind, text] for text in texts])

    def codes(self, count: int, n_units: int, n_active: int) -> CodeArray:
        """The codes of the first ``count`` texts, (count, n_active), by the engine's own separation."""
        separation = WinnerTakeAll(self.embedder.dimension, n_units, n_active)
        key = separation.describe()
        made = self._codes.get(key, np.zeros((0, n_active), np.int32))
        if len(made) < count:
            made = np.concatenate([made, separation.encode(self.vectors(count)[len(made) :])])
            self._codes[key] = made
        return made[:count]

    def described(self) -> dict[str, Any] | None:
        """What a report says of the texts; None for made-up ones."""
        if self.folder is None:
            return None
        self.texts(0)
        together = hashlib.sha256("".join(sha for _, sha in self._files).encode()).hexdigest()
        names = [name for name, _ in self._files]
        return {
            "name": f"the texts and sentences of {', '.join(names)}",
            "file": ", ".join(names),
            "sha256": self._files[0][1] if len(self._files) == 1 else together,
            "files": dict(self._files),
            "texts": len(self._texts or []),
            "split": "dev" if all("_dev" in name for name in names) else "whole files",
        }

    def pairs_described(self) -> dict[str, Any]:
        """What a report says of the paraphrases."""
        return {"name": self.pairs.name, "pairs": len(self.pairs), "sha256": self.pairs.sha256}

    def _read(self, folder: Path) -> list[str]:
        if not folder.is_dir():
            raise InvalidInputError(f"--data takes a folder of data sets, got {str(folder)!r}")
        files = [file for pattern in PATTERNS for file in sorted(folder.glob(pattern))]
        if not files:
            raise InvalidInputError(
                f"there is no data set in {str(folder)!r}; looked for {', '.join(PATTERNS)}"
            )
        whole: dict[str, None] = {}
        for file in files:
            dataset = load(file)
            self._files.append((dataset.file, dataset.sha256))
            for group in dataset.groups:
                whole.update(dict.fromkeys(memory.text for memory in group.memories))
        parts = dict.fromkeys(sentence for text in whole for sentence in sentences(text))
        return list({**whole, **parts})
