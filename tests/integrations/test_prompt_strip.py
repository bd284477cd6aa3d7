"""What was injected is taken out of what a model says, in whatever form; what anyone wrote stays."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo_integrations._prompt import NOTE, as_said, is_injected, render, strip
from nuonuo_integrations._prompt.marks import mark_of_block, mark_of_words, marks
from tests.integrations.prompts import WHEN, recall_of, unmarked
from tests.integrations.test_prompt import RECALL

BLOCK = render(RECALL)
OPEN, _, *LINES, CLOSE = BLOCK.split("\n")
FIRST, SECOND = "\n".join(LINES[:2]), LINES[2]
LABEL, BODY = SECOND[: SECOND.index("]") + 1], "Rex fears thunder."


@pytest.mark.parametrize(
    ("echo", "left"),
    [
        (BLOCK, ""),
        (f"Before.\n{BLOCK}\nAfter.", "Before.\nAfter."),
        (f"Before. {BLOCK} After.", "Before. After."),
        (f"{BLOCK}{BLOCK}Twice.", "Twice."),
        (f"Sure:\n```xml\n{BLOCK}\n```\nDone.", "Sure:\nDone."),
        ("> " + BLOCK.replace("\n", "\n> ") + "\n\nYour dog is Rex.", "Your dog is Rex."),
        (BLOCK.replace("<", "&lt;").replace(">", "&gt;") + " Rex.", "Rex."),
        (re.sub(r"([_\[\]])", r"\\\1", BLOCK) + " Rex.", "Rex."),
        (BLOCK.upper() + "\nRex.", "Rex."),
        (BLOCK.title() + "\nRex.", "Rex."),
        (" ".join(BLOCK.split()) + " Rex it is.", "Rex it is."),
        (BLOCK.replace("_", " ").replace("<", "< ") + "\nRex.", "Rex."),
        (BLOCK.replace("_", "-") + "\nRex.", "Rex."),
        (BLOCK.replace("<", "[").replace(">", "]") + "\nRex.", "Rex."),
        (BLOCK.replace("> \n", ">\n\n").replace(' confidence="0.93"', "") + "\nRex.", "Rex."),
        (f"{OPEN}\nsomething new\n{CLOSE}\nRex.", "Rex."),
        (BLOCK.rpartition("\n")[0] + "\n\nRex it is.", "Rex it is."),  # the closing tag is missing
        (BLOCK.partition("\n")[2] + "\nRex it is.", "Rex it is."),  # the opening tag is missing
        (BLOCK[80:] + "\nRex it is.", "Rex it is."),  # it begins in the middle of the note
        (f"You said:\n{FIRST}\nSo it is Rex.", "You said:\nSo it is Rex."),
        (f"- {FIRST}\n2. **{LABEL}** {BODY}\n", ""),
        (" ".join(LINES) + " Rex it is.", "Rex it is."),
        ("\n".join([*LINES[2:], *LINES[:2]]) + "\nRex.", "Rex."),
        (f"{LABEL}\n{BODY}\nRex.", "Rex."),
        (f"You said: {SECOND} So it is Rex.", "You said: So it is Rex."),  # to its last word, and no further
        (f"{SECOND} So it is Rex.", "So it is Rex."),
        (f"| {SECOND.strip('[').replace('] ', ' | ')} |\nRex.", "Rex."),
        (SECOND.replace("[", "(").replace("]", ")").replace(" |", ",") + " So.", "So."),
        (f"{LABEL} rex FEARS, *thunder*!!\nRex.", "Rex."),
        (f"- {LABEL} Rex is afraid of thunder.\nSo is mine.", "So is mine."),  # said in other words
        (f"Yes, he does {LABEL}.", "Yes, he does."),
        (f"As {LABEL} has it, he does.", "As has it, he does."),
        (f"Hello {CLOSE}, friend", "Hello, friend"),
        (f"{LABEL} says that he does, so close the windows.", "says that he does, so close the windows."),
    ],
    ids=itertools.count(),  # a mark is new in each process, and a test's name must not be
)  # fmt: skip
def test_an_echo_is_taken_out(echo: str, left: str) -> None:
    assert strip(echo) == left


def test_an_echo_that_breaks_off_leaves_nothing_of_a_memory() -> None:
    for end in range(len(OPEN) + 2, len(BLOCK) + 1):
        assert strip(BLOCK[:end]) == ""


WRITTEN = [
    "",
    "  Rex.\n\n\n    indented  ",
    "I have recalled memories of it.",
    "Use <b>bold</b> and ```code```.",
    "As [recalled 1 | user] has it, Rex is a beagle.",
    "[recalled 3 | batch 12 | 2026-05-01] Return the brake pads.",
    "Why is <recalled_memories> in my log? And </recalled_memories>?",
    '<recalled-memories id="3">\n  <item>x</item>\n</recalled-memories>',
    "[recalled 1 | user | 2026-03-04 | abcdefghjk] I adopted Rex.",
    NOTE,
    unmarked(BLOCK),  # as it was written down before there were marks
    "[recalled] 1",
]


@pytest.mark.parametrize("text", WRITTEN, ids=itertools.count())
@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool", None])
def test_what_somebody_wrote_stays_as_it_is(text: str, role: str | None) -> None:
    assert as_said(text, role) == text


def test_a_user_may_quote_a_block_and_a_model_only_repeats_it() -> None:
    said = f"Why did you say {BLOCK}?"
    assert as_said(said, "user") == as_said(said, "tool") == said
    assert as_said(said, "assistant") == as_said(said, "system") == "Why did you say?"


def test_only_a_whole_block_by_itself_is_one() -> None:
    assert is_injected(BLOCK)
    others = (
        unmarked(BLOCK),
        f"{BLOCK} Rex.",
        f"Rex. {BLOCK}",
        f"{BLOCK}{BLOCK} x {BLOCK}",
        SECOND,
        "",
        "Rex.",
    )
    assert not any(map(is_injected, others))


def test_another_process_knows_the_marks() -> None:
    code = "import sys; from nuonuo_integrations._prompt import strip; print(repr(strip(sys.stdin.read())))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=f"{BLOCK}\nRex.", text=True, capture_output=True, check=True
    )
    assert done.stdout.strip() == "'Rex.'"


def test_no_text_has_a_mark_by_chance() -> None:
    names = [f"{at:010x}" for at in range(200_000)] + [f"word{at:06d}" for at in range(200_000)]
    assert not [*marks(" ".join(names))]


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_a_mark_is_known_and_no_other_word(text: str) -> None:
    for mark in (mark_of_block(text), mark_of_words(text)):
        assert [found[0] for found in marks(f"<{mark}> {mark.upper()}")] == [mark, mark.upper()]
        wrong = ("a" if mark[5] != "a" else "b").join((mark[:5], mark[6:]))
        assert not [*marks(wrong)]


PIECES = st.sampled_from([OPEN, CLOSE, LABEL, SECOND, NOTE, "```", "\n", "\n    ", "> ", "a", " ", "[", "]"])
MIXED = st.lists(st.one_of(PIECES, st.text(max_size=8)), min_size=1, max_size=8).map("".join)
PROSE = (
    st.text("abc äö漢字.,!", min_size=1, max_size=30).map(str.strip).filter(lambda text: text.strip(".,!"))
)


@given(st.lists(MIXED.filter(str.strip), min_size=1, max_size=4), PROSE, PROSE)
@settings(max_examples=150, deadline=None)
def test_whatever_was_stored_all_of_the_block_goes_and_nothing_else(
    texts: list[str], before: str, after: str
) -> None:
    block = render(recall_of(*texts, role="user", timestamp=WHEN))
    assert strip(f"{before}\n{block}\n{after}") == f"{before}\n{after}"
    lines = block.partition("\n")[2].rpartition("\n")[0]  # without its tags
    assert strip(f"{before}\n{lines}\n{after}") == f"{before}\n{after}"


@given(MIXED)
@settings(max_examples=150, deadline=None)
def test_stripping_twice_is_stripping_once_and_leaves_no_mark(text: str) -> None:
    once = strip(text)
    assert strip(once) == once
    assert not [*marks(once)]


def test_a_long_text_of_tags_is_stripped_in_reasonable_steps() -> None:
    # A quadratic regex would not end: these are megabytes of beginnings.
    for text in ("<recalled_memories " * 50_000, "`" * 100_000 + " " * 100_000, "recalled 1 | " * 50_000):
        assert strip(f"{text}x") == f"{text}x"
        assert strip(f"{text}{SECOND}") in (text.strip(), "")  # signs that lead a label go with it
    assert strip(f"{LABEL} a " * 2_000).split() == ["a"] * 1_999  # the first leads the line
