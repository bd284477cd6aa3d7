"""Names in texts: which runs of words are names, and how a question says them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuonuo.encoding.names import NAME, called, names, spoken
from nuonuo.encoding.words import Analyzer

ANALYZER = Analyzer("english")


def found(text: str, *, titled: bool = False) -> dict[str, str]:
    return {
        key.removeprefix(NAME): said for key, said in names(text, ANALYZER.words(text), titled=titled).items()
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "it was directed by H. Bruce Humberstone.",
            {"h bruce humberstone", "bruce humberstone", "humberstone"},
        ),
        ("she married Peter, Duke of Cleves, in spring", {"peter", "duke of cleves", "cleves"}),
        ("we saw The Village and a village", {"village"}),
        ("they met Catherine de' Medici", {"catherine de medici", "medici"}),
        ("that is Dev\u2019s brother", {"dev"}),
        ("from Bahr\u0101m to \u017baga\u0144", {"bahram", "zagan"}),
        ("in the William Snodgrass Tennessee Tower", {"william snodgrass tennessee tower", "tennessee"}),
        ("I like The Who", {"the who"}),
    ],
)
def test_a_name_is_a_run_of_capitals_or_a_part_of_one(text: str, wanted: set[str]) -> None:
    assert wanted <= set(found(text))


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        ("Congrats, Joanna! Thanks, Nate. It is", {"congrats", "thanks", "it"}),  # a sentence begins
        ("Swimming is on Sundays, in March and on Montag", {"sundays", "march", "montag", "swimming"}),
        ("Henry J. Brown", {"j"}),
        ("he lived in Rome. Then in Paris", {"rome then", "then"}),
        ("a village by the sea", {"village", "sea"}),
        ("we saw Rome, Oslo, Bern", {"rome oslo", "oslo bern"}),  # a list
        ("since 1998 only", {"1998"}),
        ("of Anna Berta Clara Dora", {"berta clara"}),  # the middle of a row
    ],
)
def test_what_is_no_name(text: str, unwanted: set[str]) -> None:
    assert not unwanted & set(found(text))


def test_a_title_may_begin_a_text() -> None:
    assert "salt march" in found("Salt March\nIt began in 1930.", titled=True)
    assert {"rosa lind", "lind"} <= set(found("Rosa Lind teaches Dutch.")) and "rosa" not in found(
        "Rosa sings."
    )
    assert "the lind" not in found("The Lind family")


def test_names_are_kept_as_they_are_written() -> None:
    assert found("with Neil Young and then NEIL YOUNG")["neil young"] == "Neil Young"


def test_what_a_memory_is_called() -> None:
    def keys(title: str) -> list[str]:
        return [key.removeprefix(NAME) for key in called(title, ANALYZER.words(title))]

    assert keys("Henry Cavendish, Earl of Ogle") == ["henry cavendish earl of ogle", "henry cavendish"]
    assert keys("Lothair Ii of Lotharingia") == ["lothair ii of lotharingia", "lothair ii"]
    assert keys("Margaret of Baux") == ["margaret of baux"]  # many are called so
    assert keys("A History of Norrland") == ["history of norrland"]
    assert keys("The Village") == ["village"]
    assert keys("The Who") == ["the who"]
    assert keys("") == []


@given(
    st.sampled_from(["", "The "]),
    st.lists(st.sampled_from(["Who", "Rex", "of", "Dev's", "Oslo", "O'Neill"]), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_question_says_every_title_in_it_in_any_letters(the: str, words: list[str], small: bool) -> None:
    title = f"{the}{' '.join(['Ann', *words, 'Boll'])}"
    text = f"what of {title} then?"
    asked = text.casefold() if small else text
    whole = next(iter(called(title, ANALYZER.words(title))))
    places = [place for name, *place in spoken(asked, ANALYZER.words(asked)) if name == whole]
    assert any(title.casefold().endswith(asked[start:end].casefold()) for start, end in places)
