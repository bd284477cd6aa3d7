"""An embedder without a model, a few facts, and LangChain's fake model, which keeps what it was given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult

from nuonuo import AssociativeMemory, VectorEmbedder

FACTS = [
    "I adopted a beagle called Rex last spring.",
    "Rex is afraid of thunder and hides under the bed.",
    "My sister Ana lives in Lisbon and paints boats.",
    "The garage code is 4471.",
    "We planted two apple trees behind the house.",
    "My dentist is Doctor Lindqvist on Harbour Street.",
]


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


class Listener(GenericFakeChatModel):
    """LangChain's fake model: it says what it is told to, in turn, and keeps what it heard."""

    heard: list[list[BaseMessage]] = []  # noqa: RUF012  pydantic copies it for each model

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.heard.append(list(messages))
        return super()._generate(messages, stop, run_manager, **kwargs)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self


def listener(*answers: str | AIMessage) -> Listener:
    return Listener(messages=iter([AIMessage(each) if isinstance(each, str) else each for each in answers]))


def said(
    engine: AssociativeMemory, session_id: str | None = None, namespace: str | None = None
) -> list[tuple[str | None, str]]:
    """Role and text of each memory, in order."""
    stored = engine.list(namespace=namespace, session_id=session_id)
    return [(memory.role, memory.text) for memory in stored]
