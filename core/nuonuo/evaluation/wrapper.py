"""What embedders share that stand before another one, and go by its name."""

from __future__ import annotations

from nuonuo.encoding.embedders import Embedder


class Wrapper:
    """An embedder before another one: what it does with texts is for its subclass to say.

    Args:
        embedder: the other one.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def token_dimension(self) -> int | None:
        return self._embedder.token_dimension
