"""Branches: what a question names opens one, each is followed to its end, and the evidence tells the way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nuonuo import AssociativeMemory, MemoryConfig
from nuonuo.recall.branches import MANY, named
from nuonuo.recall.pipeline import Ranking, recall
from tests.fakes import WordEmbedder

FILMS = [
    "Amber Harbour\nA film that was directed by Tamsin Okafor.",
    "Velvet Quarry\nA film that was directed by Ruben Lindqvist.",
    "Tamsin Okafor\nShe grew up near a lighthouse with Pia Holm.",
    "Ruben Lindqvist\nHe grew up on a farm with Olaf Berg.",
    "Pia Holm\nShe is a baker.",
    *(f"Older Film{n}\nIt has the older director of any film, of two or of one." for n in range(70)),
]
QUESTION = "Which film has the older director, Amber Harbour or velvet quarry?"


def filled(texts: list[str], **changes: Any) -> AssociativeMemory:
    memory = AssociativeMemory(embedder=WordEmbedder(), config=MemoryConfig(**changes))
    memory.add(texts)
    return memory


def ranked(memory: AssociativeMemory, query: str = QUESTION, k: int = 10) -> Ranking:
    question = memory._encoder.question(query)
    with memory._shards.reading("default") as shard:
        return recall(shard, question, k, shard.alive, memory.config)


def test_both_branches_are_followed_to_their_ends() -> None:
    with filled(FILMS) as memory:
        hits = {hit.memory.text: hit for hit in memory.recall(QUESTION)}
        assert set(FILMS[:4]) <= set(hits)
        for film, director in ((FILMS[0], FILMS[2]), (FILMS[1], FILMS[3])):
            (link,) = hits[director].evidence.path
            assert (link.source_id, link.target_id) == (hits[film].memory.id, hits[director].memory.id)
            assert (link.kind, link.words) == ("name", (director.split("\n")[0],))
            assert "named" in hits[film].evidence.signals
            assert hits[director].score <= hits[film].score + 1e-6  # a question is read from its beginning


@pytest.mark.parametrize("off", ["naming_weight", "content_weight"])
def test_without_links_by_title_the_ends_stay_behind(off: str) -> None:
    with filled(FILMS, **{off: 0}) as memory:
        assert not {FILMS[2], FILMS[3]} <= {hit.memory.text for hit in memory.recall(QUESTION)}


def test_a_further_hop_is_told_from_its_beginning() -> None:
    query = "What is the work of whom the director of Amber Harbour grew up with?"
    with filled(FILMS) as memory:
        end = next(hit for hit in memory.recall(query, 80) if hit.memory.text == FILMS[4])
        assert [link.words for link in end.evidence.path] == [("Tamsin Okafor",), ("Pia Holm",)]
        first, second = end.evidence.path
        assert first.target_id == second.source_id
    with filled(FILMS, hop_weight=0) as memory:
        assert all(len(hit.evidence.path) < 2 for hit in memory.recall(query, 80))


def test_a_name_in_common_leads_from_what_is_named() -> None:
    texts = [
        "Kohu Suburb\nIt lies by Mirren Bay.",
        "They say that the ferry leaves Mirren Bay at nine.",
        *(f"Another {n}\nThe ferry to a suburb leaves at noon." for n in range(70)),
    ]
    with filled(texts) as memory:
        hits = memory.recall("When does the ferry leave near Kohu Suburb?")
        (link,) = next(hit for hit in hits if hit.memory.text == texts[1]).evidence.path
        assert (link.kind, link.words) == ("name", ("Mirren Bay",))


def test_who_is_named_is_meant_in_any_letters_and_by_the_longest_name() -> None:
    texts = ["New Hope\nA town.", "Hope\nA feeling.", "Women of New Hope\nA film.", "nothing"]
    with filled(texts) as memory, memory._shards.reading("default") as shard:

        def rows(query: str) -> list[int]:
            return named(shard, memory._encoder.question(query), shard.alive, memory.config).rows.tolist()

        assert rows("Who made Women Of New Hope?") == [2]
        assert rows("who made women of new hope and hope?") == [1, 2]
        assert rows("Where is new hope?") == [0]
        assert rows("Where is it?") == []
        only = np.array([True, False, True, True])
        found = named(shard, memory._encoder.question("What is Hope?"), only, memory.config)
        assert found.rows.tolist() == []


PEOPLE = [
    "Les Briley\nA footballer who was trained by Tamsin Okafor.",
    "Jean Carbone\nA footballer who was trained by Ruben Lindqvist.",
    *FILMS[2:5],
    *(f"Older Trainer{n}\nA trainer older than any footballer, than two or one." for n in range(70)),
]


@pytest.mark.parametrize("names", ["Briley or Carbone", "briley or carbone"])
def test_a_family_name_opens_a_branch(names: str) -> None:
    question = f"Which footballer has the older trainer, {names}?"
    with filled(PEOPLE) as memory:
        hits = {hit.memory.text: hit for hit in memory.recall(question)}
        assert set(PEOPLE[:4]) <= set(hits)
        assert all("named" in hits[text].evidence.signals for text in PEOPLE[:2])
    with filled(PEOPLE, sharing_weight=0) as memory:
        assert len(ranked(memory, question).named.rows) == 0


def test_a_name_that_nobody_is_called_by_means_those_that_have_it_each_the_less() -> None:
    for count in (1, 3, MANY, MANY + 1):
        texts = [f"I saw Ann Lee at number {n}." for n in range(count)] + ["Lee\nA river."]
        with filled([*texts, *(f"Nothing {n}." for n in range(30))]) as memory:
            who = ranked(memory, "Where did I see Ann Lee?").named
            if count > MANY:
                assert who.rows.tolist() == [count], "the river"
                continue
            assert who.rows.tolist() == [*range(count)]
            assert who.branch.tolist() == [0] * count
            n = count + 31
            weight = np.log(n / count) / np.log(n) / count
            assert who.weight == pytest.approx([weight] * count, rel=1e-5)


def test_a_turn_that_names_somebody_is_about_much_else() -> None:
    texts = ["Milk.", "I met Ines at the pottery class.", "She runs a bakery called Three Ovens."]
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        memory.add(texts, session_id="s")
        who = ranked(memory, "Which bakery runs Ines?").named
        assert who.rows.tolist() == []
        assert memory.recall("Which bakery runs Ines?")[0].memory.text == texts[2]


def test_a_name_of_many_means_none_of_them() -> None:
    for count, meant in ((MANY, MANY), (MANY + 1, 0)):
        with filled([f"Ann Lee ({n})\nShe has the number {n}." for n in range(count)]) as memory:
            assert len(ranked(memory, "Who is Ann Lee?").named.rows) == meant


def test_what_naming_gives_is_as_the_formula_says() -> None:
    with filled(FILMS) as memory:
        ranking, config, n = ranked(memory), memory.config, len(FILMS)
    scored = ranking.scored
    given = dict(zip(scored.rows.tolist(), scored.shares.named.tolist(), strict=True))
    rarity = np.log(n / 1) / np.log(n)  # each title stands in its own memory alone
    wanted = config.content_weight * config.naming_floor * rarity
    assert {row: share for row, share in given.items() if share} == pytest.approx({0: wanted, 1: wanted})
    own, weights = scored.own.completions, ranking.weights
    place = {row: at for at, row in enumerate(scored.rows.tolist())}
    for film, director in ((0, 2), (1, 3)):
        strength = np.log(n / 2) / np.log(n)  # the director's name stands in both memories
        gain = np.maximum(own[place[director]] - own[place[film]], 0) @ weights
        flowed = config.content_weight * strength * (config.naming_floor + gain)
        assert scored.shares.content[place[director]] == pytest.approx(flowed, abs=1e-5)


def test_a_walk_goes_along_names() -> None:
    with filled(FILMS[:5]) as memory:
        chain = memory.chain("Amber Harbour", hops=2)
        assert [step.memory.text for step in chain][:3] == [FILMS[0], FILMS[2], FILMS[4]]
        assert [step.kind for step in chain][1:3] == ["name", "name"]
        assert [step.words for step in chain][:3] == [(), ("Tamsin Okafor",), ("Pia Holm",)]


@pytest.mark.parametrize("k", [10, 12, 30])
def test_the_first_ten_leave_no_branch_without_its_end(k: int) -> None:
    with filled(
        FILMS, content_weight=1.0, together=10
    ) as memory:  # so little flows that the ends stay behind
        result = memory.recall(QUESTION, k)
        hits = {hit.memory.text: hit.evidence.signals for hit in result[:10]}
        assert set(FILMS[:4]) <= set(hits)
        assert hits[FILMS[3]]["branch"] > 0
        ranks = [hit.evidence.rank for hit in result]
        assert all(after <= before + 1e-5 for before, after in pairwise(ranks))
        assert all("branch" not in hit.evidence.signals for hit in memory.recall(QUESTION, 9))
        one = memory.recall("Which film has the older director of any, Amber Harbour?", k)
        assert all("branch" not in hit.evidence.signals for hit in one)


def test_the_end_of_a_branch_speaks_as_far_as_the_question_stays_open() -> None:
    flows = []
    for known in ("", " Her work is great, and what the work of whom she grew up with is."):
        with filled([*FILMS[:2], FILMS[2] + known, *FILMS[3:]]) as memory:
            ranking = ranked(
                memory, "What is the work of whom the director of Amber Harbour grew up with?", 20
            )
            shares, rows = ranking.scored.shares, ranking.scored.rows.tolist()
            flows.append(float(shares.content[rows.index(4)]))
    assert flows[0] > flows[1] >= 0


def test_a_title_is_found_by_its_short_forms_unless_another_has_them_whole() -> None:
    king = "Oskar II of Norrland\nHe grew up near a lighthouse."
    speaks = "Runa Holm\nShe was married to Oskar II for a year."
    query = "Where did the husband of Runa Holm grow up?"
    for texts, path in (
        ([king, speaks, *FILMS], [("Oskar II",)]),
        ([king, speaks, "Oskar II\nA ship of the navy that grew old.", *FILMS], None),
    ):
        with filled(texts) as memory:
            end = next((hit for hit in memory.recall(query, 20) if hit.memory.text == king), None)
            assert end is not None
            assert [link.words for link in end.evidence.path] == path or path is None
            named_too = memory.recall("Where did Oskar II grow up?", 20)
            signals = {hit.memory.text: hit.evidence.signals for hit in named_too}
            assert ("named" in signals[king]) == (path is not None)
