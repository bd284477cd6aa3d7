"""Embedders: does the gap between same and other texts decide what is recalled?

The prototype found that recall follows the gap, with one temperature for all models. Cosines of one model lie
between 0.7 and 1 and of another between 0 and 1, so that one temperature is right for one of them at best.
Here memories are asked for by their paraphrases among background texts, in three ways: by the nearest
vector, which knows no temperature; by one Hopfield step at a beta that is the same for all; and at the beta
that is most likely for the model, by pairs that are not asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.associative.hopfield import update
from nuonuo.associative.projection import FloatArray
from nuonuo.encoding.embedders.base import Embedder
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.clock import grown, resident_bytes
from nuonuo.evaluation.systems.base import first_vectors
from nuonuo.research.frame import Plot, Sample, Table, Tell, Value, percent
from nuonuo.research.material.source import Material

PAIRS, BACKGROUND = 200, 500  # half of the pairs fit beta
FIXED_BETA = 10.0
BETAS = tuple(float(beta) for beta in np.geomspace(1, 1000, 31))
TIMED = 100  # texts

WAYS = (
    percent("nearest", "nearest vector"),
    percent("fixed", f"beta = {FIXED_BETA:g} for all"),
    percent("fitted", "beta fitted"),
)


class Embedders:
    """The experiment, on the models that it is given; on the material's own where there are none."""

    name = "embedders"
    title = "Embedders and the discrimination gap"
    question = (
        "Does recall by paraphrases follow the gap of the embedder, and still once beta is fitted to it?"
    )
    seeds = 5
    tables: tuple[Table, ...] = (
        Table(
            "Cosines and recall@1 in %",
            ("model",),
            (Value("same", "same"), Value("other", "background"), Value("gap", "gap"), *WAYS,
             Value("beta", "fitted beta", ".0f")),
            where={"of": "recall"},
        ),
        Table("Size and speed", ("model",),
              (Value("dimension", "dimensions", ".0f"), Value("speed", "texts a second", ".0f"),
               Value("megabytes", "MB of RAM that loading took", ",.0f")), where={"of": "speed"}),
        Table("Rank correlation over models of the gap and recall", ("models",),
              tuple(Value(way.name, way.label, ".2f") for way in WAYS), where={"of": "correlation"}),
    )  # fmt: skip
    plot = Plot("gap, rounded", WAYS[2], "model", where={"of": "recall"})

    def __init__(self, models: Sequence[Embedder] = ()) -> None:
        self._models = list(models)
        self._vectors: dict[str, tuple[FloatArray, FloatArray, FloatArray]] = {}
        self._cost: dict[str, dict[str, float]] = {}

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        models = self._models or [material.embedder]
        names = [model.name for model in models]
        if len({*names}) < len(names):
            raise InvalidInputError(f"each model is measured once, got {', '.join(names)}")
        pairs, background = (40, 60) if quick else (PAIRS, BACKGROUND)
        found: list[dict[str, float]] = []
        for model in models:
            started = time.perf_counter()
            values = self._recall(model, material, seed, pairs, background)
            found.append(values)
            yield Sample(
                {"of": "recall", "model": model.name, "gap, rounded": self._gap(model.name)},
                values,
                time.perf_counter() - started,
            )
            yield Sample({"of": "speed", "model": model.name}, self._cost[model.name], 0.0)
            tell(model.name)
        if len(models) > 2:
            gaps = [values["gap"] for values in found]
            yield Sample(
                {"of": "correlation", "models": len(models)},
                {way.name: rank_correlation(gaps, [v[way.name] for v in found]) for way in WAYS},
                0.0,
            )

    def _recall(
        self, model: Embedder, material: Material, seed: int, pairs: int, background: int
    ) -> dict[str, float]:
        if model.name not in self._vectors:
            self._embed(model, material, pairs, background)
        first, second, others = self._vectors[model.name]
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(first))
        asked, fitted = order[: len(order) // 2], order[len(order) // 2 :]
        stored = np.concatenate([first[asked], others])
        wanted = np.arange(len(asked))
        same = float(np.mean(np.sum(first[asked] * second[asked], axis=1)))
        other = float(np.mean(second[asked] @ others.T))
        beta = fitted_beta(np.concatenate([first[fitted], others]), second[fitted])
        recalls = {
            "nearest": np.argmax(second[asked] @ stored.T, axis=1),
            "fixed": np.argmax(update(stored, second[asked], FIXED_BETA) @ stored.T, axis=1),
            "fitted": np.argmax(update(stored, second[asked], beta) @ stored.T, axis=1),
        }
        right = {name: float(np.mean(found == wanted)) for name, found in recalls.items()}
        return {"same": same, "other": other, "gap": same - other, "beta": beta, **right}

    def _embed(self, model: Embedder, material: Material, pairs: int, background: int) -> None:
        """Vectors of all that is asked and stored, once for all seeds, and what they cost."""
        before = resident_bytes()
        dimension = model.dimension
        first_vectors(model, ["loaded"], "document")
        loading = grown(before)
        chosen = material.pairs.of(np.random.default_rng(0).permutation(len(material.pairs))[:pairs].tolist())
        started = time.perf_counter()
        timed = first_vectors(model, list(chosen.first[:TIMED]), "document")
        taken = time.perf_counter() - started
        first = (
            np.concatenate([timed, first_vectors(model, list(chosen.first[TIMED:]), "document")])
            if (len(chosen) > TIMED)
            else timed
        )
        second = first_vectors(model, list(chosen.second), "query")
        self._vectors[model.name] = (
            first,
            second,
            first_vectors(model, material.texts(background), "document"),
        )
        self._cost[model.name] = {
            "dimension": float(dimension),
            "speed": len(timed) / taken,
            "megabytes": max(loading or 0, 0) / 1e6,
        }

    def _gap(self, name: str) -> float:
        """One gap for all seeds, so that the plot has one place for the model."""
        first, second, others = self._vectors[name]
        return round(float(np.mean(np.sum(first * second, axis=1)) - np.mean(second @ others.T)), 3)


def fitted_beta(stored: FloatArray, cues: FloatArray) -> float:
    """The beta of `BETAS` at which softmax(beta X cue) makes the right patterns, those first, likeliest."""
    similarities = (cues @ stored.T).astype(np.float64)
    likelihood = []
    for beta in BETAS:
        z = beta * (similarities - similarities.max(axis=1, keepdims=True))
        own = z[np.arange(len(cues)), np.arange(len(cues))]
        likelihood.append(float(np.mean(own - np.log(np.exp(z).sum(axis=1)))))
    return BETAS[int(np.argmax(likelihood))]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, ties at their mean rank; 0 where all of one are equal."""
    ranks = [_ranks(np.asarray(values, float)) for values in (one, other)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    below = (values[:, None] > values).sum(axis=1)
    equal = (values[:, None] == values).sum(axis=1)
    return np.asarray(below + (equal - 1) / 2, np.float64)


EXPERIMENT = Embedders()
