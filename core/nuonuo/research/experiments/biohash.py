"""BioHash against a random projection: does a learned code find paraphrases among many memories?

Every separator is asked for codes of the same pairs, which are of topics that none has learned from, among
background memories that none has seen either. A memory's code leads to a random code of its own, through the
matrix W and through the dual; a recall is right where the paraphrase of a memory leads to that memory's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nuonuo.associative.activation import linear
from nuonuo.associative.projection import CodeArray, FloatArray, LearnedProjection
from nuonuo.associative.separation import PatternSeparator, WinnerTakeAll
from nuonuo.errors import InvalidInputError
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts import biohash, contrastive
from nuonuo.research.parts.inverted import InvertedCodes, random_codes, strongest_units
from nuonuo.research.parts.learned import whitened

N_UNITS, N_ACTIVE = 4096, 50
BACKGROUNDS = (0, 100, 500, 5_000, 20_000)
LEARNED_FROM = 12_000  # background texts, others than those that are stored
CUES = 100
RULES = ("biohash", "contrastive", "hub penalty", "whitened")

W_RECALL, DUAL_RECALL = percent("matrix", "W"), percent("dual", "dual")


class BioHash:
    name = "biohash"
    title = "BioHash against a random projection"
    question = (
        "Of memories asked for by a paraphrase, how many are found, by separators of one interface, through "
        "the matrix W and through the dual, among so many background memories?"
    )
    seeds = 5
    tables = (
        Table("Recall@1 through W and through the dual, by background memories, in %", ("separator",),
              (W_RECALL, DUAL_RECALL), "background"),
        Table("What codes share, as a part of k", ("separator",),
              (Value("positive", "with the paraphrase"), Value("negative", "with another text", ".4f"))),
        Table("Learning", ("learned",),
              (Value("first", "energy or loss at first"), Value("last", "at last"),
               Value("rose", "steps at which it rose", ".0f"), Value("seconds", "seconds", ".1f"))),
    )  # fmt: skip
    plot = Plot("background", W_RECALL, "separator")

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        n_units, n_active = (512, 16) if quick else (N_UNITS, N_ACTIVE)
        backgrounds = (0, 200) if quick else BACKGROUNDS
        cues = 20 if quick else CUES
        most = backgrounds[-1]
        _, asked = material.pairs.split(seed)
        asked = asked.of(np.random.default_rng(seed).permutation(len(asked))[:cues].tolist())
        first, second = material.embed(asked.first), material.embed(asked.second)
        stored = material.vectors(most)
        yield from _by_vectors(first, second, stored, backgrounds)
        separators: dict[str, PatternSeparator] = {
            f"random, n = {n_units:,}": WinnerTakeAll(first.shape[1], n_units, n_active, seed)
        }
        if not quick:
            separators["random, n = 16,384 (the engine's)"] = WinnerTakeAll(first.shape[1], seed=seed)
        for rule in RULES:
            watch = Stopwatch()
            told: list[float] = []
            separators[rule] = train(rule, material, seed, n_units, n_active, quick=quick, told=told)
            if told:
                rose = float(np.sum(np.diff(told) > 1e-6))
                seconds = watch.read()
                yield Sample({"learned": rule}, {"first": told[0], "last": told[-1], "rose": rose,
                                                 "seconds": seconds}, seconds)  # fmt: skip
            tell(f"{rule} learned")
        for name, separator in separators.items():
            yield from _asked(name, separator, first, second, stored, backgrounds, seed)
            tell(name)


def train(
    rule: str,
    material: Material,
    seed: int,
    n_units: int = N_UNITS,
    n_active: int = N_ACTIVE,
    *,
    quick: bool = False,
    told: list[float] | None = None,
) -> LearnedProjection:
    """Learn a separator by ``rule``, from half of the pairs' topics and from texts that are not stored.

    ``told`` is given the energy, or the loss, of each step.

    Raises:
        InvalidInputError: an unknown rule. MissingDependencyError: a rule that needs torch, without it.
    """
    steps = told if told is not None else []
    skipped, count = (200, 300) if quick else (BACKGROUNDS[-1], LEARNED_FROM)
    texts = material.vectors(skipped + count)[skipped:]
    if rule == "biohash":
        return biohash.train(texts, n_units, n_active, seed, tell=steps.append)
    if rule == "whitened":
        return whitened(texts, n_units, n_active, seed)
    for known in contrastive.RULES:
        if rule == known:
            pairs, _ = material.pairs.split(seed)
            pairs = pairs.of(range(min(len(pairs), 100 if quick else 1000)))
            return contrastive.train(
                material.embed(pairs.first),
                material.embed(pairs.second),
                texts,
                n_units,
                n_active,
                seed,
                rule=known,
                steps=10 if quick else 100,
                device=material.device,
                tell=steps.append,
            )
    raise InvalidInputError(f"there is no rule {rule!r}; there are {', '.join(RULES)}")


def _by_vectors(
    first: FloatArray, second: FloatArray, stored: FloatArray, backgrounds: tuple[int, ...]
) -> Iterator[Sample]:
    """The nearest vector: what no code of these vectors is expected to beat."""
    for count in backgrounds:
        watch = Stopwatch()
        memories = np.concatenate([first, stored[:count]])
        right = float(np.mean(np.argmax(second @ memories.T, axis=1) == np.arange(len(first))))
        yield Sample(
            {"separator": "none: nearest vector", "background": count}, {"dual": right}, watch.read()
        )


def _asked(
    name: str,
    separator: PatternSeparator,
    first: FloatArray,
    second: FloatArray,
    stored: FloatArray,
    backgrounds: tuple[int, ...],
    seed: int,
) -> Iterator[Sample]:
    watch = Stopwatch()
    sources, cues = separator.encode(first), separator.encode(second)
    background = separator.encode(stored[: backgrounds[-1]])
    others = background[: len(cues)]
    yield Sample(
        {"separator": name},
        {"positive": overlap(sources, cues), "negative": overlap(others, cues[: len(others)])},
        watch.read(),
    )
    for count in backgrounds:
        matrix, dual = recalls(np.concatenate([sources, background[:count]]), cues, separator.n_units, seed)
        yield Sample({"separator": name, "background": count}, {"matrix": matrix, "dual": dual}, watch.read())


def overlap(one: CodeArray, other: CodeArray) -> float:
    """The mean share of units that codes have in common, row by row."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(one, other, strict=True)]
    return float(np.mean(shared) / one.shape[1])


def recalls(sources: CodeArray, cues: CodeArray, n_units: int, seed: int) -> tuple[float, float]:
    """Recall@1 through W = sum code(target) code(source)^T and through the dual; cue i means source i."""
    n_active = sources.shape[1]
    inverted = InvertedCodes(sources, n_units)
    targets = InvertedCodes(
        random_codes(np.random.default_rng([seed, len(sources)]), len(sources), n_units, n_active), n_units
    )
    matrix, dual = [], []
    for at, cue in enumerate(cues):
        overlaps = inverted.overlaps(cue)
        dual.append(int(np.argmax(overlaps)) == at)
        answered = strongest_units(inverted.superpose(linear(overlaps), targets.codes), n_active)
        matrix.append(int(np.argmax(targets.overlaps(answered))) == at)
    return float(np.mean(matrix)), float(np.mean(dual))


EXPERIMENT = BioHash()
