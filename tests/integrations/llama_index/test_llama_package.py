"""The package: light to import, clear where LlamaIndex is missing; and the embedder."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings.mock_embed_model import MockEmbedding
from llama_samples import FACTS, bag_of_words

import nuonuo_integrations.llama_index as package
from nuonuo import AssociativeMemory
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import EmbedderMismatchError, InvalidTypeError
from nuonuo_integrations.llama_index import LlamaIndexEmbedder


def test_every_public_name_is_there() -> None:
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_it_imports_no_framework() -> None:
    loaded = run("import sys, nuonuo_integrations.llama_index; print(*sys.modules)").split()
    assert not {"llama_index", "llama_index.core", "langchain_core", "torch"} & set(loaded)


def test_without_llama_index_the_error_says_what_to_install() -> None:
    told = run(
        "import sys\n"
        "sys.modules['llama_index'] = None\n"
        "from nuonuo.errors import MissingDependencyError\n"
        "import nuonuo_integrations.llama_index as package\n"
        "for name in package.__all__:\n"
        "    try:\n"
        "        getattr(package, name)\n"
        "    except MissingDependencyError as error:\n"
        "        print(name, error)\n"
    )
    lines = told.splitlines()
    assert len(lines) == len(package.__all__)
    assert all("pip install 'nuonuo[llama-index]'" in line for line in lines)


def test_it_works_without_langchain() -> None:
    told = run(
        "import sys\n"
        "sys.modules['langchain_core'] = sys.modules['langchain_classic'] = sys.modules['langchain'] = None\n"
        "from nuonuo_integrations.llama_index import *\n"
        "print(NuonuoMemory.class_name(), NuonuoRetriever.__name__)\n"
    )
    assert told.split() == ["NuonuoMemory", "NuonuoRetriever"]


class Words(BaseEmbedding):
    """An embedding model of LlamaIndex's kind, with another prompt for questions."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return bag_of_words([text])[0].tolist()

    def _get_query_embedding(self, query: str) -> list[float]:
        return bag_of_words([query.removeprefix("question: ")])[0].tolist()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def test_an_embedding_model_is_an_embedder() -> None:
    embedder = LlamaIndexEmbedder(Words(model_name="words-1", embed_batch_size=2))
    assert isinstance(embedder, Embedder)
    assert (embedder.dimension, embedder.token_dimension) == (64, None)
    assert embedder.name == "llama_index/Words/words-1" or "words-1" in embedder.name
    vectors = np.concatenate([each.vectors for each in embedder.encode_documents(FACTS)])
    expected = bag_of_words(FACTS)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(vectors, expected, atol=1e-6)
    (asked,) = embedder.encode_queries([f"question: {FACTS[0]}"])
    assert np.allclose(asked.vectors[0], expected[0], atol=1e-6)
    assert embedder.encode_documents([]) == []


async def test_the_engine_works_with_it() -> None:
    with AssociativeMemory(embedder=LlamaIndexEmbedder(Words(), name="mine")) as engine:
        engine.add(FACTS)
        assert engine.stats().embedder == "mine"
        assert engine.recall("garage code")[0].memory.text == "The garage code is 4471."
        assert (await engine.arecall("garage code"))[0].memory.text == "The garage code is 4471."


def test_a_file_remembers_its_embedding_model(tmp_path) -> None:
    path = tmp_path / "m.db"
    AssociativeMemory.open(
        path, embedder=LlamaIndexEmbedder(MockEmbedding(embed_dim=8, model_name="a"))
    ).close()
    with pytest.raises(EmbedderMismatchError):
        AssociativeMemory.open(path, embedder=LlamaIndexEmbedder(MockEmbedding(embed_dim=8, model_name="b")))
    AssociativeMemory.open(
        path, embedder=LlamaIndexEmbedder(MockEmbedding(embed_dim=8, model_name="a"))
    ).close()


def test_what_is_no_embedding_model_is_an_error() -> None:
    with pytest.raises(InvalidTypeError, match=r"nuonuo\.VectorEmbedder"):
        LlamaIndexEmbedder(bag_of_words)
