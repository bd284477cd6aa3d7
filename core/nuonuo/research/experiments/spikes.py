"""The round trip of an embedding through spikes: embedding, spike train, embedding.

At 768 dimensions a pattern is the vectors of two texts side by side where the embedder gives 384; one that
gives 768 is measured at these alone, a text a pattern. Held-out texts are others than those from which
thresholds are set and weights learned.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nuonuo.associative.projection import FloatArray, strongest
from nuonuo.evaluation.chains import noisy
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts.spike_encoder import SpikeEncoder

DIMENSIONS = (384, 768)
WIDTHS, STEPS = (2048, 4096, 8192), (64, 128)
RATE = 0.05
LEARNED_FROM, HELD_OUT = 500, 250
LEARNING = 8  # steps, of the narrowest network alone: the others begin no worse
POOL = 4 * (LEARNED_FROM + HELD_OUT)  # texts, from which each seed draws
COSINE = 0.7
N_ACTIVE = 50

COS = Value("cosine", "cosine", ".4f")


class Spikes:
    name = "spikes"
    title = "The round trip of an embedding through spikes"
    question = (
        "How near does an embedding come to itself after it was a train of spikes, and what do memories "
        "stored as counts of spikes recall?"
    )
    seeds = 5
    tables = (
        Table(
            "Cosine of held-out texts to themselves, and spikes a neuron and step in %",
            ("dimensions", "neurons", "steps", "when"),
            (COS, percent("rate", "rate"), percent("silent", "silent neurons")),
            where={"of": "round trip"},
        ),
        Table(
            f"Recall@1 of held-out texts by cues at cosine {COSINE}, in %",
            ("dimensions", "neurons", "steps"),
            (percent("vectors", "vectors"), percent("counts", "counts of spikes"),
             percent("winners", f"the {N_ACTIVE} that spike most")),
            where={"of": "recall"},
        ),
    )  # fmt: skip
    plot = Plot("neurons", COS, "steps", "dimensions", {"of": "round trip", "when": "thresholds from data"})

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        dimension = material.embedder.dimension
        rng = np.random.default_rng(seed)
        pool = material.vectors(800 if quick else POOL)
        whole = [d for d in DIMENSIONS if d % dimension == 0]
        for d in [dimension] if quick or not whole else whole:
            learned_from, held_out = (100, 40) if quick else (LEARNED_FROM, HELD_OUT)
            vectors = side_by_side(pool[rng.permutation(len(pool))], d)[: learned_from + held_out]
            texts, others = vectors[:-held_out], vectors[-held_out:]
            for neurons in (2048,) if quick else WIDTHS:
                for steps in (32,) if quick else STEPS:
                    at = {"dimensions": d, "neurons": neurons, "steps": steps}
                    encoder = SpikeEncoder(d, neurons, steps, seed=seed, device=material.device)
                    watch = Stopwatch()
                    yield _round_trip(at, "thresholds of 1, as snnTorch has them", encoder, others, watch)
                    encoder.fit(texts, RATE)
                    yield _round_trip(at, "thresholds from data", encoder, others, watch)
                    if neurons == WIDTHS[0]:
                        learning = 2 if quick else LEARNING
                        encoder.learn(texts, epochs=4, step=1e-4, rate=RATE, most_steps=learning)
                        yield _round_trip(at, "after learning", encoder, others, watch)
                    cues = noisy(others, COSINE, rng)
                    yield Sample({**at, "of": "recall"}, _recall(encoder, others, cues), watch.read())
                    tell(f"{d} dimensions, {neurons:,} neurons, {steps} steps")


def side_by_side(vectors: FloatArray, dimension: int) -> FloatArray:
    """Unit rows of ``dimension``: as many of ``vectors`` (N, d) beside each other as fill them."""
    together = -(-dimension // vectors.shape[1])
    count = len(vectors) // together
    rows = vectors[: count * together].reshape(count, -1)[:, :dimension]
    found: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def _round_trip(
    at: dict[str, int], when: str, encoder: SpikeEncoder, vectors: FloatArray, watch: Stopwatch
) -> Sample:
    counts = encoder.counts(vectors)
    cosine = float(np.mean(np.sum(encoder.decode(counts) * vectors, axis=1)))
    values = {
        "cosine": cosine,
        "rate": float(counts.mean()) / encoder.n_steps,
        "silent": float(np.mean(counts.sum(axis=0) == 0)),
    }
    return Sample({**at, "of": "round trip", "when": when}, values, watch.read())


def _recall(encoder: SpikeEncoder, stored: FloatArray, cues: FloatArray) -> dict[str, float]:
    wanted = np.arange(len(stored))
    of_stored, of_cues = encoder.counts(stored), encoder.counts(cues)
    unit = of_stored / np.linalg.norm(of_stored, axis=1, keepdims=True)
    k = min(N_ACTIVE, encoder.n_neurons)
    on = np.zeros_like(of_stored)
    np.put_along_axis(on, strongest(of_stored, k), 1, axis=1)
    winners = strongest(of_cues, k)
    shared = np.stack([on[:, units].sum(axis=1) for units in winners])
    return {
        "vectors": float(np.mean(np.argmax(cues @ stored.T, axis=1) == wanted)),
        "counts": float(np.mean(np.argmax(of_cues @ unit.T, axis=1) == wanted)),
        "winners": float(np.mean(np.argmax(shared, axis=1) == wanted)),
    }


EXPERIMENT = Spikes()
