"""The pipeline against slow loops over the equations, and what holds of every recall."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, MemoryConfig, Recall
from nuonuo.index.links import stem_links
from nuonuo.recall import pipeline
from nuonuo.recall.choice import ALIKE
from nuonuo.recall.leads import FAINT
from nuonuo.recall.scoring import extend, score
from nuonuo.recall.search import prepare
from tests.fakes import SMALL, VectorsOnly, bm25, fresh

WORDS = ["rex", "beagle", "thunder", "ana", "lisbon", "boats", "garage", "code", "apple", "tree", "the"]
TEXTS = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=9
)
QUERY = "rex beagle ana lisbon code"
SESSIONS = [None, "s", "t"]


ROLES = st.sampled_from([None, "assistant"])


def filled(
    texts: list[str],
    sessions: list[str | None] | None = None,
    role: str | None = None,
    **settings: Any,
) -> AssociativeMemory:
    memory = fresh(**settings)
    for at, text in enumerate(texts):
        memory.add(text, session_id=sessions[at % len(sessions)] if sessions else None, role=role)
    return memory


def repeats_of(m: int, texts: list[str], sessions: list[str | None], role: str | None) -> list[int]:
    """The turns that say what ``m`` says, ``m`` itself among them: the assistant's only."""
    if role is None or sessions[m] is None:
        return [m]
    return [i for i in range(len(texts)) if texts[i] == texts[m] and sessions[i] is not None]


