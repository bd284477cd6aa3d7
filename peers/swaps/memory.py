"""`NuonuoMemory` in the place of LangChain's classic conversation memories."""

from __future__ import annotations

from typing import Any

import langchain_classic.memory as theirs
from pydantic import ConfigDict

from nuonuo_integrations.langchain import NuonuoMemory
from peers.swaps.engine import new_engine, put_in_place

_ALL = 1000  # turns: theirs keep a whole conversation


class _Conversation(NuonuoMemory):
    """Theirs leave out what they do not know, such as a window of no turns."""

    model_config = ConfigDict(extra="ignore")

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{"memory": new_engine(), "turns": _ALL, **fields})


class ConversationBufferMemory(_Conversation):
    """The whole conversation."""


class ConversationBufferWindowMemory(_Conversation):
    """Its last turns: their ``k`` is our ``turns``."""

    def __init__(self, *, k: int = 5, **fields: Any) -> None:
        super().__init__(turns=k, **fields)


class ConversationSummaryMemory(_Conversation):
    """Ours has the turns themselves where theirs asks a model for a summary."""

    def __init__(self, *, llm: object, **fields: Any) -> None:
        super().__init__(**fields)


class ConversationSummaryBufferMemory(ConversationSummaryMemory):
    """As `ConversationSummaryMemory`."""


for ours in (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryMemory,
    ConversationSummaryBufferMemory,
):
    put_in_place(getattr(theirs, ours.__name__), ours, "langchain_classic")
