"""What the LangChain tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("langchain_core")

from langchain_samples import new_embedder

from nuonuo import AssociativeMemory


@pytest.fixture
def engine() -> Iterator[AssociativeMemory]:
    with AssociativeMemory(embedder=new_embedder()) as memory:
        yield memory