def ranked(memory: AssociativeMemory, k: int = 1, query: str = QUERY, **changes: Any) -> pipeline.Ranking:
    """What the pipeline makes of ``query``."""
    question = memory._encoder.question(query)
    with memory._shards.reading("default") as shard:
        config = replace(memory.config, **changes)
        return pipeline.recall(shard, question, k, shard.alive, config, distinct=False)


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.lists(st.sampled_from(SESSIONS), min_size=9, max_size=9), ROLES)
def test_neighbours_complete_each_other(
    texts: list[str], sessions: list[str | None], role: str | None
) -> None:
    memory = filled(texts, sessions, role)
    ranking = ranked(memory)
    found, weights = ranking.scored, ranking.weights
    own, n = found.own.completions.tolist(), len(texts)
    base = (found.shares.tokens + found.shares.lexical + found.shares.dense).tolist()
    g, c = SMALL.neighbour_discount, SMALL
    turns = {s: [m for m in range(n) if sessions[m] == s] for s in sessions if s is not None}
    for m in range(n):
        times = len(repeats_of(m, texts, sessions, role))
        singular = 1 - c.common_loss * (np.log(times) / np.log(max(n, 2))) ** 2
        turn = turns.get(sessions[m] or "", [m])
        at = turn.index(m)

        def around(distance: int, values: list[float], at: int = at, turn: list[int] = turn) -> float:
            """The best of both sides; a side where nobody is says nothing: 0."""
            sides = (at - distance, at + distance)
            return max(values[turn[i]] if 0 <= i < len(turn) else 0.0 for i in sides)

        for t in range(len(weights)):
            s = [row[t] for row in own]
            e = max(s[m], singular * g * around(1, s), singular * g * g * around(2, s))
            assert found.completed[m, t] == pytest.approx(e, abs=1e-6)
        temporal = c.temporal_near * around(1, base) + c.temporal_far * around(2, base)
        temporal -= c.temporal_own * (c.temporal_near + c.temporal_far) * max(base[m], 0)
        assert found.shares.temporal[m] == pytest.approx(max(temporal, 0), abs=1e-5)
    assert np.allclose(found.shares.tokens, found.completed @ weights, atol=1e-6)
    assert weights.dtype == found.shares.energy.dtype == np.float32


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.lists(st.sampled_from(SESSIONS), min_size=9, max_size=9), st.sets(st.integers(0, 8)))
def test_candidates_that_come_later_are_scored_as_if_all_had_come_at_once(
    texts: list[str], sessions: list[str | None], first: set[int]
) -> None:
    memory = filled([*texts, "rex beagle?", "the code"], [*sessions[: len(texts)], "s", "s"], "user")
    question = memory._encoder.question(QUERY)
    with memory._shards.reading("default") as shard:
        search = prepare(shard, question, shard.alive, memory.config)
        rows = np.arange(len(shard.ids))
        at_once = score(search, rows)
        in_two = extend(
            search, score(search, np.array(sorted(first & {*rows.tolist()}), np.int64)), rows[::-1]
        )
    for one, other in ((at_once, in_two), (at_once.own, in_two.own), (at_once.shares, in_two.shares)):
        for field in fields(one):  # type: ignore[arg-type]
            value = getattr(one, field.name)
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(other, field.name), err_msg=field.name)


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_shares_of_words_vectors_and_tokens(texts: list[str]) -> None:
    memory = filled(texts)
    ranking = ranked(memory)
    found, weights = ranking.scored, ranking.weights
    query = QUERY.split()
    documents = [memory._encoder.analyzer.stems(text) for text in texts]
    stems = memory._encoder.analyzer.stems(QUERY)
    n = len(texts)
    idf = [np.log1p((n - df + 0.5) / (df + 0.5)) for df in (sum(s in d for d in documents) for s in stems)]
    power = np.array(idf) ** SMALL.idf_power
    assert np.allclose(weights, power / power.sum(), rtol=1e-5)
    assert np.allclose(
        found.shares.lexical,
        SMALL.lexical_weight * np.array(bm25(documents, stems)) / (2.2 * sum(idf)),
        atol=1e-5,
    )
    embedder = memory._encoder._embedder
    (q,) = embedder.encode_queries([QUERY])
    for at, (text, encoding) in enumerate(zip(texts, embedder.encode_documents(texts), strict=True)):
        assert found.shares.dense[at] == pytest.approx(
            SMALL.dense_weight * float(q.vectors[0] @ encoding.vectors[0]), abs=3e-3
        )  # vectors are compared rounded to 8 bits a component
        for t, word in enumerate(query):  # the sign pattern of the same token is nearest to it
            if word in text.split():
                assert found.own.completions[at, t] > 0.6


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_without_token_vectors_a_word_is_completed_by_its_stem_or_as_far_as_all(texts: list[str]) -> None:
    memory = fresh(embedder=VectorsOnly())
    for text in texts:
        memory.add(text)
    ranking = ranked(memory)
    found, config = ranking.scored, memory.config
    for at, text in enumerate(texts):
        by_chance = min(1, config.short_turn / max(len(text.split()), 1)) ** config.long_discount
        stands = [by_chance * (word in text.split()) for word in QUERY.split()]
        completed = np.maximum(stands, found.own.cosines[at])
        assert found.shares.tokens[at] == pytest.approx(
            config.token_weight * float(completed @ ranking.weights), abs=1e-5
        )
        assert found.shares.dense[at] == pytest.approx(config.dense_weight * found.own.cosines[at], abs=1e-6)


def test_without_token_vectors_a_question_is_sure_of_what_holds_its_words() -> None:
    memory = fresh(embedder=VectorsOnly())
    memory.add(["My sister Ana lives in Lisbon and paints boats.", "The garage code is 4471."])
    assert memory.recall("What does Ana paint?").confidence > 0.9
    assert memory.recall("Who reads novels?").confidence < 0.5


def shares(found: Recall) -> list[dict[str, float]]:
    return [dict(hit.evidence.signals) for hit in found]


