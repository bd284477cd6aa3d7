"""The package: light to import, clear where LangChain is missing; and the embedder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_samples import FACTS, bag_of_words
from langchain_words import Words

import nuonuo_integrations.langchain as package
from nuonuo import AssociativeMemory
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import EmbedderMismatchError, InvalidTypeError
from nuonuo_integrations.langchain import LangChainEmbedder

AGENTS = {"NuonuoMiddleware", "NuonuoStore"}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_every_public_name_is_there() -> None:
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_importing_it_imports_no_framework() -> None:
    loaded = run("import sys, nuonuo_integrations.langchain; print(*sys.modules)").split()
    assert not {
        "langchain",
        "langchain_core",
        "langchain_classic",
        "langgraph",
        "llama_index",
        "torch",
    } & set(loaded)


def without(*packages: str) -> list[str]:
    """For each public name what one sees without ``packages``."""
    return run(
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({packages!r}))\n"
        "from nuonuo.errors import MissingDependencyError\n"
        "import nuonuo_integrations.langchain as package\n"
        "for name in package.__all__:\n"
        "    try:\n"
        "        print(name, getattr(package, name).__name__)\n"
        "    except MissingDependencyError as error:\n"
        "        print(name, error)\n"
    ).splitlines()


def test_without_langchain_the_error_says_what_to_install() -> None:
    lines = without("langchain_core", "langchain", "langgraph")
    assert len(lines) == len(package.__all__)
    for line in lines:
        extra = "agents" if line.split()[0] in AGENTS else "langchain"
        assert f"pip install 'nuonuo[{extra}]'" in line


def test_without_agents_the_rest_works() -> None:
    for line in without("langchain", "langgraph", "llama_index"):
        name = line.split()[0]
        assert ("pip install 'nuonuo[agents]'" in line) if name in AGENTS else line == f"{name} {name}"


def test_an_embeddings_object_is_an_embedder() -> None:
    embedder = LangChainEmbedder(Words())
    assert isinstance(embedder, Embedder)
    assert (embedder.dimension, embedder.token_dimension) == (64, None)
    assert embedder.name == "langchain/Words/words-1"
    vectors = np.concatenate([each.vectors for each in embedder.encode_documents(FACTS)])
    expected = bag_of_words(FACTS)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(vectors, expected, atol=1e-6)
    (asked,) = embedder.encode_queries([f"question: {FACTS[0]}"])
    assert np.allclose(asked.vectors[0], expected[0], atol=1e-6)
    assert embedder.encode_documents([]) == []


async def test_the_engine_works_with_it() -> None:
    with AssociativeMemory(embedder=LangChainEmbedder(Words(), name="mine")) as engine:
        engine.add(FACTS)
        assert engine.stats().embedder == "mine"
        assert engine.recall("garage code")[0].memory.text == "The garage code is 4471."
        assert (await engine.arecall("garage code"))[0].memory.text == "The garage code is 4471."


def test_a_file_remembers_its_embeddings(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    words = LangChainEmbedder(Words())
    AssociativeMemory.open(path, embedder=words).close()
    with pytest.raises(EmbedderMismatchError, match="langchain/Words/words-1"):
        AssociativeMemory.open(path, embedder=LangChainEmbedder(DeterministicFakeEmbedding(size=64)))
    AssociativeMemory.open(path, embedder=LangChainEmbedder(Words())).close()


def test_what_is_no_embeddings_object_is_an_error() -> None:
    with pytest.raises(InvalidTypeError, match=r"nuonuo\.VectorEmbedder"):
        LangChainEmbedder(bag_of_words)
