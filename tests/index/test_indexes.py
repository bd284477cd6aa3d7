"""Each index against the obvious slow way: vectors, postings, token patterns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.arrays import SMALL, largest
from nuonuo.associative.patterns import BITS, CLIP, as_words, best_of, popcount, round_states
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.index.lexical import Postings
from nuonuo.index.links import linking_stems, stem_links
from nuonuo.index.vectors import VectorIndex, dense_cue
from nuonuo.traces import NO_WORDS, Columns, WordColumns
from tests.fakes import NO_ARRAYS, bm25

STEMS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), min_size=2, max_size=12)


def unit(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    rows = rng.standard_normal((n, d)).astype(np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def columns(blocks: Sequence[np.ndarray]) -> Columns:
    """The traces of one memory a block of vectors (W, d)."""
    made = []
    for block in blocks:
        rounded, norms = round_vectors(block)
        made.append(replace(NO_ARRAYS, vectors=rounded, norms=norms, sketches=sketch(block)))
    return Columns.of(made)


def vectors_of(blocks: Sequence[np.ndarray], oversampling: int) -> VectorIndex:
    """An index of one row a block: most at once, and the last three one by one."""
    index, most = VectorIndex(blocks[0].shape[1], oversampling), len(blocks) - 3
    index.extend(len(blocks))
    index.put(np.arange(most), columns(blocks[:most]))
    for row in range(most, len(blocks)):
        index.put(np.array([row]), columns(blocks[row : row + 1]))
    return index


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """The cosine of two vectors, each rounded to 8 bits a component."""
    x, y = (np.rint(127 * z.astype(np.float64) / np.abs(z.astype(np.float64)).max()) for z in (x, y))
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


@pytest.mark.parametrize("d", [40, 64, 384])
@pytest.mark.parametrize("k", [1, 7, 50])
def test_nearest_is_brute_force_where_exact(d: int, k: int) -> None:
    rng = np.random.default_rng(d + k)
    blocks = [unit(rng, int(rng.integers(1, 4)), d) for _ in range(60)]
    index = vectors_of(blocks, oversampling=200)
    for row in (3, 20, 41):
        blocks[row] = unit(rng, 2, d)
        index.clear(row)
        index.put(np.array([row]), columns([blocks[row]]))
    index.clear(9)
    mask = rng.random(60) < 0.7
    mask[9] = False
    query = unit(rng, 1, d)[0].astype(np.float32)
    best = [max(cosine(vector, query) for vector in block) for block in blocks]
    wanted = sorted(np.flatnonzero(mask), key=lambda row: -best[row])[:k]
    assert index.nearest(dense_cue(query), k, mask).tolist() == sorted(wanted)
    rows = np.array([5, 9, 41])
    assert np.allclose(index.cosines(rows, dense_cue(query)), [best[5], 0, best[41]], atol=1e-6)
    unrounded = [max((block.astype(np.float32) @ query).tolist()) for block in blocks]
    assert np.allclose(best, unrounded, atol=0.01)


def test_nearest_by_sketches_finds_most_and_always_k() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng, 3000, 64)
    index = vectors_of([vectors[row : row + 1] for row in range(3000)], oversampling=8)
    mask = np.ones(3000, bool)
    few = np.zeros(3000, bool)
    few[[7, 1500, 2999]] = True
    noise = 0.05 * rng.standard_normal((40, 64))
    for row, query in enumerate((vectors[:40] + noise).astype(np.float32)):
        rows = index.nearest(dense_cue(query), 10, mask)
        assert len(rows) == 10
        assert row in rows
        assert index.nearest(dense_cue(query), 10, few).tolist() == [7, 1500, 2999]


def test_a_row_of_many_vectors_does_not_crowd_out_others() -> None:
    rng = np.random.default_rng(1)
    query = unit(rng, 1, 64)[0].astype(np.float32)
    blocks = [unit(rng, 1, 64) for _ in range(30)]
    blocks[4] = np.repeat(query[None, :].astype(np.float16), 50, axis=0)
    index = vectors_of(blocks, oversampling=1)
    assert len(index.nearest(dense_cue(query), 5, np.ones(30, bool))) == 5


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(-1, 40))
def test_largest_breaks_ties_by_index(values: list[int], k: int) -> None:
    wanted = sorted(range(len(values)), key=lambda i: (-values[i], i))[: max(k, 0)]
    assert largest(np.array(values), k).tolist() == sorted(wanted)


@pytest.mark.parametrize("n", [SMALL, SMALL + 1, 5 * SMALL])
@pytest.mark.parametrize("k", [1, 30, SMALL])
def test_largest_of_many_breaks_ties_in_the_same_way(n: int, k: int) -> None:
    values = np.random.default_rng(n + k).integers(0, 40, n)
    wanted = sorted(range(n), key=lambda at: (-values[at], at))[:k]
    assert largest(values, k).tolist() == sorted(wanted)


def test_all_bits_are_counted() -> None:
    full = np.full(6, 2**64 - 1, np.uint64)
    assert popcount(word[None] for word in full).tolist() == [384]


def key_by(stop: frozenset[str]) -> Callable[[str], int]:
    return lambda stem: 2 * int.from_bytes(stem.encode(), "little") + (stem in stop)


def words_of(texts: Sequence[list[str]], stop: frozenset[str] = frozenset()) -> WordColumns:
    counted = [Counter(stems) for stems in texts]
    return WordColumns.of(
        [
            replace(
                NO_WORDS,
                stems=np.array([*map(key_by(stop), counts)], np.uint64),
                counts=np.array([*counts.values()], np.int32),
            )
            for counts in counted
        ]
    )


def postings_of(texts: list[list[str]], stop: frozenset[str] = frozenset()) -> Postings:
    """Postings of one row a text: the first half at once, the others one by one."""
    postings, half = Postings(1.2, 0.75, key_by(stop)), len(texts) // 2
    postings.extend(len(texts))
    if half:
        postings.put(np.arange(half), words_of(texts[:half], stop))
    for row in range(half, len(texts)):
        postings.put(np.array([row]), words_of([texts[row]], stop))
    return postings


@given(STEMS, st.lists(st.sampled_from("abcdefghz"), max_size=6))
def test_scores_are_bm25(texts: list[list[str]], query: list[str]) -> None:
    postings = postings_of(texts)
    scores = postings.scores(query).of(np.arange(len(texts)))
    assert np.allclose(scores, bm25(texts, query), rtol=1e-4, atol=1e-5)
    assert scores.max() <= postings.most([postings.idf(stem) for stem in dict.fromkeys(query)]) * (1 + 1e-5)


def links_slowly(texts: list[list[str]], row: int, without: frozenset[str], max_df: int) -> dict[int, float]:
    n, mean = len(texts), sum(map(len, texts)) / len(texts)
    found: dict[int, float] = {}
    for other, text in enumerate(texts):
        v = 0.0
        for stem in {*texts[row]} - without:
            df = sum(stem in each for each in texts)
            f = text.count(stem)
            if other != row and f and 2 <= df <= max_df:
                saturated = 2.2 * f / (f + 1.2 * (0.25 + 0.75 * len(text) / mean))
                v += math.log(n / df) / math.log(n) / math.sqrt(df) * saturated
        if v > 0:
            found[other] = v / (v + 1)
    return found


SOME = st.frozensets(st.sampled_from("abc"), max_size=2)


@given(STEMS, SOME, st.integers(1, 5))
def test_links_are_the_formula(texts: list[list[str]], without: frozenset[str], max_df: int) -> None:
    postings = postings_of(texts)
    rows = np.arange(0, len(texts), 2)
    links = stem_links(postings, rows, postings.known(without), max_df)
    at, targets, weights = links.source, links.target, links.weight
    for number, row in enumerate(rows.tolist()):
        mine = at == number
        got = {t: w for t, w in zip(targets[mine].tolist(), weights[mine].tolist(), strict=True) if w > 0}
        assert got == pytest.approx(links_slowly(texts, row, without, max_df), rel=1e-4)
        for target in got:
            shared = set(linking_stems(postings, row, target, max_df))
            df = {s: sum(s in text for text in texts) for s in {*texts[row]} & {*texts[target]}}
            assert shared == {(df[s], key_by(frozenset())(s)) for s in df if 2 <= df[s] <= max_df}


@given(STEMS, SOME, SOME)
def test_how_rare_the_rarest_word_of_ones_own_is(
    texts: list[list[str]], known: frozenset[str], stop: frozenset[str]
) -> None:
    postings = postings_of(texts, stop)
    found = postings.beyond(np.arange(len(texts)), postings.known(known))
    own = [{*text} - known - stop for text in texts]
    slowly = [max((postings.idf(stem) for stem in each), default=0) / postings.idf_of(1) for each in own]
    assert found.tolist() == pytest.approx(slowly, rel=1e-5)


@settings(deadline=None)
@given(STEMS, st.data())
def test_postings_after_any_history_are_those_built_afresh(
    texts: list[list[str]], data: st.DataObject
) -> None:
    postings, texts = postings_of(texts), [list(text) for text in texts]
    gone: set[int] = set()
    for row in data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8)):
        if row in gone:
            continue
        postings.remove(row)
        if data.draw(st.booleans()):
            texts[row] = data.draw(st.lists(st.sampled_from("abxyz"), max_size=5))
            postings.put(np.array([row]), words_of([texts[row]]))
        else:
            gone.add(row)
    left = [text for row, text in enumerate(texts) if row not in gone]
    afresh = postings_of(left)
    alive = np.array([row for row in range(len(texts)) if row not in gone], np.int64)
    assert postings.state(alive) == afresh.state(np.arange(len(alive)))
    assert postings.count == len(left)
    assert {stem for stem in "abcdefghxyz" if postings.df(stem)} == {stem for text in left for stem in text}
    for query in (["a", "b"], ["x", "z", "c"]):
        assert (
            postings.scores(query).of(alive).tolist()
            == afresh.scores(query).of(np.arange(len(alive))).tolist()
        )
    rows = np.array(alive, np.int64)
    for stem in "abcxyz":
        assert postings.standing(rows, stem).tolist() == [stem in texts[row] for row in alive]


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1)[:, None]) @ (y / np.linalg.norm(y, axis=1)[:, None]).T


@pytest.mark.parametrize("d", [40, 64, 384, 8192])
def test_similarity_is_the_cosine_of_signs_and_state(d: int) -> None:
    rng = np.random.default_rng(d)
    x = rng.integers(0, 2, (50, d)) * 2 - 1
    q = rng.standard_normal((7, d)).astype(np.float32)
    each = np.ones(50, np.int64)
    values = best_of(as_words(np.packbits(x > 0, axis=1)), each, round_states(q))
    assert values.shape == (50, 7)
    # exactly so for the state rounded to 2^BITS levels a component, and nearly so for the state itself
    scale = CLIP * np.sqrt((q**2).mean(axis=1, keepdims=True))
    rounded = np.rint((np.clip(q / scale, -1, 1) + 1) * (2**BITS - 1) / 2) * 2 / (2**BITS - 1) - 1
    assert np.allclose(values, cosines(x, rounded), atol=1e-5)
    assert np.abs(values - cosines(x, q)).max() < 1.7 / np.sqrt(d)
    own = best_of(as_words(np.packbits(x > 0, axis=1)), each, round_states(x.astype(np.float32)))
    assert np.allclose(np.diag(own), 1, atol=1e-5)
    assert own.max() <= 1 + 1e-5
    assert own.min() >= -1 - 1e-5


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_best_of_is_the_maximum_of_each_block(counts: list[int]) -> None:
    rng = np.random.default_rng(len(counts))
    patterns = as_words(rng.integers(0, 256, (sum(counts), 48), np.uint8))
    tokens = round_states(rng.standard_normal((3, 384)).astype(np.float32))
    values = best_of(patterns, np.ones(len(patterns), np.int64), tokens)
    best, start = best_of(patterns, np.array(counts), tokens), 0
    for at, count in enumerate(counts):
        block = values[start : start + count]
        assert best[at].tolist() == (block.max(axis=0).tolist() if count else [0, 0, 0])
        start += count
