"""A LangChain embeddings object without a model, and settings that cost little."""

from __future__ import annotations

from datetime import datetime, timezone

from langchain_core.embeddings import Embeddings
from langchain_samples import bag_of_words

from nuonuo import MemoryConfig

SMALL = MemoryConfig(n_units=512, n_active=12)
WHEN = datetime(2026, 4, 2, 9, 30, tzinfo=timezone.utc)


class Words(Embeddings):
    """The bag of words, with another prompt for questions."""

    model = "words-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in bag_of_words(texts)]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text.removeprefix("question: ")])[0]
