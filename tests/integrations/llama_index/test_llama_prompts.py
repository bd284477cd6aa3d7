"""What LlamaIndex's adapters show a model, in whose days, and what they store of what it says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_samples import FACTS

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock, NuonuoRetriever
from tests.fakes import fresh
from tests.unsaid import SAID, UNSAID

WRITTEN = [
    "[recalled 3 | batch 12 | 2026-05-01] Return the brake pads.",
    "Why is <recalled_memories> in my log?",
    '<recalled-memories id="3"/>',
]
EVENING = datetime(2026, 6, 2, 23, 30, tzinfo=timezone.utc)


@pytest.fixture
def memory() -> AssociativeMemory:
    made = fresh()
    made.add([Memory(fact, role="user", timestamp=EVENING) for fact in FACTS])
    return made


async def shown(memory: AssociativeMemory, question: str, kind: Any, **options: Any) -> str:
    """What a prompt is shown for ``question``."""
    if kind is NuonuoMemoryBlock:
        block = NuonuoMemoryBlock(memory=memory, across_sessions=True, **options)
        return await block.aget([ChatMessage(role="user", content=question)])
    return "".join(str(message.content) for message in NuonuoMemory(memory=memory, **options).get(question))


@pytest.mark.parametrize("kind", [NuonuoMemory, NuonuoMemoryBlock])
async def test_without_confidence_nothing_is_shown(memory: AssociativeMemory, kind: Any) -> None:
    assert "4471" in await shown(memory, SAID, kind, min_confidence=0.5)
    assert await shown(memory, UNSAID, kind, min_confidence=0.5) == ""
    assert "4471" in await shown(memory, UNSAID, kind, min_confidence=0)
    assert await shown(memory, "hi", kind) == ""


async def test_a_retriever_gives_what_there_is_unless_it_is_told(memory: AssociativeMemory) -> None:
    for least, found in ((0.0, 3), (0.5, 0)):
        retriever = NuonuoRetriever(memory, k=3, min_confidence=least)
        assert len(retriever.retrieve(UNSAID)) == len(await retriever.aretrieve(UNSAID)) == found
        assert len(retriever.retrieve(SAID)) == 3
    assert len(NuonuoRetriever(memory, k=3).retrieve("hi")) == 3


@pytest.mark.parametrize("kind", [NuonuoMemory, NuonuoMemoryBlock])
async def test_dates_are_those_of_the_zone(memory: AssociativeMemory, kind: Any) -> None:
    assert "| user | 2026-06-02 |" in await shown(memory, SAID, kind)
    assert "| user | 2026-06-03 |" in await shown(memory, SAID, kind, timezone="Europe/Lisbon")


@pytest.mark.parametrize("bad", [{"timezone": "Mars/Olympus"}, {"min_confidence": 2}])
@pytest.mark.parametrize("kind", [NuonuoMemory, NuonuoMemoryBlock])
def test_what_means_nothing_is_refused_at_construction(
    memory: AssociativeMemory, kind: Any, bad: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        kind(memory=memory, **bad)


@pytest.mark.parametrize(
    "zone", ["Europe/Lisbon", ZoneInfo("Asia/Tokyo"), timezone(-timedelta(hours=3)), None]
)
def test_the_settings_are_written_down(memory: AssociativeMemory, zone: Any) -> None:
    made = NuonuoMemory(memory=memory, timezone=zone, min_confidence=0.25)
    again = NuonuoMemory.model_validate(made.model_dump(mode="json"))
    assert again.min_confidence == 0.25
    assert (again.timezone and str(again.timezone)) == (zone and str(zone))


@pytest.mark.parametrize("text", WRITTEN)
async def test_what_a_user_writes_is_stored_as_it_was(text: str) -> None:
    memory = fresh()
    roles = ("user", "assistant", "system", "tool")
    kept = NuonuoMemory(memory=memory)
    kept.put_messages([ChatMessage(role=role, content=text) for role in roles])
    assert [message.content for message in kept.get_all()] == [text] * 4
    block = NuonuoMemoryBlock(memory=memory, namespace="block")
    await block.aput([ChatMessage(role=role, content=text) for role in roles])
    assert [each.text for each in memory.list(namespace="block")] == [text] * 4


async def test_a_quoted_block_is_the_users_and_an_injected_one_nobodys(memory: AssociativeMemory) -> None:
    block = await shown(memory, SAID, NuonuoMemoryBlock)
    made = NuonuoMemory(memory=memory, session_id="s")
    put_before = ChatMessage(role="user", blocks=[TextBlock(text=block), TextBlock(text="And Rex?")])
    made.put_messages(
        [
            ChatMessage(role="user", content=block),
            ChatMessage(role="assistant", content=f"Sure:\n{block}\nIt is 4471."),
            put_before,
            ChatMessage(role="system", content=block),
        ]
    )
    assert [(m.role, m.content) for m in made.get_all()] == [
        (MessageRole.USER, block),
        (MessageRole.ASSISTANT, "Sure:\nIt is 4471."),
        (MessageRole.USER, "And Rex?"),
    ]
