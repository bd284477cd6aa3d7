"""A learned pattern separator in the engine: walks start by its codes, a file remembers whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo import AssociativeMemory, LearnedProjection, MemoryConfig
from nuonuo.errors import EmbedderMismatchError, InvalidInputError, InvalidTypeError
from tests.fakes import WordEmbedder

TEXTS = [f"word{n} stands for thing{n} and sits beside place{n}" for n in range(40)]


def separator(seed: int = 0, n_units: int = 128, n_active: int = 9) -> LearnedProjection:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_units, WordEmbedder().dimension)).astype(np.float32)
    return LearnedProjection(rows, n_active, "random rows")


def test_memories_have_its_codes_in_a_file_too(tmp_path: Path) -> None:
    given, path = separator(), tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), separator=given) as memory:
        ids = memory.add(TEXTS)
        memory.associate(ids[3], ids[30])
        assert (memory.config.n_units, memory.config.n_active) == (128, 9)
    with AssociativeMemory.open(path, embedder=WordEmbedder(), separator=given) as memory:
        with memory._shards.reading("default") as shard:
            vectors = WordEmbedder().encode_documents([TEXTS[3]])[0].vectors[0]
            own = given.encode(np.asarray(vectors, np.float16).astype(np.float32)[None])[0]
            assert shard.associator.code_of(3).tolist() == own.tolist()
            assert shard.associator.n_units == 128
            state = np.asarray(vectors, np.float32)
        chain = memory.chain(state, hops=1)
        assert [step.memory.id for step in chain] == [ids[3], ids[30]]
        assert memory.recall("word7", k=1)[0].memory.text == TEXTS[7]


def test_another_separator_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), separator=separator()) as memory:
        memory.add(TEXTS)
    for other in (None, separator(seed=1), separator(n_active=8)):
        with pytest.raises(EmbedderMismatchError, match=r"learned:random rows.*LearnedProjection\.load"):
            AssociativeMemory.open(path, embedder=WordEmbedder(), separator=other)
    with AssociativeMemory.open(path, embedder=WordEmbedder(), separator=separator()) as memory:
        assert len(memory.list()) == len(TEXTS)


def test_a_file_of_the_engines_own_codes_says_how_it_is_opened(tmp_path: Path) -> None:
    AssociativeMemory.open(tmp_path / "m.db", embedder=WordEmbedder()).close()
    with pytest.raises(EmbedderMismatchError, match="n_units, n_active and separation_seed"):
        AssociativeMemory.open(tmp_path / "m.db", embedder=WordEmbedder(), separator=separator())


class Broken:
    """A separator whose codes are not what its interface promises."""

    n_units, n_active = 128, 3

    def __init__(self, codes: Any) -> None:
        self.codes, self.dimension = codes, WordEmbedder().dimension

    def encode(self, vectors: Any) -> Any:
        return np.repeat(np.array([self.codes]), len(vectors), axis=0)

    def describe(self) -> str:
        return "broken"


@pytest.mark.parametrize(
    ("codes", "error", "says"),
    [
        ([1, 2], InvalidInputError, "shape"),
        ([1, 1, 2], InvalidInputError, "ascending"),
        ([3, 2, 1], InvalidInputError, "ascending"),
        ([1, 2, 128], InvalidInputError, "in \\[0, 128"),
        ([-1, 2, 3], InvalidInputError, "in \\[0, 128"),
        ([0.1, 0.2, 0.3], InvalidTypeError, "unit indices"),
    ],
)
def test_bad_codes_are_told_and_nothing_is_stored(codes: Any, error: type[Exception], says: str) -> None:
    with AssociativeMemory(embedder=WordEmbedder(), separator=Broken(codes)) as memory:
        with pytest.raises(error, match=says):
            memory.add(TEXTS)
        assert not memory.list()


def test_what_is_no_separator_is_told() -> None:
    with pytest.raises(InvalidTypeError, match="separator must have dimension"):
        AssociativeMemory(embedder=WordEmbedder(), separator="weights.npz")  # type: ignore[arg-type]
    short = LearnedProjection(np.eye(64, 3, dtype=np.float32) + 1, 9, "short")
    with pytest.raises(InvalidInputError, match="vectors of dimension 3"):
        AssociativeMemory(embedder=WordEmbedder(), separator=short)
    narrow = LearnedProjection(np.ones((8, WordEmbedder().dimension), np.float32), 2, "narrow")
    with pytest.raises(InvalidInputError, match="n_units must be"):
        AssociativeMemory(embedder=WordEmbedder(), separator=narrow, config=MemoryConfig())
