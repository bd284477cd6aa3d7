"""Titles: a memory that names another by its title leads to it."""

from __future__ import annotations

import pytest

from nuonuo import AssociativeMemory, Memory, MemoryConfig
from nuonuo.encoding.sentences import title
from tests.fakes import WordEmbedder


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Orlando Sands\nA harbour town.", "Orlando Sands"),
        ("Mercury (planet)\nIt is hot.", "Mercury"),
        ("J. Lee Thompson\nHe made films.", "J. Lee Thompson"),
        ("Do You Believe? (film)\nIt may refer to many.", "Do You Believe?"),
        ("Who cares about it?\nNobody.", ""),
        ("Yes. We shall come\nTomorrow.", ""),
        ("Ann: hello there", ""),
        ("Dear Ann,\nI moved it to Tuesday.", ""),
        ("No title here. Just text.", ""),
        ("", ""),
    ],
)
def test_a_title_is_a_line_of_its_own(text: str, wanted: str) -> None:
    assert title(text) == wanted


PAGES = [
    "Veldt Bridge\nIt was drawn by the engineer Tamsin Okafor in a rainy autumn.",
    "Tamsin Okafor\nShe grew up near a lighthouse and studied in Leeds.",
    *(f"Somebody Else{n}\nShe grew up near a lighthouse and studied in Leeds." for n in range(40)),
]


def test_a_passage_that_names_a_title_leads_to_it() -> None:
    query = "Where did the person who drew Veldt Bridge study?"
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        memory.add(PAGES)
        hits = memory.recall(query, len(PAGES))
        assert hits[0].memory.text.startswith("Veldt")
        flows = {hit.memory.text: hit.evidence.signals.get("content", 0) for hit in hits}
        assert max(flows, key=lambda text: flows[text]) == PAGES[1]
        (named,) = [hit for hit in hits if hit.memory.text == PAGES[1]]
        (link,) = named.evidence.path
        assert (link.kind, link.words) == ("name", ("Tamsin Okafor",))
    with AssociativeMemory(embedder=WordEmbedder(), config=MemoryConfig(naming_weight=0)) as memory:
        memory.add(PAGES)
        weaker = next(hit for hit in memory.recall(query, 42) if hit.memory.text.startswith("Tamsin"))
        assert weaker.evidence.signals.get("content", 0) < named.evidence.signals["content"]


@pytest.mark.parametrize(
    "text", ["東京(とうきょう)タワー\n1958年に完成した。", "Jo(h)n\nx", "Ann's(old)car\nx", "()\nx"]
)
def test_brackets_in_a_title_harm_nothing(text: str) -> None:
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        memory.add("hello")
        memory.add(text)
        assert len(memory.recall("hello")) == 2
        memory.forget(ids=[str(memory.recall("hello")[1].memory.id)])
        assert len(memory.recall("hello")) == 1


def named(question: str, *memories: str | Memory) -> list[str]:
    """What ``question`` names among ``memories`` and forty others."""
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        memory.add([*memories, *(f"It rained in the village on day {n}." for n in range(40))])
        hits = memory.recall(question, len(memories) + 40)
        return [hit.memory.text for hit in hits if "named" in hit.evidence.signals]


def test_what_somebody_says_has_no_title() -> None:
    hello = "Hi\nI moved the dentist to Tuesday."
    assert named("Hi, what is my rent?", hello) == [hello]
    assert named("Hi, what is my rent?", Memory(hello, role="user")) == []


@pytest.mark.parametrize(
    ("question", "does"),
    [
        ("Who made The Village?", True),
        ("Who made Village?", True),
        ("In which village was I born?", False),
        ("Village of my birth?", False),
        ("who made o\u2019neill?", True),
        ("Who made O'Neill?", True),
    ],
)
def test_a_word_is_a_name_where_it_is_written_or_used_as_one(question: str, does: bool) -> None:
    pages = ["The Village\nA film of 2004.", "O'Neill\nA film of 1999."]
    page = pages["neill" in question.casefold()]
    assert named(question, *pages) == [page] * does
