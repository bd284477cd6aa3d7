"""A part that learns of the whole step by step is the one that is made when all of that is known."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nuonuo.encoding.lexicon import Lexicon
from nuonuo.index.part import Part, Whole
from nuonuo.stores import START, Rows
from tests.corpus import CORPUS
from tests.fakes import SMALL, fresh

Step = tuple[dict[int, int], dict[int, int], dict[int, int], dict[int, dict[int, float]]]
SOME = 12  # memories


def stored() -> tuple[Rows, Lexicon, tuple[int, int]]:
    memory = fresh()
    memory.add([*CORPUS[: SOME - 3], *CORPUS[:3]], session_id="s")
    with memory._shards.reading("default") as shard:
        widths = shard._dimension, shard._pattern_bytes
        lexicon = shard.lexicon
    rows = memory._store.changes("default", START).added
    assert rows is not None and len(rows) == SOME
    return rows, lexicon, widths


ROWS, LEXICON, WIDTHS = stored()
STEMS = np.unique(ROWS.traces.words.stems.rows).tolist()
SAID = np.unique(ROWS.traces.words.said).tolist()
SEQS = [*ROWS.seqs.tolist(), 1 << 40]  # one of them is elsewhere
often = st.integers(1, 900)
steps = st.tuples(
    st.dictionaries(st.sampled_from([*STEMS, 4]), often, max_size=6),
    st.dictionaries(st.sampled_from([*SAID, 5]), often, max_size=6),
    st.dictionaries(st.sampled_from(SEQS), often, max_size=6),
    st.dictionaries(
        st.sampled_from(SEQS),
        st.dictionaries(st.sampled_from(SEQS), st.floats(0.1, 2), max_size=6),
        max_size=6,
    ),
)


def part(whole: Whole) -> Part:
    return Part("default", *WIDTHS, LEXICON, SMALL, ROWS, whole)


def tell(whole: Whole, associations: dict[int, dict[int, float]], step: Step) -> None:
    frequencies, told, led_to, linked = step
    whole.frequencies.update(frequencies)
    whole.told.update(told)
    whole.repeated.update(told)
    whole.led_to.update(led_to)
    associations.update(copy.deepcopy(linked))


def known(of: Part) -> dict[str, Any]:
    """All that a part knows, and what it makes of it."""
    at, postings = np.arange(SOME), of.postings
    stems = [word for text in CORPUS[:SOME] for word in text.lower().split()]
    return {
        **of.state(),
        "frequencies": postings.frequencies.tolist(),
        "dfs": postings.dfs(stems),
        "scores": postings.scores(stems).of(at).tolist(),
        "beyond": postings.beyond(at, np.zeros(0, np.int64)).tolist(),
        "degrees": [of.associator.in_degree(row) for row in range(SOME)],
    }


@given(st.lists(steps, max_size=4))
def test_it_learns_step_by_step(told: list[Step]) -> None:
    whole, later = (Whole(1000, 9000) for _ in range(2))
    associations: dict[int, dict[int, float]] = {}
    growing = part(whole)
    for step in told:
        growing.learn(associations)
        assert len(known(growing)["frequencies"]) == len(STEMS)  # what it keeps for later is made now
        tell(whole, associations, step)
    growing.learn(associations)
    afresh, together = part(later), dict[int, dict[int, float]]()
    for step in told:
        tell(later, together, step)
    afresh.learn(together)
    assert known(growing) == known(afresh)
