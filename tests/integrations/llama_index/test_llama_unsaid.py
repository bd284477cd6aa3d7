"""Through LlamaIndex's adapters, a question that nothing answers is recalled with little confidence."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_samples import FACTS, Listener

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock
from tests.fakes import fresh
from tests.unsaid import SAID, UNSAID, confidence


@pytest.fixture
def words() -> AssociativeMemory:
    memory = fresh()
    memory.add(FACTS, session_id="spring", role="user")
    return memory


@pytest.mark.parametrize("limit", [30_000, 120])
def test_chat_engine(words: AssociativeMemory, limit: int) -> None:
    def answer(messages: Sequence[ChatMessage]) -> str:
        return "I cannot tell."

    llm = Listener(answer)
    for session in ("monday", "tuesday"):
        memory = NuonuoMemory(
            memory=words, session_id=session, token_limit=limit, k=2, tokenizer_fn=str.split
        )
        engine = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
        for _ in range(3):
            engine.chat(UNSAID)
    engine.chat(SAID)
    *unsaid, said = [confidence(heard[0].content) for heard in llm.heard]
    assert len(unsaid) == 6 and max(unsaid) < 0.3
    assert said > 0.8


async def test_block(words: AssociativeMemory) -> None:
    block = NuonuoMemoryBlock(memory=words, across_sessions=True)
    unsaid = ChatMessage(role="user", content=UNSAID)
    for session in ("monday", "tuesday"):
        for _ in range(3):
            assert confidence(await block.aget([unsaid], session_id=session)) < 0.3
            await block.aput(
                [unsaid, ChatMessage(role="assistant", content="I cannot tell.")], session_id=session
            )
    assert confidence(await block.aget([ChatMessage(role="user", content=SAID)], session_id="tuesday")) > 0.8
