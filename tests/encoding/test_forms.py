"""What people write in several forms is found in each of them."""

from __future__ import annotations

import pytest

from nuonuo import AssociativeMemory
from nuonuo.encoding.forms import joined, pieces
from nuonuo.encoding.words import Analyzer
from nuonuo.evaluation.cache import CachedEmbedder


def forms(text: str) -> list[str]:
    return [form for _, _, form in joined(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("an e-mail, a T-shirt", ["email", "Tshirt"]),
        ("my mother-in-law and R&D", ["motherinlaw", "RD"]),
        ("the U.S.A. today", ["USA"]),
        ("call 0171 234 5678", ["01712345678"]),
        ("call (0171) 234-5678 or +49 171 9998877", ["01712345678", "491719998877"]),
        ("1,250 and 1.250.000 and 1'250", ["1250", "1250000", "1250"]),
        ("1,250.00 euros, 12.50 and 3.5", ["1250"]),
        ("DE89 3704 0044 0532 0130 00", ["DE89370400440532013000"]),
        ("rooms 4 12 and 10:30", []),
        ("he said - no", []),
    ],
)
def test_what_stands_apart_may_be_one(text: str, found: list[str]) -> None:
    assert forms(text) == found
    for start, end, form in joined(text):
        assert {*form} <= {*text[start:end]}


@pytest.mark.parametrize(
    ("word", "found"),
    [("mh370", ("mh", "370")), ("a4", ("a", "4")), ("3pm", ("3", "pm")), ("rex", ()), ("4471", ())],
)
def test_codes_have_pieces(word: str, found: tuple[str, ...]) -> None:
    assert pieces(word) == found


def test_digits_and_emoji_are_words_in_any_script() -> None:
    analyzer = Analyzer("english")
    for number in ("4471", "٤٤٧١", "४४७१", "๔๔๗๑", "４４７１", "༤༤༧༡"):
        assert analyzer.stems(f"x {number}") == ["x", "4471"]
    for emoji in ("👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇩🇪"):
        assert len(analyzer.stems(f"ok {emoji}{emoji}")) == 3
    assert analyzer.stems("👍🏽") == analyzer.stems("👍") != analyzer.stems("👎")
    assert analyzer.stems("❤️") == analyzer.stems("❤")
    assert "รหัส๔๔๗๑"[4:] in [("รหัส๔๔๗๑")[w.start : w.end] for w in analyzer.words("รหัส๔๔๗๑")]


PAIRS = [
    ("My e-mail is on the card.", "email"),
    ("The website was down on Monday.", "web-site"),
    ("Call Tom: 0171 234 5678.", "01712345678"),
    ("Call Ana: 01729998877.", "0172 999 88 77"),
    ("Flight MH 370 is late.", "MH370"),
    ("Flight LH123 is early.", "LH 123"),
    ("The gate code is AB-1234.", "ab1234"),
    ("The budget is 12500.", "12,500"),
    ("Rent went up to 1,250.00.", "1250"),
    ("We bought a t-shirt.", "tshirt"),
    ("The party was great 🎂", "🎂"),
    ("الرمز ٩٨٧٦", "9876"),
]


@pytest.mark.parametrize(("text", "query"), PAIRS)
def test_each_form_finds_the_other(kept_minilm: CachedEmbedder, text: str, query: str) -> None:
    memory = AssociativeMemory(embedder=kept_minilm)
    memory.add([text for text, _ in PAIRS])
    found = memory.recall(query, k=2)
    assert found[0].memory.text == text
    assert found[0].score > 2 * found[1].score
    answers = [match.answer for match in found[0].evidence.matches]
    assert answers and all(answer in text for answer in answers)
