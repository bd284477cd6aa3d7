"""An embedder without a model, a few facts, and models that say what they were given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockFunctionCallingLLM

from nuonuo import AssociativeMemory, VectorEmbedder
from nuonuo_integrations.llama_index import NuonuoMemory

FACTS = [
    "I adopted a beagle called Rex last spring.",
    "Rex is afraid of thunder and hides under the bed.",
    "My sister Ana lives in Lisbon and paints boats.",
    "The garage code is 4471.",
    "We planted two apple trees behind the house.",
    "My dentist is Doctor Lindqvist on Harbour Street.",
]
QUESTION = "What is the garage code?"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
    "e221bc330000000049454e44ae426082"
)


def bag_of_words(texts: list[str]) -> np.ndarray:
    """Each word a fixed random direction, each text the sum of its words: (n, 64)."""
    rows = np.zeros((len(texts), 64))
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()) or [""]:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
            row += np.random.default_rng(seed).standard_normal(64)
    return rows


def new_embedder() -> VectorEmbedder:
    return VectorEmbedder(bag_of_words, name="bag-of-words", dimension=64)


class Listener(MockFunctionCallingLLM):
    """The framework's mock model; it keeps what it was given and answers as it is told."""

    def __init__(self, answer: Callable[[Sequence[ChatMessage]], str | ChatMessage]) -> None:
        heard: list[list[ChatMessage]] = []

        def respond(messages: Sequence[ChatMessage], **kwargs: Any) -> ChatMessage:
            heard.append([message.model_copy(deep=True) for message in messages])
            said = answer(messages)
            return said if isinstance(said, ChatMessage) else ChatMessage(role="assistant", content=said)

        super().__init__(response_generator=respond, is_chat_model=True)
        self._heard = heard

    _heard: list[list[ChatMessage]]

    @property
    def heard(self) -> list[list[ChatMessage]]:
        """The messages of each call."""
        return self._heard


def user(text: str, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="user", content=text, **kwargs)


def assistant(text: str, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="assistant", content=text, **kwargs)


def words(text: str) -> list[str]:
    return text.split()


def make(engine: AssociativeMemory, **kwargs: Any) -> NuonuoMemory:
    return NuonuoMemory(memory=engine, **{"session_id": "now", "tokenizer_fn": words, **kwargs})


def said(messages: Sequence[ChatMessage]) -> list[tuple[str, str | None]]:
    """Role and text of each message."""
    return [(message.role.value, message.content) for message in messages]
