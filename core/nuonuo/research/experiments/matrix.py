"""Speed and memory of the dense matrix W, and of the dual form beside it.

Random codes of k of n units; pairs learned one by one, recalls and hops asked one by one, so that each
figure is of a call as a caller makes it. A recall of W is W q; a hop is a recall and the winner-take-all
that makes its answer a code. A recall of the dual is what follows the code, with softmax separation; a hop
looks up the target's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from nuonuo.arrays import Blocks
from nuonuo.associative.dense_hebbian import DenseHebbian
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value
from nuonuo.research.material.source import Material
from nuonuo.research.parts.inverted import random_codes

WIDTHS = (4096, 8192, 16384, 32768)
N_ACTIVE = 50
PAIRS, ASKED = 2_000, 50
DUAL_PAIRS = (2_000, 20_000)


class Matrix:
    name = "matrix"
    title = "Speed and memory of W"
    question = "What does the dense matrix W cost, and what the dual form that answers the same?"
    seeds = 5
    tables = (
        Table(
            "One call at a time, k = 50", ("form", "n", "pairs"),
            (Value("learned", "pairs learned a second", ",.0f"), Value("recall", "ms a recall", ".2f"),
             Value("hop", "ms a hop", ".2f"), Value("megabytes", "MB", ",.1f")),
        ),
    )  # fmt: skip
    plot = Plot("n", Value("megabytes", "MB", ",.0f"), "form", log_x=True, log_y=True)

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        pairs, asked = (50, 10) if quick else (PAIRS, ASKED)
        for n in (512, 1024) if quick else WIDTHS:
            rng = np.random.default_rng([seed, n])
            yield _dense(n, pairs, asked, rng, material.device)
            for count in (50,) if quick else DUAL_PAIRS:
                yield _dual(n, count, asked, rng)
            tell(f"n = {n:,}")


def _dense(n: int, pairs: int, asked: int, rng: np.random.Generator, device: str) -> Sample:
    import torch

    codes = random_codes(rng, pairs + 1, n, N_ACTIVE)
    whole, watch = Stopwatch(), Stopwatch()
    associator = DenseHebbian(n, device)
    associator.learn(codes[-1], codes[-1])  # the matrix's pages come with the first writes
    watch.read()
    for source, target in pairwise(codes):
        associator.learn(source, target)
    _finish(device)
    learning = watch.read()
    for code in codes[:asked]:
        associator.recall(code)
    _finish(device)
    recalling = watch.read()
    code = codes[0]
    for _ in range(asked):
        code = torch.topk(associator.recall(code), N_ACTIVE).indices.sort().values.cpu().numpy()
    hopping = watch.read()
    size = associator.W.element_size() * associator.W.nelement()
    return _sample(
        f"W, dense, on {device}", n, pairs, asked, learning, recalling, hopping, size, whole.read()
    )


def _dual(n: int, pairs: int, asked: int, rng: np.random.Generator) -> Sample:
    codes = random_codes(rng, pairs + 1, n, N_ACTIVE)
    whole, watch = Stopwatch(), Stopwatch()
    associator = HebbianAssociator(n)
    associator.put(np.arange(pairs + 1), Blocks(codes.ravel(), np.full(pairs + 1, N_ACTIVE)))
    for item in range(pairs):
        associator.learn(item, item + 1)
    associator.overlaps(codes[0])  # the lists are made when the first code is asked with
    learning = watch.read()
    for code in codes[:asked]:
        associator.next(code)
    recalling = watch.read()
    item = 0
    for _ in range(asked):
        targets, activations = associator.next(associator.code_of(item))
        item = int(targets[np.argmax(activations)])
    hopping = watch.read()
    return _sample("dual", n, pairs, asked, learning, recalling, hopping, associator.nbytes, whole.read())


def _finish(device: str) -> None:
    """Wait for what a GPU has yet to do."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def _sample(
    form: str, n: int, pairs: int, asked: int, learning: float, recalling: float, hopping: float,
    size: int, seconds: float,
) -> Sample:  # fmt: skip
    return Sample(
        {"form": form, "n": n, "pairs": pairs},
        {
            "learned": pairs / learning,
            "recall": 1000 * recalling / asked,
            "hop": 1000 * hopping / asked,
            "megabytes": size / 1e6,
        },
        seconds,
    )


EXPERIMENT = Matrix()
