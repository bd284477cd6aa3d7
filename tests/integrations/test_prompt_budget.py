"""How much of what is recalled a prompt has room for, alone and beside the newest turns."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import Evidence, Hit, Memory, Recall
from nuonuo_integrations._prompt import approximate_tokens, fit, fit_turns, render
from tests.integrations.prompts import long_hit, parsed, recall_of
from tests.integrations.test_prompt import RECALL

PROSE = st.text("abc äö漢字.,!", min_size=1, max_size=30).map(str.strip).filter(bool)
FRAME = "[recalled 1 | note | 0123456789]"


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
        frame = words(FRAME) if text else words(render(recall_of("-"))) - 1
        assert words(text) + frame + least > budget
    assert fit(recall, None, words) == render(recall)


def test_the_best_come_first_and_what_is_too_long_gives_way() -> None:
    text = fit(recall_of("long " * 100, "two", "three"), 60, words)
    assert parsed(text) == [("note", ["two"]), ("note", ["three"])]


# -- passages -----------------------------------------------------------------------------------------

BEFORE, ANSWER, AFTER = "Much before it. " * 40, "The code of the garage is 4471.", " And much after it." * 40


def long_first(passage: str | None, *others: str, text: str = BEFORE + ANSWER + AFTER) -> Recall:
    first = long_hit(Memory(text, id="long"), passage)
    return Recall("what?", (first, *recall_of(*others).hits), 0.9)


def test_a_memory_that_is_too_long_is_shown_by_the_passage_that_answers() -> None:
    idle = [f"Idle note {at}." for at in range(4)]
    recall = long_first(ANSWER, *idle)
    shown = parsed(fit(recall, 80, words))
    assert shown[0] == ("note", [f"[...] {ANSWER} [...]"])
    assert shown[1] == ("note", [idle[0]])
    assert parsed(fit(recall, 1000, words))[0] == ("note", [recall[0].memory.text])  # where there is room
    assert fit(recall, None) == render(recall)
    assert parsed(fit(long_first(None, *idle), 80, words))[0] == ("note", [idle[0]])


@pytest.mark.parametrize(
    ("passage", "text", "shown"),
    [
        (ANSWER, ANSWER + AFTER, f"{ANSWER} [...]"),
        (ANSWER, BEFORE + ANSWER, f"[...] {ANSWER}"),
        (f"\n{ANSWER}\n", BEFORE + f"\n{ANSWER}\n" + AFTER, f"[...] {ANSWER} [...]"),
    ],
)
def test_where_a_passage_was_cut_is_marked(passage: str, text: str, shown: str) -> None:
    assert parsed(fit(long_first(passage, text=text), 60, words)) == [("note", [shown])]


@given(st.lists(st.tuples(PROSE, st.integers(1, 60)), min_size=1, max_size=5), st.integers(0, 150))
@settings(max_examples=100, deadline=None)
def test_passages_keep_to_the_budget_and_none_gives_way_to_a_worse_one(
    texts: list[tuple[str, int]], budget: int
) -> None:
    hits = [
        long_hit(Memory(" ".join([text] * times), id=str(at)), text) for at, (text, times) in enumerate(texts)
    ]
    shown = fit(Recall("what?", tuple(hits), 0.5), budget, words)
    assert words(shown) <= budget or not shown
    first = words(
        fit(Recall("what?", (hits[0],), 0.5), None, words).replace(hits[0].memory.text, texts[0][0])
    )
    if first + 2 <= budget:  # two marks of where it was cut
        assert shown and texts[0][0] in shown


# -- beside the newest turns --------------------------------------------------------------------------

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
    fitted = fit_turns("what?", turns, ids, recall, max_tokens=70, count=words)
    assert fitted.turns == 1
    assert "the old turn" in fitted.recalled
    assert "the new turn" not in fitted.recalled


def test_a_counter_may_give_the_tokens_themselves() -> None:
    assert fit(RECALL, 50, str.split) == fit(RECALL, 50, words) != ""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("собака", 3), ("我的狗", 3), ("ünïcödé!", 2)],
)
def test_tokens_are_counted_by_script(text: str, tokens: int) -> None:
    assert approximate_tokens(text) == tokens
