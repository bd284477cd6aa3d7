"""The associator: the dual form equals the matrix, separation saves what it drowns, forgetting forgets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuonuo.arrays import Blocks
from nuonuo.associative import codes as codes_module
from nuonuo.associative.activation import Separation, linear, power, softmax
from nuonuo.associative.hebbian import SILENCE, HebbianAssociator
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError, InvalidTypeError, UnknownMemoryError
from tests.associative.codes import BAD_CODES, Codes, random_codes


def correlated_codes(rng: np.random.Generator, n_items: int, common: float) -> Codes:
    """Winner-take-all codes of vectors that share a direction, as sentence vectors do."""
    vectors = rng.standard_normal((n_items, 64)) / 8
    direction = rng.standard_normal(64)
    return WinnerTakeAll(64, 2048, 32).encode(vectors + common * direction / np.linalg.norm(direction))


def sequence(codes: Codes, **options: Any) -> HebbianAssociator:
    """An associator that has learned each item's successor."""
    associator = HebbianAssociator(2048, **options)
    for item, code in enumerate(codes):
        associator.add(item, code)
    for item in range(len(codes) - 1):
        associator.learn(item, item + 1)
    return associator


def fidelity(associator: HebbianAssociator, codes: Codes, f: Separation) -> float:
    """How much of the successor's code is among the k most active units that the associator answers with."""
    kept = []
    for item in range(0, len(codes) - 1, 7):
        drive = associator.superpose(*associator.next(codes[item], f))
        top = np.argsort(-drive, kind="stable")[: codes.shape[1]]
        kept.append(np.isin(top, codes[item + 1]).mean())
    return float(np.mean(kept))


# -- the dual form ---------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_items=st.integers(0, 30), damping=st.sampled_from([0.0, 0.5, 1.0]))
def test_next_equals_the_formula(seed: int, n_items: int, damping: float) -> None:
    """A^T f(Phi q) with matrices, for each f; the silent sources are the only difference."""
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, n_items + 1, 40, 5)
    phi, q = np.zeros((n_items, 40)), np.zeros(40)
    np.put_along_axis(phi, codes[:-1].astype(np.int64), 1, axis=1)
    q[codes[-1]] = 1
    a = rng.random((n_items, n_items)) * (rng.random((n_items, n_items)) < 0.2)
    associator = HebbianAssociator(40, damping=damping)
    for item in rng.permutation(n_items).tolist():
        associator.add(item, codes[item])
    for source, target in np.argwhere(a).tolist():
        associator.learn(source, target, a[source, target])
    overlaps = (phi @ q).astype(np.int64)
    items, counts = associator.overlaps(codes[-1])
    np.testing.assert_array_equal(items, np.flatnonzero(overlaps))
    np.testing.assert_array_equal(counts, overlaps[items])
    for k in (0, 1, 2, 5, 40):
        most = items[np.lexsort((items, -counts))][:k]
        np.testing.assert_array_equal(associator.resembling(codes[-1], k), np.sort(most))
    in_degree = np.maximum((a > 0).sum(axis=0), 1)
    for f in (linear, softmax(0.5), power(4)):
        activity = np.zeros(n_items)
        activity[items] = f(overlaps[items])
        expected = a.T @ activity / in_degree**damping
        found = np.zeros(n_items)
        targets, found_there = associator.next(codes[-1], f)
        assert (np.diff(targets) > 0).all()
        found[targets] = found_there
        np.testing.assert_allclose(
            found, expected, rtol=1e-12, atol=n_items * SILENCE * activity.max(initial=0)
        )


# -- separation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("common", "linear_at_most"), [(0.5, 0.25), (1.0, 0.4), (2.0, 0.7)])
def test_separation_keeps_what_the_linear_sum_drowns(common: float, linear_at_most: float) -> None:
    """In the most correlated case half of every code is hubs, which is all that the linear sum gets right."""
    codes = correlated_codes(np.random.default_rng(1), 1500, common)
    associator = sequence(codes)
    assert fidelity(associator, codes, softmax(1.0)) > 0.999
    assert fidelity(associator, codes, power(12)) > 0.98
    assert fidelity(associator, codes, linear) < linear_at_most


def test_linear_is_enough_for_few_random_codes() -> None:
    codes = random_codes(np.random.default_rng(2), 40, 2048, 32)
    assert fidelity(sequence(codes), codes, linear) > 0.999


