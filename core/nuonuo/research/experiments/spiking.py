"""Spiking Hopfield networks against the softmax: the prototype's, and two that sample.

Memories are asked for by their paraphrases, among background memories. The leaky integrate-and-fire
network is the prototype's; neural sampling and the population of winner-take-all neurons are given the
same similarities and the same beta as the softmax, whose weights they sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from nuonuo.associative.hopfield import settle
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts import sampling
from nuonuo.research.parts.lif import SpikingHopfield
from nuonuo.research.parts.population import race, vote

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

PAIRS = 50
BACKGROUNDS = (0, 10, 100, 10_000)
STEPS = (50, 200)
HARDLY = 0.1  # of the recurrent current: so little that the cue alone drives the network
BETA = 50.0
SHORT_LIST = 12
VOTES = 25
INHIBITION = -50.0
NETWORKS = ((4, 5), (8, 5), (12, 5), (8, 20))  # neurons, tau
CHAINS, KEPT = 2000, 20

RECALL = percent("recall", "recall@1")


class Spiking:
    name = "spiking"
    title = "Spiking Hopfield networks against the softmax"
    question = "Do spiking networks recall by paraphrases what the softmax recalls, and what does it cost?"
    seeds = 5
    tables = (
        Table("Recall@1 by background memories, in %", ("method",), (RECALL,), "background"),
        Table("Milliseconds a recall", ("method",), (Value("milliseconds", "ms", ".2f"),), "background"),
        Table(
            "Neural sampling and enumeration: divergence in nats, and that of as many independent samples",
            ("neurons", "tau"),
            (Value("divergence", "neural sampling", ".4f"), Value("floor", "independent samples", ".4f"),
             Value("wrong", "of another network", ".3f")),
        ),
    )  # fmt: skip
    plot = Plot("background", RECALL, "method")

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        backgrounds = (0, 50) if quick else BACKGROUNDS
        rng = np.random.default_rng(seed)
        pairs = material.pairs.of(rng.permutation(len(material.pairs))[: 10 if quick else PAIRS].tolist())
        first, cues = material.embed(pairs.first), material.embed(pairs.second)
        others = material.vectors(backgrounds[-1])
        for count in backgrounds:
            patterns = np.concatenate([first, others[:count]])
            for name, method in methods(patterns, rng).items():
                watch = Stopwatch()
                found = np.array([method(cue) for cue in cues])
                seconds = watch.read()
                yield Sample(
                    {"method": name, "background": count},
                    {
                        "recall": float(np.mean(found == np.arange(len(cues)))),
                        "milliseconds": 1000 * seconds / len(cues),
                    },
                    seconds,
                )
            tell(f"{count:,} background memories")
        for neurons, tau in NETWORKS[:1] if quick else NETWORKS:
            watch = Stopwatch()
            yield Sample({"neurons": neurons, "tau": tau}, check_sampling(neurons, tau, rng), watch.read())
            tell(f"{neurons} neurons sampled")


def methods(patterns: FloatArray, rng: np.random.Generator) -> dict[str, Callable[[FloatArray], int]]:
    """Ways from a cue (d,) to the pattern that it means."""
    recurrent, driven = SpikingHopfield(patterns), SpikingHopfield(patterns, recurrent=HARDLY)

    def nearest(state: FloatArray) -> int:
        return int(np.argmax(patterns @ state))

    def spiking(network: SpikingHopfield, steps: int) -> Callable[[FloatArray], int]:
        return lambda cue: nearest(network.complete(cue[None], steps)[0])

    return {
        **{f"LIF network, {steps} steps": spiking(recurrent, steps) for steps in STEPS},
        f"LIF network, its recurrence at {HARDLY}, {STEPS[0]} steps": spiking(driven, STEPS[0]),
        "softmax, settled": lambda cue: nearest(settle(patterns, cue, BETA).state),
        f"neural sampling of the nearest {SHORT_LIST}": lambda cue: by_sampling(patterns @ cue, rng),
        "population, one draw": lambda cue: int(race(patterns @ cue, BETA, 1, rng)[0]),
        f"population, {VOTES} draws vote": lambda cue: vote(race(patterns @ cue, BETA, VOTES, rng)),
    }


def by_sampling(similarities: FloatArray, rng: np.random.Generator) -> int:
    """The pattern whose neuron is on most, among the nearest, which inhibit each other.

    With b_m = beta (s_m - s_best) + 4 and inhibition between all, a state with one neuron m on has the chance
    softmax(beta s)_m among those with one on, and hardly any has more.
    """
    few = min(SHORT_LIST, len(similarities))
    near = np.sort(np.argpartition(similarities, -few)[-few:])
    biases = BETA * (similarities[near] - similarities[near].max()).astype(np.float64) + 4.0
    weights = np.full((few, few), INHIBITION)
    np.fill_diagonal(weights, 0)
    states = sampling.sample(weights, biases, rng, chains=VOTES, steps=30, tau=5)
    return int(near[np.argmax(states.sum(axis=0))])


def check_sampling(neurons: int, tau: int, rng: np.random.Generator) -> dict[str, float]:
    """Neural sampling of a random network against the exact distribution, in nats."""
    upper = np.triu(rng.normal(0, 0.6, (neurons, neurons)), 1)
    weights, biases = upper + upper.T, rng.normal(-0.5, 0.5, neurons)
    exact = sampling.enumerated(weights, biases)
    states = sampling.sample(weights, biases, rng, chains=CHAINS, steps=20 * tau, tau=tau, kept=KEPT)
    independent = np.bincount(rng.choice(len(exact), len(states), p=exact), minlength=len(exact)) / len(
        states
    )
    return {
        "divergence": sampling.divergence(sampling.frequencies(states), exact),
        "floor": sampling.divergence(independent, exact),
        "wrong": sampling.divergence(sampling.frequencies(states), sampling.enumerated(-weights, biases)),
    }


EXPERIMENT = Spiking()