@settings(deadline=None, max_examples=30)
@given(TEXTS, st.booleans(), st.integers(1, 12), st.sampled_from([QUERY, "the", "zebra", "rex?", "!?"]))
def test_of_every_recall(texts: list[str], tokens: bool, k: int, query: str) -> None:
    memory = filled(texts, SESSIONS) if tokens else filled(texts, SESSIONS, embedder=VectorsOnly())
    (apple,) = memory.add("apple", cues=["rex the code"])
    memory.associate(str(memory.list(limit=1)[0].id), apple, 0.5)
    found = memory.recall(query, k=k)
    assert len(found) == min(k, len({*texts, "apple"}))  # what was told twice takes one place
    assert len({hit.memory.text for hit in found}) == len(found)
    ranks = [hit.evidence.rank for hit in found]
    assert all(after <= before + 1e-5 for before, after in pairwise(ranks))
    assert 0 <= found.confidence <= 1
    for hit in found:
        assert sum(hit.evidence.signals.values()) == hit.evidence.rank
        own = {
            name: v
            for name, v in hit.evidence.signals.items()
            if name not in ("together", "redundancy", "branch")
        }
        assert sum(own.values()) == hit.score
        assert set(hit.evidence.signals) <= {
            "tokens",
            "lexical",
            "dense",
            "echo",
            "temporal",
            "content",
            "explicit",
            "together",
            "redundancy",
        }
        assert all(hit.evidence.signals.values())
        came = {"content", "explicit"} & set(hit.evidence.signals)
        assert [link.target_id for link in hit.evidence.path] == [hit.memory.id] * bool(came)
        assert {link.kind for link in hit.evidence.path} <= came
        if hit.evidence.matches:
            assert sum(match.weight for match in hit.evidence.matches) <= 1 + 1e-5
        for match in hit.evidence.matches:
            holder = memory.get([match.memory_id])[0]
            assert holder is not None
            assert match.word in query
            assert match.answer
            assert match.answer in holder.text or any(match.answer in cue for cue in holder.cues)


@settings(deadline=None, max_examples=60)
@given(
    TEXTS,
    st.lists(st.sampled_from(SESSIONS), min_size=9, max_size=9),
    ROLES,
    st.integers(1, 9),
    st.sampled_from([2, 10]),
)
def test_the_first_are_chosen_for_what_they_add(
    texts: list[str], sessions: list[str | None], role: str | None, k: int, first: int
) -> None:
    memory = filled(texts, sessions, role)
    ranking = ranked(memory, k, together=first)
    found, weights, hits = ranking.scored, ranking.weights, ranking.chosen
    c, embedder = SMALL, memory._encoder._embedder
    vectors = [encoding.vectors[0] for encoding in embedder.encode_documents(texts)]
    left, covered = set(range(len(texts))), np.zeros(len(weights))
    before = list[int]()
    for place, chosen in enumerate(hits.at.tolist()):
        adds = {
            m: c.together_weight * float(np.maximum(found.answers[m] - covered, 0) @ weights) for m in left
        }
        loses = {}
        for m in left:
            alike = [float(vectors[m] @ vectors[other]) for other in before if sessions[other] is None]
            likeness = max([ALIKE, *alike]) - ALIKE if sessions[m] is None else 0.0
            again = not set(before).isdisjoint(repeats_of(m, texts, sessions, role))
            repeated = c.repeat_loss * max(float(found.shares.base[m]), 0) * again
            loses[m] = max(c.redundancy_weight * likeness, repeated)
        values = {m: found.shares.energy[m] + adds[m] - loses[m] for m in left}
        assert values[chosen] == pytest.approx(max(values.values()), abs=2e-3)
        assert hits.together[place] == pytest.approx(adds[chosen], abs=1e-5)
        assert hits.redundancy[place] == pytest.approx(loses[chosen], abs=2e-3)  # rounded to 8 bits
        left.remove(chosen)
        if place >= first:  # from here on, by what is left after the last choice
            continue
        before.append(chosen)
        covered = np.maximum(covered, found.answers[chosen])


@settings(deadline=None, max_examples=30)
@given(TEXTS, st.integers(1, 12), st.sampled_from([QUERY, "the rex", "ana?"]))
def test_a_score_is_the_memorys_own(texts: list[str], k: int, query: str) -> None:
    memory = filled(texts)
    scores = {hit.memory.id: hit.score for hit in memory.recall(query, k=20, distinct=False)}
    for hit in memory.recall(query, k=k, distinct=False):  # however many are asked for
        assert hit.score == pytest.approx(scores[hit.memory.id], abs=1e-6)
    for other in scores:  # whoever stands before it; what nothing evoked needs nobody
        alone = memory.recall(query, k=1, exclude=scores.keys() - {other})[0]
        assert {*alone.evidence.signals} <= {"tokens", "lexical", "dense", "together"}
        whole = next(hit for hit in memory.recall(query, k=20, distinct=False) if hit.memory.id == other)
        came = sum(whole.evidence.signals.get(name, 0) for name in ("content", "explicit"))
        assert alone.score == pytest.approx(scores[other] - came, abs=1e-5)