@pytest.mark.parametrize("f", [softmax(0.5), power(10)])
def test_fidelity_holds_as_the_load_grows(f: Separation) -> None:
    codes = correlated_codes(np.random.default_rng(3), 1600, 1.0)
    assert min(fidelity(sequence(codes[:n]), codes[:n], f) for n in (25, 200, 1600)) > 0.99
    falling = [fidelity(sequence(codes[:n]), codes[:n], linear) for n in (25, 200, 1600)]
    assert falling[0] > falling[1] > falling[2]


def test_a_damaged_cue_still_finds_its_successor() -> None:
    codes = correlated_codes(np.random.default_rng(4), 1000, 0.5)
    associator = sequence(codes)
    for item in range(0, 900, 50):
        targets, activations = associator.next(codes[item][::2], softmax(1.0))
        assert targets[np.argmax(activations)] == item + 1


def test_separation_functions_are_their_formulas() -> None:
    overlaps = np.array([1, 5, 50])
    np.testing.assert_array_equal(linear(overlaps), [1.0, 5.0, 50.0])
    np.testing.assert_array_equal(power(3)(overlaps), [1.0, 125.0, 125000.0])
    e = [math.exp(0.1 * o) for o in (1, 5, 50)]
    np.testing.assert_allclose(softmax(0.1)(overlaps), np.array(e) / sum(e))
    assert np.isfinite(softmax(1000.0)(np.array([1, 16384]))).all()
    assert np.isfinite(power(64)(np.array([16384]))).all()
    for f in (linear, power(2), softmax(1)):
        assert f(np.zeros(0, np.int64)).shape == (0,)


@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_what_follows_an_item_is_next_for_a_state_settled_on_it(damping: float) -> None:
    codes = correlated_codes(np.random.default_rng(7), 200, 1.0)
    associator = HebbianAssociator(2048, damping=damping)
    for item, code in enumerate(codes):
        associator.add(item, code)
    rng = np.random.default_rng(8)
    for source, target in rng.integers(0, 200, (600, 2)).tolist():
        associator.learn(source, target, float(rng.uniform(0.1, 1)))
    for item in range(200):
        targets, weights = associator.follows(item)
        heard, activations = associator.next(codes[item], softmax(30.0))  # only itself overlaps in full
        np.testing.assert_array_equal(targets, heard)
        np.testing.assert_allclose(weights, activations, rtol=1e-9)
    assert associator.follows(777)[0].size == associator.follows(777)[1].size == 0


def test_items_that_share_a_code_are_told_apart_by_what_follows_them() -> None:
    code = random_codes(np.random.default_rng(9), 1, 256, 8)[0]
    associator = HebbianAssociator(256)
    for item in range(4):
        associator.add(item, code)
    associator.learn(0, 2)
    associator.learn(1, 3)
    assert associator.follows(0)[0].tolist() == [2]
    assert associator.next(code, softmax(30.0))[0].tolist() == [2, 3]


# -- hub damping -----------------------------------------------------------------------------------


def test_damping_keeps_a_hub_from_taking_every_walk() -> None:
    """Everything leads to item 9 at weight 1, and each item to its own successor at 0.5."""
    codes = random_codes(np.random.default_rng(5), 10, 256, 8)
    found = {}
    for damping in (0.0, 0.5):
        associator = HebbianAssociator(256, damping=damping)
        for item, code in enumerate(codes):
            associator.add(item, code)
        for item in range(8):
            associator.learn(item, 9, 1.0)
            associator.learn(item, item + 1, 0.5)
        targets, activations = associator.next(codes[3], softmax(5.0))
        found[damping] = int(targets[np.argmax(activations)])
        assert associator.in_degree(9) == 8
        assert associator.in_degree(4) == 1
        assert associator.in_degree(0) == 0
        targets, weights = associator.follows(3)
        assert dict(zip(targets.tolist(), weights.tolist(), strict=True)) == {
            4: 0.5,
            9: pytest.approx(1 / 8**damping),
        }
    assert found == {0.0: 9, 0.5: 4}


# -- forgetting ------------------------------------------------------------------------------------

