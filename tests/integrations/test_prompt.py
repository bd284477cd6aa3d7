"""What is injected into a prompt: its marks, its budget, and how it is taken out of what a model says."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import Evidence, Hit, Link, Memory, Recall
from nuonuo_integrations._prompt import NOTE, approximate_tokens, fit, fit_turns, render, strip

WHEN = datetime(2026, 3, 4, 18, 30, tzinfo=timezone.utc)
CHAIN = (Link("a", "b", "content", 0.5, ("rex", "park")),)


def recall_of(*texts: str, **fields: object) -> Recall:
    memories = [Memory(text, id=str(at), **fields) for at, text in enumerate(texts)]
    return Recall("what?", tuple(Hit(memory, 1.0, Evidence({})) for memory in memories), 0.5)


RECALL = Recall(
    "What scares my dog?",
    (
        Hit(Memory("I adopted Rex.\nHe is a beagle.", "user", WHEN, id="a"), 1.0, Evidence({})),
        Hit(Memory("Rex fears thunder.", role="assistant", id="b"), 0.9, Evidence({}, path=CHAIN)),
        Hit(Memory("It rained.", id="c"), 0.8, Evidence({}, path=(Link("b", "c", "temporal", 1.0),))),
        Hit(Memory("Ana paints.", id="d"), 0.7, Evidence({}, path=(Link("x", "d", "explicit", 1.0),))),
        Hit(Memory("Boats.", id="e"), 0.6, Evidence({}, path=(Link("d", "e", "explicit", 1.0),))),
    ),
    0.934,
)
SHOWN = f"""\
<recalled_memories confidence="0.93">
{NOTE}
[recalled 1 | user | 2026-03-04] I adopted Rex.
    He is a beagle.
