"""Names in the index: who is called by them, and whom they link."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.names import NAME
from nuonuo.encoding.sentences import title
from nuonuo.encoding.words import Analyzer
from nuonuo.index.lexical import Postings
from nuonuo.index.names import called, linking_names, name_links
from nuonuo.traces import WordColumns

LEXICON = Lexicon(Analyzer("english"))
TEXTS = st.lists(
    st.sampled_from(
        [
            "Rex Adler\nHe met Ana Boll.",
            "Ana Boll\nShe lives in Oslo.",
            "they say that Ana Boll met Rex Adler",
            "in Oslo lives Rex Adler",
            "nobody is here",
            "Oslo\nIt is a town.",
        ]
    ),
    min_size=1,
    max_size=9,
)


def filled(texts: list[str]) -> Postings:
    postings = Postings(1.2, 0.75, LEXICON.key)
    postings.extend(len(texts))
    postings.put(np.arange(len(texts)), WordColumns.of([LEXICON.words(Memory(text)) for text in texts]))
    return postings


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([(), (NAME + "oslo",)]), st.sampled_from([2, 4, 50]))
def test_links_are_those_of_the_texts(texts: list[str], without: tuple[str, ...], max_df: int) -> None:
    postings, n = filled(texts), len(texts)
    said = [set(LEXICON.names(Memory(text))) for text in texts]
    wanted = {}
    for i in range(n):
        for j in range(n):
            shared = (said[i] & said[j]) - set(without)
            df = {name: sum(name in each for each in said) for name in shared}
            titles = {NAME + title(texts[j]).casefold()}
            best = sorted((name not in titles, df[name]) for name in shared if 2 <= df[name] <= max_df)
            if i != j and best:
                strange, count = best[0]
                rarity = log(n / count) / log(n)
                wanted[i, j] = (not strange, rarity if not strange else rarity / (count - 1) ** 0.5)
    unsaid = np.array(postings.terms_of(without), np.int64)
    found = name_links(postings, np.arange(n), unsaid, max_df)
    strength = found.strength(1.0, 1.0)
    pairs = {*zip(found.source.tolist(), found.target.tolist(), strict=True)}
    assert pairs == wanted.keys() and len(found.source) == len(pairs)
    for at, pair in enumerate(zip(found.source.tolist(), found.target.tolist(), strict=True)):
        assert bool(found.naming[at]) == wanted[pair][0]
        assert strength[at] == pytest.approx(wanted[pair][1], abs=1e-6)
        assert linking_names(postings, *pair, unsaid, max_df)


def test_a_whole_title_before_one_that_it_begins() -> None:
    postings = filled(["Ann Lee, Queen\nx", "Ann Lee\ny", "Bo Ek, King\nz", "of Ann Lee"])
    assert called(postings, postings.terms_of([NAME + "ann lee"])[0]).tolist() == [1]
    assert called(postings, postings.terms_of([NAME + "bo ek"])[0]).tolist() == [2]
    assert called(postings, postings.terms_of([NAME + "ann lee queen"])[0]).tolist() == [0]
    assert postings.term_of(NAME + "nobody") is None


def test_names_are_forgotten_and_count_in_no_score() -> None:
    both = filled(["Ann Lee\nx", "he knows Ann Lee"])
    assert both.df(NAME + "ann lee") == 2
    both.remove(1)
    assert both.df(NAME + "ann lee") == 1
    assert not len(name_links(both, np.array([0]), np.zeros(0, np.int64), 50).target)
    assert both.scores([NAME + "ann lee"]).of(np.array([0])).tolist() == [0]


def test_a_title_without_capitals_is_found_by_its_words() -> None:
    with AssociativeMemory() as memory:
        memory.add(["\u6771\u4eac\u30bf\u30ef\u30fc\n1958\u5e74\u306b\u5b8c\u6210", "rex"])
        assert memory.recall("\u6771\u4eac")[0].memory.text.startswith("\u6771")
