"""What the LlamaIndex tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core import Settings
from llama_index.core.embeddings.mock_embed_model import MockEmbedding
from llama_index.core.llms import MockLLM
from llama_samples import new_embedder

from nuonuo import AssociativeMemory


@pytest.fixture
def engine() -> Iterator[AssociativeMemory]:
    with AssociativeMemory(embedder=new_embedder()) as memory:
        yield memory


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches for a model that is not here."""
    monkeypatch.setattr(Settings, "_llm", MockLLM())
    monkeypatch.setattr(Settings, "_embed_model", MockEmbedding(embed_dim=8))