[recalled 2 | assistant | shares "rex" and "park" with 1] Rex fears thunder.
[recalled 3 | note | said next to 2] It rained.
[recalled 4 | note] Ana paints.
[recalled 5 | note | associated with 4] Boats.
</recalled_memories>"""


def test_each_memory_is_shown_with_who_when_and_by_what_chain() -> None:
    assert render(RECALL) == SHOWN


def test_nothing_recalled_is_nothing_shown() -> None:
    assert render(Recall("what?", (), 0.0)) == ""
    assert fit(Recall("what?", (), 0.0), 100) == ""


@pytest.mark.parametrize(
    ("echo", "left"),
    [
        (SHOWN, ""),
        (f"Before.\n{SHOWN}\nAfter.", "Before.\nAfter."),
        (f"Before. {SHOWN} After.", "Before. After."),
        (f"{SHOWN}{SHOWN}Twice.", "Twice."),
        (f"Sure:\n```xml\n{SHOWN}\n```\nDone.", "Sure:\nDone."),
        ("> " + SHOWN.replace("\n", "\n> ") + "\n\nYour dog is Rex.", "Your dog is Rex."),
        (SHOWN.replace("<", "&lt;").replace(">", "&gt;") + " Rex.", "Rex."),
        (SHOWN.replace("_", r"\_") + " Rex.", "Rex."),
        (SHOWN.upper() + "\nRex.", "Rex."),
        ("< Recalled Memories >\nsomething new\n</ recalled memories >\nRex.", "Rex."),
        ("[recalled_memories]\nsomething new\n[/recalled_memories]\nRex.", "Rex."),
        (SHOWN.rpartition("\n")[0] + "\n\nRex it is.", "Rex it is."),  # the closing tag is missing
        (SHOWN.partition("\n")[2] + "\nRex it is.", "Rex it is."),  # the opening tag is missing
        (SHOWN[80:] + "\nRex it is.", "Rex it is."),  # it begins in the middle of the note
        ("You said:\n[recalled 1 | user | 2026-03-04] I adopted Rex.\n    He is a beagle.\nSo it is Rex.",
         "You said:\nSo it is Rex."),
        ("- [recalled 1 | user] I adopted Rex.\n2. **[recalled 2 | note]** It rained.\n", ""),
        ("Hello </recalled_memories>, friend", "Hello , friend"),
    ],
)  # fmt: skip
def test_an_echo_is_taken_out(echo: str, left: str) -> None:
    assert strip(echo) == left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  Rex.\n\n\n    indented  ",
        "I have recalled memories of it.",
        "Use <b>bold</b> and ```code```.",
        "As [recalled 1 | user] has it, Rex is a beagle.",  # said about it, no copy of it
        "[recalled] 1",
    ],
)
def test_what_is_no_echo_stays_as_it_is(text: str) -> None:
    assert strip(text) == text


PIECES = st.sampled_from(
    ["<recalled_memories>", "</recalled_memories>", "&lt;recalled_memories&gt;", "[/recalled_memories]",
     "[recalled 7 | user] ", NOTE, "```", "\n", "\n    ", "> ", "a", " "]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(PIECES, st.text(max_size=8)), min_size=1, max_size=8).map("".join)
PROSE = st.text("abc äö漢字.,!", min_size=1, max_size=30).map(str.strip).filter(bool)


@given(st.lists(HOSTILE.filter(str.strip), min_size=1, max_size=4), PROSE, PROSE)
@settings(max_examples=150, deadline=None)
def test_whatever_was_stored_all_of_the_block_goes_and_nothing_else(
    texts: list[str], before: str, after: str
) -> None:
    block = render(recall_of(*texts, role="user", timestamp=WHEN))
    assert strip(f"{before}\n{block}\n{after}") == f"{before}\n{after}"
    lines = block.partition("\n")[2].rpartition("\n")[0]  # without its tags
    assert strip(f"{before}\n{lines}\n{after}") == f"{before}\n{after}"


@given(HOSTILE)
@settings(max_examples=150, deadline=None)
def test_stripping_twice_is_stripping_once(text: str) -> None:
    once = strip(text)
    assert strip(once) == once
    assert "<recalled_memories>" not in once


def test_a_long_text_of_tags_is_stripped_in_reasonable_steps() -> None:
    # A quadratic regex would not end: this is a megabyte of beginnings.
    assert strip("<recalled_memories " * 50_000 + "x").endswith("x")
    assert strip("`" * 100_000 + " " * 100_000 + "x").endswith("x")


def words(text: str) -> int:
    return len(text.split())


@given(st.lists(PROSE, max_size=6), st.integers(0, 120))
@settings(max_examples=100, deadline=None)
def test_what_fits_keeps_to_the_budget_and_wastes_none_of_it(texts: list[str], budget: int) -> None:
    recall = recall_of(*texts)
    text = fit(recall, budget, words)
    assert words(text) <= budget or not text
    shown = [hit for hit in recall if f"] {hit.memory.text}\n" in text]
    if len(shown) < len(recall):
        # Not one more of those left out would fit.
        least = min(words(hit.memory.text) for hit in recall if hit not in shown)
        frame = words("[recalled 1 | note]") if text else words(render(recall_of("-"))) - 1
        assert words(text) + frame + least > budget
    assert fit(recall, None, words) == render(recall)


def test_the_best_come_first_and_what_is_too_long_gives_way() -> None:
    recall = recall_of("long " * 100, "two", "three")
    text = fit(recall, 50, words)
    assert "[recalled 1 | note] two" in text
    assert "[recalled 2 | note] three" in text
    assert "long" not in text


TURNS = st.lists(PROSE, max_size=6)


@given(PROSE, TURNS, TURNS, st.integers(1, 4), st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_turns_and_recalled_share_what_the_question_leaves(
    question: str, turns: list[str], other: list[str], k: int, budget: int
) -> None:
    ids = [f"t{at}" for at in range(len(turns))]
    hits = [Hit(Memory(text, id=id), 1.0, Evidence({})) for text, id in zip(turns, ids, strict=True)]
    hits += [Hit(Memory(text, id=f"o{at}"), 0.5, Evidence({})) for at, text in enumerate(other)]

    def recall(shown: Collection[str]) -> Recall:
        return Recall(question, tuple(hit for hit in hits if hit.memory.id not in shown)[:k], 0.5)

    fitted = fit_turns(question, turns, ids, recall, max_tokens=budget, count=words)
    kept = turns[len(turns) - fitted.turns :]
    assert sum(map(words, kept)) + words(fitted.recalled) <= max(0, budget - words(question))
    assert fitted.recalled.count("[recalled ") <= k
    # Without a limit everything is there, and nothing twice.
    free = fit_turns(question, turns, ids, recall)
    assert free.turns == len(turns)
    assert free.recalled == render(Recall(question, tuple(hits[len(turns) :][:k]), 0.5))


def test_a_turn_that_is_shown_is_not_recalled_and_one_that_is_cut_can_be() -> None:
    hits = recall_of("the old turn", "the new turn", "another day").hits

    def recall(shown: Collection[str]) -> Recall:
        return Recall("what?", tuple(hit for hit in hits if hit.memory.id not in shown), 0.5)

    turns, ids = ["the old turn " * 30, "the new turn"], ["0", "1"]
    fitted = fit_turns("what?", turns, ids, recall, max_tokens=60, count=words)
    assert fitted.turns == 1
    assert "the old turn" in fitted.recalled
    assert "the new turn" not in fitted.recalled


def test_a_counter_may_give_the_tokens_themselves() -> None:
    assert fit(RECALL, 40, str.split) == fit(RECALL, 40, words) != ""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("собака", 3), ("我的狗", 3), ("ünïcödé!", 2)],
)
def test_tokens_are_counted_by_script(text: str, tokens: int) -> None:
    assert approximate_tokens(text) == tokens