actions = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 7), st.integers(0, 11)),
        st.tuples(st.just("discard"), st.integers(0, 7)),
        st.tuples(st.just("learn"), st.integers(0, 7), st.integers(0, 7), st.floats(0.01, 1)),
        st.tuples(st.just("unlearn"), st.integers(0, 7), st.integers(0, 7)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(actions)
def test_after_any_history_the_state_is_the_one_built_afresh_from_what_survives(history: list[Any]) -> None:
    codes = random_codes(np.random.default_rng(6), 12, 16, 3)
    lived = HebbianAssociator(16)
    items: dict[int, int] = {}
    pairs: dict[tuple[int, int], float] = {}
    for what, item, *rest in history:
        if what == "add":
            lived.add(item, codes[rest[0]])
            items[item] = rest[0]
        elif what == "discard":
            lived.discard(item)
            items.pop(item, None)
            pairs = {pair: w for pair, w in pairs.items() if item not in pair}
        elif what == "unlearn":
            lived.unlearn(item, rest[0])
            pairs.pop((item, rest[0]), None)
        elif item in items and rest[0] in items:
            lived.learn(item, *rest)
            pairs[item, rest[0]] = rest[1]
    afresh = HebbianAssociator(16)
    for item in sorted(items):
        afresh.add(item, codes[items[item]])
    for (source, target), weight in sorted(pairs.items()):
        afresh.learn(source, target, weight)
    assert lived == afresh
    assert list(lived) == sorted(items)
    assert len(lived) == len(items)
    assert {(s, t): w for s in lived for t, w in lived.outgoing(s).items()} == pairs
    for cue in codes:
        for f in (linear, softmax(0.5)):
            for here, there in zip(lived.next(cue, f), afresh.next(cue, f), strict=True):
                assert here.tobytes() == there.tobytes()


def test_forgetting_everything_leaves_an_empty_associator() -> None:
    codes = random_codes(np.random.default_rng(7), 50, 256, 8)
    associator, empty = HebbianAssociator(256), HebbianAssociator(256)
    for item, code in enumerate(codes):
        associator.add(item, code)
        associator.learn(item, 0)
    assert associator != empty
    for item in range(50):
        associator.discard(item)
    assert associator == empty
    assert len(associator) == 0
    assert 7 not in associator


def test_a_new_code_keeps_the_associations() -> None:
    codes = random_codes(np.random.default_rng(8), 3, 64, 6)
    associator = HebbianAssociator(64)
    for item in (0, 1):
        associator.add(item, codes[item])
    associator.learn(0, 1, 0.5)
    associator.add(0, codes[2])
    assert dict(associator.outgoing(0)) == {1: 0.5}
    np.testing.assert_array_equal(associator.code_of(0), codes[2])
    items, counts = associator.overlaps(codes[2])
    assert counts[items == 0] == 6
    associator.learn(0, 1, 0.25)
    assert dict(associator.outgoing(0)) == {1: 0.25}, "learning a pair again sets its weight"


def test_a_small_associator_takes_little_memory_and_a_code_cannot_be_written_to() -> None:
    associator = HebbianAssociator(16384)
    assert associator.nbytes < 1024
    codes = random_codes(np.random.default_rng(9), 200, 16384, 50)
    for item, code in enumerate(codes):
        associator.add(item, code)
    grown = associator.nbytes
    assert 200 * 50 * 4 < grown < 200 * 50 * 200
    with pytest.raises(ValueError, match="read-only"):
        associator.code_of(3)[0] = 1
    codes[3] = 0
    assert associator.code_of(3).any(), "the caller's array is not ours"
    associator.learn(3, 4)
    with pytest.raises(TypeError):
        associator.outgoing(3)[5] = 1.0  # type: ignore[index]
    assert associator.outgoing(77) == {}
    assert associator.nbytes > grown


@pytest.mark.parametrize("asked", [False, True])
def test_many_are_put_at_once_as_one_by_one(asked: bool) -> None:
    rng = np.random.default_rng(4)
    codes = random_codes(rng, 60, 512, 12)
    many, single = HebbianAssociator(512), HebbianAssociator(512)
    if asked:
        many.overlaps(codes[0])  # from here on its lists are kept
    many.put(np.arange(30), Blocks(codes[:30].ravel(), np.full(30, 12)))
    many.put(np.arange(20, 50), Blocks(codes[30:].ravel(), np.full(30, 12)))  # ten of them anew
    for item in range(50):
        single.add(item, codes[item if item < 20 else item + 10])
    for item in (3, 25):
        many.discard(item)
        single.discard(item)
    assert many == single
    for code in codes:
        assert [each.tolist() for each in many.overlaps(code)] == [x.tolist() for x in single.overlaps(code)]
    assert many.nbytes == single.nbytes


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True)),
        st.tuples(st.just("discard"), st.integers(0, 40)),
        st.tuples(st.sampled_from(["ask", "read"]), st.none()),
    ),
    max_size=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, together=st.sampled_from([1, 20, 1 << 22]), seed=st.integers(0, 2**32 - 1))