def test_scores_of_two_namespaces_can_be_compared() -> None:
    memory = fresh()
    for space in ("here", "there"):
        memory.add(["rex is a beagle", "ana paints boats", "the garage code"], namespace=space)
    memory.add(["a dog barks", "rain", "wind", "snow"], namespace="there")
    best = [memory.recall("rex the beagle", 1, namespace=space)[0] for space in ("here", "there")]
    noise = memory.recall("rex the beagle", 9, namespace="there")[-1]
    assert [hit.memory.text for hit in best] == ["rex is a beagle"] * 2
    assert best[0].score == pytest.approx(best[1].score, rel=0.2)
    first = memory.recall("rex the beagle", 1, namespace="there", exclude=[str(best[1].memory.id)])[0]
    assert first.score < best[0].score / 2  # to come first earns no score
    assert noise.score < best[0].score / 2


def test_of_two_passages_alike_the_second_loses_and_turns_do_not() -> None:
    passages, turns = fresh(), fresh()
    texts = ["rex beagle", "beagle rex", "ana lisbon boats"]
    passages.add(texts)
    turns.add(texts, session_id="s")
    lost = [signals.get("redundancy", 0) for signals in shares(passages.recall("rex beagle ana"))]
    assert sorted(lost)[0] == pytest.approx(-SMALL.redundancy_weight * (1 - ALIKE), abs=1e-3)
    assert lost[0] == 0
    assert all("redundancy" not in signals for signals in shares(turns.recall("rex beagle ana")))


def test_what_an_assistant_tells_again_steps_back_and_what_happened_again_does_not() -> None:
    for role, steps in (("assistant", True), ("user", False)):
        memory = fresh()
        for at, text in enumerate(("Rex, beagle.", "rex lisbon", "Rex, beagle", "the rex, beagle")):
            memory.add(text, session_id=f"s{at}", role=role)
        hits = memory.recall("rex beagle", distinct=False)
        lost = [hit for hit in hits if "redundancy" in hit.evidence.signals]
        assert len(lost) == steps
        for hit in lost:
            own = sum(hit.evidence.signals[name] for name in ("tokens", "lexical", "dense"))
            assert hit.evidence.signals["redundancy"] == pytest.approx(-SMALL.repeat_loss * own, abs=1e-6)


def test_what_is_asked_every_day_leaves_room_for_the_rest() -> None:
    memory = fresh(config=replace(SMALL, dense_candidates=8, lexical_candidates=8))
    for day in range(150):
        memory.add(["rex beagle lisbon?", "apple tree"], session_id=f"day {day}", role="user")
    rest = [f"{word} rex of lisbon" for word in WORDS[3:9]]
    memory.add(rest * 30, session_id="once", role="user")
    found = ranked(memory, 2, query="where is the rex beagle lisbon?")
    assert len(found.scored.rows) < 2 * (8 + 8) * 5  # each of the best, as many others, and their neighbours
    texts = [memory.list()[row].text for row in found.scored.rows[found.at].tolist()]
    assert set(texts) & set(rest)


