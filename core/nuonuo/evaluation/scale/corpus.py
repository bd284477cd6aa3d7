"""What is measured over, on disk: memories, questions and their vectors, the same for every process."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.embedders import Embedder
from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.evaluation.clock import BATCH
from nuonuo.evaluation.systems.base import first_vectors
from nuonuo.records import Memory

PART = 16 * BATCH  # memories of one file


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder that a run makes and reads; the memories of a smaller size are the first of a larger one."""

    folder: Path

    def write(
        self, memories: Iterable[Memory], questions: Sequence[str], tell: Callable[[int], None]
    ) -> None:
        """Write ``memories`` and ``questions``; call ``tell`` with how many memories each file took."""
        these = iter(memories)
        number = 0
        while part := list(islice(these, PART)):
            with self._part(number).open("wb") as file:
                pickle.dump(part, file, pickle.HIGHEST_PROTOCOL)
            tell(len(part))
            number += 1
        (self.folder / "questions.json").write_text(json.dumps(list(questions)), encoding="utf-8")

    def parts(self, count: int) -> Iterator[list[Memory]]:
        """The first ``count`` memories, `PART` at a time."""
        left, number = count, 0
        while left > 0:
            with self._part(number).open("rb") as file:
                part: list[Memory] = pickle.load(file)
            yield part[:left]
            left, number = left - len(part), number + 1

    def memories(self, count: int) -> Iterator[list[Memory]]:
        """The first ``count`` memories, `BATCH` at a time."""
        for part in self.parts(count):
            for start in range(0, len(part), BATCH):
                yield part[start : start + BATCH]

    def texts(self, count: int) -> list[str]:
        return [memory.text for batch in self.memories(count) for memory in batch]

    @property
    def questions(self) -> list[str]:
        found: list[str] = json.loads((self.folder / "questions.json").read_text(encoding="utf-8"))
        return found

    def embed(self, embedder: Embedder, count: int, tell: Callable[[int], None]) -> None:
        """Write the first vector of each of ``count`` memories and of each question: unit rows, float32."""
        np.save(self.folder / "queries.npy", first_vectors(embedder, self.questions, "query"))
        with self._vectors.open("wb") as file:
            for batch in self.memories(count):
                texts = [memory.text for memory in batch]
                file.write(first_vectors(embedder, texts, "document").tobytes())
                tell(len(batch))

    def vectors(self, count: int, first: int = 0) -> FloatArray:
        """The vectors of ``count`` memories from ``first`` on: (count, d) float32. No file stays mapped."""
        dimension = self.queries.shape[1]
        rows = np.fromfile(self._vectors, np.float32, count * dimension, offset=4 * first * dimension)
        return rows.reshape(count, dimension)

    @property
    def queries(self) -> FloatArray:
        """The vector of each question: (q, d) float32."""
        found: FloatArray = np.load(self.folder / "queries.npy")
        return found

    def put_nearest(self, count: int, rows: npt.NDArray[np.int64]) -> None:
        """Keep which of the first ``count`` memories are nearest to each question: (q, k)."""
        np.save(self._nearest(count), rows)

    def nearest(self, count: int) -> npt.NDArray[np.int64]:
        """What `put_nearest` kept."""
        found: npt.NDArray[np.int64] = np.load(self._nearest(count))
        return found

    def store(self, count: int) -> Path:
        """The memory file of ``count`` memories."""
        return self.folder / f"memories-{count}.db"

    @property
    def _vectors(self) -> Path:
        return self.folder / "vectors.f32"

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{number:05}.pickle"

    def _nearest(self, count: int) -> Path:
        return self.folder / f"nearest-{count}.npy"


Found = dict[str, Any]  # what one process measured: plain JSON values