def test_lists_hold_what_was_put_whatever_was_done_between(
    deeds: list[tuple[str, Any]], together: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes_module, "TOGETHER", together)
    rng, associator, held = np.random.default_rng(seed), HebbianAssociator(6), dict[int, list[int]]()
    for deed, what in deeds:
        if deed == "put":
            codes = [np.sort(rng.choice(6, rng.integers(1, 6), replace=False)) for _ in what]
            associator.put(np.array(what), Blocks.of(codes))
            held.update(zip(what, [code.tolist() for code in codes], strict=True))
        elif deed == "discard":
            associator.discard(what)
            held.pop(what, None)
        elif deed == "ask":
            associator.overlaps([0])
        else:
            assert [*associator] == sorted(held)
    assert len(associator) == len(held)
    for unit in range(6):
        assert associator.overlaps([unit])[0].tolist() == sorted(x for x in held if unit in held[x])
    assert {item: associator.code_of(item).tolist() for item in associator} == held


def test_a_code_that_is_replaced_before_anybody_asked_is_gone() -> None:
    associator, block = HebbianAssociator(512), np.arange(12, dtype=np.int32)
    associator.put(np.array([7]), Blocks(block, np.array([12])))
    (_, kept), *_ = associator._codes._unread
    associator.put(np.array([7]), Blocks(block + 100, np.array([12])))
    assert not kept.rows.any()
    assert associator.code_of(7).tolist() == (block + 100).tolist()
    assert associator.overlaps(block)[0].tolist() == []


def test_many_bad_codes_are_refused_whole() -> None:
    associator = HebbianAssociator(512)
    for rows, counts in (([1, 2, 5, 4], [2, 2]), ([1, 2, 512], [1, 2]), ([1, 2], [2, 0]), ([-1, 2], [1, 1])):
        with pytest.raises(InvalidInputError, match="code must"):
            associator.put(np.arange(2), Blocks(np.array(rows), np.array(counts)))
    assert len(associator) == 0


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "error", "words"), BAD_CODES)
def test_bad_codes_are_named_and_change_nothing(code: Any, error: type[Exception], words: str) -> None:
    associator = HebbianAssociator(16)
    associator.add(1, [3, 4])
    with pytest.raises(error, match=words):
        associator.add(1, code)
    assert associator.code_of(1).tolist() == [3, 4]
    assert len(associator.overlaps([3])[0]) == 1
    for function in (associator.overlaps, associator.next):
        if code != []:
            with pytest.raises(error, match=words):
                function(code)


def test_a_cue_that_nothing_resembles_leads_nowhere() -> None:
    associator = HebbianAssociator(16)
    associator.add(1, [3, 4])
    for cue in ([], [5, 6], [3, 4]):
        for found in associator.next(cue):
            assert found.shape == (0,)


def test_other_bad_input() -> None:
    associator = HebbianAssociator(16)
    associator.add(1, [3, 4])
    for pair in ((1, 2), (2, 1)):
        with pytest.raises(UnknownMemoryError, match="item 2 is not stored"):
            associator.learn(*pair)
    with pytest.raises(UnknownMemoryError):
        associator.code_of(2)
    for weight in (0.0, math.nan, math.inf):
        with pytest.raises(InvalidInputError, match="weight"):
            associator.learn(1, 1, weight)
    for item in (-1, 2**32):
        with pytest.raises(InvalidInputError, match="item"):
            associator.add(item, [1])
    with pytest.raises(InvalidTypeError, match="item"):
        associator.add(1.5, [1])  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="n_units"):
        HebbianAssociator(0)
    with pytest.raises(InvalidInputError, match="damping"):
        HebbianAssociator(16, damping=-0.1)
    for p in (0.0, 65.0, math.nan):
        with pytest.raises(InvalidInputError, match="p must"):
            power(p)
    for beta in (0.0, math.nan):
        with pytest.raises(InvalidInputError, match="beta must"):
            softmax(beta)
