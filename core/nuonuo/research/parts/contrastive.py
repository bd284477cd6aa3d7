"""Projections learned from paraphrases: overlap where texts mean the same, and none where they do not.

For learning, a code is soft: unit m is on by s_m ~ sigmoid((W_m x - theta) / T), theta the k-th greatest
drive of x, and the s_m of a text sum to k. The overlap of two texts is o(x, y) = sum_m s_m(x) s_m(y) / k,
and the usage of a unit u_m = mean_x s_m(x).

    contrastive    L = mean (1 - o(x, x')) + mean o(x, z)           x' a paraphrase of x, z any other text
    hub penalty    L = - mean log softmax_j(o(x_i, y_j) / T_o)_i + lambda (n / k^2) sum_m u_m^2

The first is the prototype's: it may raise every overlap, as long as those of paraphrases rise faster. The
second asks that the paraphrase overlaps most, among others and background texts y, and makes units that
everything drives dear: sum_m u_m^2 / k is the mean overlap of texts that have nothing to do with each other,
and the penalty is 1 where all units are used alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from nuonuo.associative.projection import FloatArray, LearnedProjection
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.research.parts.learned import random_rows

Rule = Literal["contrastive", "hub penalty"]
RULES: tuple[Rule, ...] = ("contrastive", "hub penalty")

SOFTNESS = 0.01  # T, in units of a drive between unit vectors
SHARPNESS = 0.05  # T_o, in shares of k


def train(
    first: FloatArray,
    second: FloatArray,
    background: FloatArray,
    n_units: int,
    n_active: int,
    seed: int,
    *,
    rule: Rule = "hub penalty",
    penalty: float = 1.0,
    steps: int = 100,
    batch: int = 128,
    rate: float = 0.001,
    device: str = "cpu",
    tell: Callable[[float], None] | None = None,
) -> LearnedProjection:
    """Learn from paraphrases ``first`` and ``second``, and from texts that are neither.

    Args:
        penalty: lambda. steps: of Adam, over ``batch`` pairs and twice as many background texts each.
        tell: called with the loss of each step.

    Shapes:
        first, second: (P, d) unit rows. background: (B, d) unit rows.

    Raises:
        MissingDependencyError: torch is not installed.
        InvalidInputError: a shape, an unknown rule, or a number out of range.
    """
    _check(first, second, background, n_units, n_active, rule, penalty, steps, rate)
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError('this rule needs torch: pip install "nuonuo[research]"') from error
    rng = np.random.default_rng(seed)
    start = random_rows(rng, n_units, first.shape[1])
    weights = torch.tensor(start, device=device, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=rate)
    for _ in range(steps):
        chosen = rng.permutation(len(first))[:batch]
        others = rng.permutation(len(background))[: 2 * batch]
        rows = np.concatenate([first[chosen], second[chosen], background[others]])
        on = soft_codes(torch.from_numpy(rows).to(device), weights, n_active)
        loss = loss_of(on, len(chosen), n_active, rule, penalty)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            weights /= weights.norm(dim=1, keepdim=True)
        if tell is not None:
            tell(float(loss.detach()))
    return LearnedProjection(weights.detach().cpu().numpy(), n_active, rule)


def soft_codes(vectors: Any, weights: Any, n_active: int) -> Any:
    """s: how far each unit is on, (B, n) in (0, 1); about ``n_active`` of them are."""
    import torch

    drive = vectors @ weights.T
    edge = torch.topk(drive, n_active, dim=1).values[:, -1:]
    on = torch.sigmoid((drive - edge) / SOFTNESS)
    return n_active * on / on.sum(dim=1, keepdim=True)


def loss_of(on: Any, pairs: int, n_active: int, rule: Rule, penalty: float) -> Any:
    """L of soft codes ``on`` (2 pairs + background, n): first texts, their paraphrases, background."""
    import torch

    one, other, background = on[:pairs], on[pairs : 2 * pairs], on[2 * pairs :]
    overlaps = one @ torch.cat([other, background]).T / n_active
    same = torch.diagonal(overlaps)
    if rule == "contrastive":
        different = (overlaps.sum() - same.sum()) / (overlaps.numel() - pairs)
        return (1 - same).mean() + different
    found = torch.nn.functional.cross_entropy(
        overlaps / SHARPNESS, torch.arange(pairs, device=overlaps.device)
    )
    usage = on.mean(dim=0)
    return found + penalty * on.shape[1] / n_active**2 * (usage * usage).sum()


def _check(
    first: FloatArray, second: FloatArray, background: FloatArray, n_units: int, n_active: int,
    rule: str, penalty: float, steps: int, rate: float,
) -> None:  # fmt: skip
    if rule not in RULES:
        raise InvalidInputError(f"there is no rule {rule!r}; there are {', '.join(RULES)}")
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise InvalidInputError(
            f"first and second must have one shape (P, d), P >= 2, got {first.shape} and {second.shape}"
        )
    if background.ndim != 2 or background.shape[1] != first.shape[1]:
        raise InvalidInputError(f"background must have shape (B, {first.shape[1]}), got {background.shape}")
    if not 1 <= n_active < n_units:
        raise InvalidInputError(f"n_active must be in [1, n_units = {n_units}), got {n_active}")
    if not (math.isfinite(penalty) and penalty >= 0 and math.isfinite(rate) and rate > 0 and steps >= 0):
        raise InvalidInputError(
            f"expected penalty >= 0, rate > 0 and steps >= 0, got {penalty}, {rate} and {steps}"
        )