def test_a_question_is_not_answered_by_having_been_asked() -> None:
    texts = [
        "rex beagle?",
        "where is the rex, a beagle?",
        "the beagle, rex, in lisbon?",
        "rex beagle",
        "where is he?",
    ]
    apart, chat = fresh(), fresh()
    for at, text in enumerate(texts):
        apart.add(text)
        chat.add(text, session_id=f"s{at}", role="user")
    with chat._shards.reading("default") as shard:
        rarity = shard.postings.idf("lisbon") / shard.postings.idf_of(1)
    assert rarity == pytest.approx(1)  # what a turn says beyond the question, and nobody else says
    c = SMALL.echo_discount
    for query, left in (
        ("where is rex, the beagle?", [c, c, 1, 1, c]),
        ("what of the beagle rex", [c, c, 1, 1, c]),  # without its mark a question is one
        ("is rex a beagle?", [1, 1, 1, 1, 1]),  # a question of yes or no may be answered so
    ):
        whole = {hit.memory.text: hit.evidence.signals for hit in apart.recall(query)}
        found = {hit.memory.text: hit.evidence.signals for hit in chat.recall(query)}
        for text, share in zip(texts, left, strict=True):
            said = [whole[text].get(name, 0) for name in ("tokens", "lexical", "dense")]
            assert [found[text].get(name, 0) for name in ("tokens", "lexical", "dense")] == said
            assert found[text].get("echo", 0) == pytest.approx((share - 1) * sum(said), abs=1e-5)
    assert chat.recall("where is the rex beagle?")[0].memory.text in texts[2:4]


def test_what_is_said_in_passing_does_not_fall_behind() -> None:
    passing, matter = "boats code", "boats code lisbon"
    for own, first in ((SMALL.temporal_own, "s"), (0.0, "t")):
        with fresh(config=replace(SMALL, temporal_own=own)) as memory:
            memory.add(["apple tree", passing, "green stripe"], session_id="s")
            memory.add(["boats", matter, "code"], session_id="t")
            assert memory.recall("boats code", 1)[0].memory.session_id == first


def test_a_session_by_itself_lifts_nobody() -> None:
    memory = fresh()
    memory.add("rex beagle")
    memory.add("rex lisbon", session_id="s")
    memory.add(["rex beagle code", "apple tree"], session_id="t")
    found = {hit.memory.text: hit.evidence.signals for hit in memory.recall("rex beagle")}
    assert all("temporal" not in found[text] for text in ("rex beagle", "rex lisbon", "rex beagle code"))
    assert found["apple tree"]["temporal"] > 0


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.sampled_from([1.0, SMALL.content_sharpness]))
def test_content_flows_as_the_formula_says(texts: list[str], sharpness: float) -> None:
    memory = filled(texts)
    before = ranked(memory, content_weight=0).scored
    after = ranked(memory, content_sharpness=sharpness).scored
    weights = ranked(memory).weights
    question = memory._encoder.question(QUERY)
    with memory._shards.reading("default") as shard:
        asked = shard.postings.known(word.stem for word in question.words)
        links = stem_links(shard.postings, np.arange(len(texts)), asked, SMALL.content_max_df)
        sources, targets, strengths = links.source, links.target, links.weight
    energy, wanted = before.shares.energy, np.zeros(len(texts))
    for i, j, v in zip(sources.tolist(), targets.tolist(), strengths.tolist(), strict=True):
        gain = float(
            np.maximum(before.own.completions[i], before.own.completions[j]) @ weights
            - before.own.completions[i] @ weights
        )
        active = max(energy[i] / energy.max(), 0) ** sharpness
        if v * active > FAINT:
            wanted[j] = max(wanted[j], SMALL.content_weight * v * active * (SMALL.content_floor + gain))
    if energy.max() > 0:
        assert np.allclose(after.shares.content, wanted, rtol=1e-4, atol=1e-6)


def test_weights_of_zero_switch_their_part_off() -> None:
    off = MemoryConfig(
        n_units=512,
        n_active=12,
        lexical_weight=0,
        dense_weight=0,
        temporal_near=0,
        temporal_far=0,
        content_weight=0,
        explicit_weight=0,
        together_weight=0,
        redundancy_weight=0,
        repeat_loss=0,
        neighbour_discount=0,
    )
    memory = fresh(config=off)
    ids = memory.add(["rex beagle", "ana lisbon boats", "boats code"], session_id="s")
    memory.associate(ids[0], ids[1])
    memory.add(["rex code", "rex code"])
    for signals in shares(memory.recall(QUERY)):
        assert set(signals) == {"tokens"}
    best = memory.recall("rex beagle")[0]
    assert best.memory.text == "rex beagle"
    assert {(match.word, match.answer, match.source) for match in best.evidence.matches} == {
        ("rex", "rex", "text"),
        ("beagle", "beagle", "text"),
    }
