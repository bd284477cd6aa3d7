"""Noise tolerance: how far from a pattern may a cue be, for each of the engine's ways to complete it?

Patterns are vectors of real texts, cues lie at a given cosine to them. A recall is right where the pattern
that the cue was made from is the nearest stored one to what comes out. Some patterns have a twin (a text
said twice, a sentence and the turn that it is almost all of): no method can tell which of them a far cue
means, and nearest neighbour, the best that any method can do here, says how many. So there are two sets of
cues, of any pattern and of those that stand apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from nuonuo.associative.activation import Separation, linear, power, softmax
from nuonuo.associative.chain import complete
from nuonuo.associative.hopfield import beta_for_leakage, settle, update
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.evaluation.chains import noisy
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts.cues import FloatArray, nearest_other
from nuonuo.research.parts.inverted import InvertedCodes, strongest_units

COSINES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SIZES = (1_000, 20_000, 100_000)
CUES = 100
APART = 0.8  # no other pattern is as near as this
GAP = 0.1  # between the best similarity and the next, for which beta is set
SHORT_LIST = 20
N_UNITS, N_ACTIVE = 16_384, 50
LEAKAGE = 0.01

IntArray = npt.NDArray[np.int64]
Method = Callable[[FloatArray], IntArray]
RECALL = percent("recall", "recall@1")


class Noise:
    name = "noise"
    title = "Noise tolerance"
    question = (
        "Of cues at a given cosine to a stored pattern of real text, how many are completed to that pattern? "
        "Recall@1 in %."
    )
    seeds = 5
    tables = tuple(
        Table(
            f"Recall@1 by the cosine of the cue, {which}",
            ("patterns", "method"),
            (RECALL,),
            "cosine",
            {"cues": which},
        )
        for which in ("patterns that stand apart", "any pattern")
    )
    plot = Plot("cosine", RECALL, "method", "patterns", {"cues": "patterns that stand apart"})

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        sizes = (200, 400) if quick else SIZES
        n_units, n_active = (1024, 16) if quick else (N_UNITS, N_ACTIVE)
        count = 20 if quick else CUES
        most = max(sizes)
        pool = material.vectors(most)
        codes = material.codes(most, n_units, n_active)
        separation = WinnerTakeAll(pool.shape[1], n_units, n_active)
        for size in sizes:
            rng = np.random.default_rng([seed, size])
            stored = rng.permutation(most)[:size]
            patterns = np.ascontiguousarray(pool[stored])
            methods = _methods(patterns, InvertedCodes(codes[stored], n_units), separation)
            drawn = rng.permutation(size)[: 8 * count]
            apart = drawn[nearest_other(patterns, drawn) < APART][:count]
            for which, chosen in (("patterns that stand apart", apart), ("any pattern", drawn[:count])):
                for cosine in (0.5, 1.0) if quick else COSINES:
                    cues = noisy(patterns[chosen], cosine, rng)
                    watch = Stopwatch()
                    for name, method in methods.items():
                        right = float(np.mean(method(cues) == chosen))
                        yield Sample(
                            {"patterns": size, "cues": which, "method": name, "cosine": cosine},
                            {"recall": right},
                            watch.read(),
                        )
            tell(f"{size:,} patterns")


def _methods(patterns: FloatArray, inverted: InvertedCodes, separation: WinnerTakeAll) -> dict[str, Method]:
    beta = beta_for_leakage(GAP, len(patterns), LEAKAGE)

    def nearest(states: FloatArray) -> IntArray:
        best: IntArray = np.argmax(states @ patterns.T, axis=1)
        return best

    def short_list(cues: FloatArray) -> IntArray:
        similarities = cues @ patterns.T
        few = min(SHORT_LIST, len(patterns))
        found = []
        for cue, row in zip(cues, similarities, strict=True):
            candidates = np.sort(np.argpartition(row, -few)[-few:])
            found.append(candidates[complete(patterns[candidates], cue, LEAKAGE)[0]])
        return np.array(found)

    def through_codes(f: Separation) -> Method:
        """W code(cue) -> winner-take-all -> the nearest stored code; W in its dual form."""

        def recall(cues: FloatArray) -> IntArray:
            found = []
            for code in separation.encode(cues):
                overlaps = inverted.overlaps(code)
                heard = np.flatnonzero(overlaps)
                activity = np.zeros(len(overlaps))
                activity[heard] = f(overlaps[heard])
                completed = strongest_units(inverted.superpose(activity), separation.n_active)
                found.append(int(np.argmax(inverted.overlaps(completed))))
            return np.array(found)

        return recall

    return {
        "nearest neighbour": nearest,
        "Hopfield, one step": lambda cues: nearest(update(patterns, cues, beta)),
        "Hopfield, settled": lambda cues: nearest(settle(patterns, cues, beta).state),
        f"two stages: nearest {SHORT_LIST}, then settled": short_list,
        "W linear (flat Hebbian)": through_codes(linear),
        "dual, softmax": through_codes(softmax(0.5)),
        "dual, power 10": through_codes(power(10)),
    }


EXPERIMENT = Noise()
