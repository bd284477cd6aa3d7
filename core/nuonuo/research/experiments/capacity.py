"""Capacity of winner-take-all codes: how many pairs are learned until 1% of hops fail?

A pair leads from one code to another. A hop is right where what comes out is nearest to the code of the
pair's target, of all that are stored. The classical matrix W = sum code(target) code(source)^T is asked in
its dual form, which gives the same sums (`nuonuo.associative.hebbian`); the separated dual keeps the
strongest source alone.

Two limits stand beside it, both for random codes of k of n units (f = k / n):

    Willshaw, Buneman & Longuet-Higgins 1969     P = ln 2 (n / k)^2         binary weights, half of them on
    Tsodyks & Feigelman 1988                     P = n / (2 f |ln f|)       the most that linear sums allow
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from nuonuo.associative.projection import CodeArray
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.chains import noisy
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts.inverted import InvertedCodes, random_codes, strongest_units

IntArray = npt.NDArray[np.int64]

FAILING = 0.01  # of hops
HOPS = 100  # asked at each size
FIRST = 250  # pairs that the search begins with, unless `MOST` hold
POOL = 36_000  # texts that real codes are drawn from
MOST = 1 << 15  # pairs that it ends with
TOLERANCE = 1.1  # the search ends where the pairs that hold and those that fail are this near
LOADS = (1_000, 5_000, 20_000)
DUAL_LOADS = (100_000, 1_000_000)
GRID = tuple((n, k) for n in (4096, 8192, 16384, 32768) for k in (20, 50, 100, 200))
RANDOM = 4096  # codes drawn at a time
COSINE = 0.7  # of the noisy cue


class Capacity:
    name = "capacity"
    title = "Capacity of winner-take-all codes"
    question = (
        "How many pairs can be learned until 1% of hops fail, with random codes and with those of real text?"
    )
    seeds = 5
    tables = (
        Table(
            "Pairs until 1% of hops through the matrix W fail, of up to 32,768; limits are of random codes",
            ("codes", "k"), (Value("pairs", "pairs", ",.0f"),), "n",
        ),
        Table(
            "Hops through the linear W and the dual with codes of real text (n = 16,384, k = 50), in %",
            ("form", "pairs"), (percent("fidelity", "units right"), percent("right", "hops right")),
            where={"load": "real text"},
        ),
        Table(
            "The dual with many pairs (n = 16,384, k = 50): hops right, in %",
            ("codes", "pairs", "cue"), (percent("right", "hops right", 2),), where={"load": "dual"},
        ),
    )  # fmt: skip
    plot = Plot(
        "k", Value("pairs", "pairs until 1% of hops fail", ",.0f"), "codes", "n", log_x=True, log_y=True
    )

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        grid = ((256, 8), (512, 8)) if quick else GRID
        most = 1_000 if quick else MOST
        hops = 50 if quick else HOPS
        pool = most if quick else POOL
        for n, k in grid:
            yield from _limits(n, k)
            for codes, source in (
                ("random", _random(seed, n, k)),
                ("real text", _real(material, seed, n, k, pool)),
            ):
                limit = most if codes == "random" else material.available(most)
                watch = Stopwatch()
                pairs = pairs_until_failing(source, n, limit, hops, seed, hopeful=codes == "random")
                yield Sample({"codes": codes, "n": n, "k": k}, {"pairs": float(pairs)}, watch.read())
            tell(f"n = {n:,}, k = {k}")
        n, k = (512, 8) if quick else (16384, 50)
        yield from _collapse(_real(material, seed, n, k, pool), (100, 200) if quick else LOADS, n, hops, seed)
        loads = (400, 800) if quick else DUAL_LOADS
        yield from _dual(material, seed, n, k, loads, hops, tell)


def willshaw(n: int, k: int) -> float:
    """P = ln 2 (n / k)^2, the pairs at which half of the binary weights are on (Willshaw et al. 1969)."""
    _check(n, k)
    return math.log(2) * (n / k) ** 2


def tsodyks_feigelman(n: int, k: int) -> float:
    """P = n / (2 f |ln f|), f = k / n (Tsodyks & Feigelman 1988; Gardner's bound for sparse codes)."""
    _check(n, k)
    f = k / n
    return n / (2 * f * -math.log(f))


def _check(n: int, k: int) -> None:
    if not 0 < k < n:
        raise InvalidInputError(f"k must be in [1, n = {n}), got {k}: the limits are those of sparse codes")


Source = Callable[[int], CodeArray]
"""How many to that many codes."""


def _random(seed: int, n: int, k: int) -> Source:
    made: list[CodeArray] = []

    def source(count: int) -> CodeArray:
        while sum(map(len, made)) < count:
            rng = np.random.default_rng([seed, n, k, len(made)])
            made.append(random_codes(rng, RANDOM, n, k))
        return np.concatenate(made)[:count]

    return source


def _real(material: Material, seed: int, n: int, k: int, pool: int) -> Source:
    """Codes of texts drawn from all of ``pool``, so that neighbours in a file are not neighbours here."""
    made = np.zeros((0, k), np.int32)

    def source(count: int) -> CodeArray:
        nonlocal made
        vectors = material.vectors(material.available(pool))
        if len(made) < count:
            drawn = np.random.default_rng(seed).permutation(len(vectors))[len(made) : count]
            made = np.concatenate([made, WinnerTakeAll(vectors.shape[1], n, k).encode(vectors[drawn])])
        return made[:count]

    return source


def hops_right(
    inverted: InvertedCodes, targets: IntArray, asked: IntArray, count: int
) -> tuple[float, float]:
    """Hops through the linear W over the first ``count`` pairs: the share of units right, and of hops.

    Args:
        targets: of each item, the one that it leads to. asked: the items that hops start at.
    """
    k = inverted.codes.shape[1]
    leads_to = inverted.codes[targets]
    fidelity, right = [], []
    for item in asked.tolist():
        overlaps = inverted.overlaps(inverted.codes[item], count).astype(np.float64)
        drive = inverted.superpose(overlaps, leads_to)
        completed = strongest_units(drive, k)
        fidelity.append(len(np.intersect1d(completed, leads_to[item])) / k)
        right.append(int(np.argmax(inverted.overlaps(completed, count))) == targets[item])
    return float(np.mean(fidelity)), float(np.mean(right))


def pairs_until_failing(
    source: Source, n: int, most: int, hops: int, seed: int, *, hopeful: bool = False
) -> int:
    """The most pairs of which no more than `FAILING` of hops fail, to a tenth; ``most`` where none fail.

    The number is doubled until hops fail, then the gap is halved on a logarithmic scale. ``hopeful``:
    ``most`` is tried first.
    """

    def holds(count: int) -> bool:
        rng = np.random.default_rng([seed, count])
        inverted = InvertedCodes(source(count), n)
        asked = rng.permutation(count)[:hops]
        return 1 - hops_right(inverted, cycle(rng, count), asked, count)[1] <= FAILING

    if hopeful and holds(most):
        return most
    good, bad = 1, min(FIRST, most)
    while holds(bad):
        good = bad
        if bad >= most:
            return most
        bad = min(2 * bad, most)
    while bad > TOLERANCE * good and bad - good > 1:
        middle = round(math.sqrt(good * bad))
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return good


def cycle(rng: np.random.Generator, count: int) -> IntArray:
    """One ring through all items, in random order: what each of them leads to, (count,)."""
    order = rng.permutation(count)
    targets = np.empty(count, np.int64)
    targets[order] = np.roll(order, -1)
    return targets


def _limits(n: int, k: int) -> Iterator[Sample]:
    for name, limit in (("limit of Willshaw", willshaw), ("limit of Tsodyks & Feigelman", tsodyks_feigelman)):
        yield Sample({"codes": name, "n": n, "k": k}, {"pairs": limit(n, k)}, 0.0)


def _collapse(source: Source, loads: tuple[int, ...], n: int, hops: int, seed: int) -> Iterator[Sample]:
    for count in loads:
        rng = np.random.default_rng([seed, count, 1])
        watch = Stopwatch()
        inverted = InvertedCodes(source(count), n)
        targets, asked = cycle(rng, count), rng.permutation(count)[:hops]
        fidelity, right = hops_right(inverted, targets, asked, count)
        yield Sample(
            {"load": "real text", "form": "W, linear", "pairs": count},
            {"fidelity": fidelity, "right": right},
            watch.read(),
        )
        found = [int(np.argmax(inverted.overlaps(inverted.codes[item]))) for item in asked.tolist()]
        k = inverted.codes.shape[1]
        units = [
            len(np.intersect1d(inverted.codes[targets[one]], inverted.codes[targets[item]])) / k
            for one, item in zip(found, asked.tolist(), strict=True)
        ]
        yield Sample(
            {"load": "real text", "form": "dual", "pairs": count},
            {"fidelity": float(np.mean(units)), "right": float(np.mean(np.array(found) == asked))},
            watch.read(),
        )


def _dual(
    material: Material, seed: int, n: int, k: int, loads: tuple[int, ...], hops: int, tell: Tell
) -> Iterator[Sample]:
    """A hop of the dual starts from the source that the cue overlaps most; only that choice can fail."""
    for count in loads:
        watch = Stopwatch()
        rng = np.random.default_rng([seed, count, 2])
        inverted = InvertedCodes(_random(seed, n, k)(count), n)
        asked = rng.permutation(count)[:hops]
        for cue in ("the code itself", "half of its units"):
            right = []
            for item in asked.tolist():
                code = inverted.codes[item]
                if cue != "the code itself":
                    kept = rng.permutation(code)[: k // 2]
                    others = np.setdiff1d(random_codes(rng, 1, n, k)[0], code)[: k - len(kept)]
                    code = np.concatenate([kept, others])
                right.append(int(np.argmax(inverted.overlaps(code))) == item)
            yield Sample(
                {"load": "dual", "codes": "random", "pairs": count, "cue": cue},
                {"right": float(np.mean(right))},
                watch.read(),
            )
        tell(f"{count:,} pairs in the dual")
        if count > material.available(count):
            continue
        separation = WinnerTakeAll(material.embedder.dimension, n, k)
        inverted = InvertedCodes(material.codes(count, n, k), n)
        patterns = material.vectors(count)[asked]
        for cue, states in (
            ("the text itself", patterns),
            (f"cosine {COSINE}", noisy(patterns, COSINE, rng)),
        ):
            codes = separation.encode(states)
            right = [
                int(np.argmax(inverted.overlaps(code))) == item
                for code, item in zip(codes, asked.tolist(), strict=True)
            ]
            yield Sample(
                {"load": "dual", "codes": "real text", "pairs": count, "cue": cue},
                {"right": float(np.mean(right))},
                watch.read(),
            )


EXPERIMENT = Capacity()
