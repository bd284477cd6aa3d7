"""Kernels for the activation that flows along links."""

from __future__ import annotations

from typing import Any

import numpy as np

from nuonuo.kernels.compiling import F32, I64, MATRIX, compiled
from nuonuo.kernels.energies import weighted

NAME, EXPLICIT = 1, 2  # kinds of links, as `nuonuo.recall.scoring` numbers them


@compiled(I64, MATRIX, I64, I64, I64, I64, I64, MATRIX)
def opened(
    rows: Any, own: Any, speaking: Any, source: Any, target: Any, at: Any, to: Any, added: Any
) -> None:
    """What the target of each link completes of the tokens that its source leaves open.

    Args:
        rows: (C,), the candidates, ascending. own: (C, T), what each completes by itself.
        speaking: (S,), rows. source, target: (L,), which of them a link leaves, and the row that it reaches.
        at, to: (L,), found: where both stand among the candidates. added: (L, T), found.
    """
    for link in range(len(target)):
        at[link] = np.searchsorted(rows, speaking[source[link]])
        to[link] = np.searchsorted(rows, target[link])
        for token in range(own.shape[1]):
            added[link, token] = max(own[to[link], token] - own[at[link], token], np.float32(0))


@compiled(MATRIX, F32, F32, I64, I64, I64, F32, I64, F32, F32, I64, F32, MATRIX, I64, F32, I64)
def flow(
    added: Any,
    of_tokens: Any,
    weights: Any,
    at: Any,
    to: Any,
    speaking: Any,
    activation: Any,
    source: Any,
    weight: Any,
    floor: Any,
    kind: Any,
    energy: Any,
    shares: Any,
    reached: Any,
    link: Any,
    by: Any,
) -> None:
    """Let the activation of sources flow along links: of all that reaches a candidate the greatest counts.

    Args:
        added, of_tokens: (L, T) and (T,), what each link adds to each token, and the tokens' weights.
        weights: how far the question is asked word by word; of a content link; and of one by hand.
        at, to: as for `opened`. speaking, activation: (S,). source, weight, floor, kind: (L,), the links.
        energy: (C,), before anything flows.
        shares: (8, C), of which the last two rows grow, what came along content and along links by hand.
        reached, link, by: (C,), become the source, the weight and the kind of the link that gave most; of
            equals the first one.
    """
    worded, content, explicit = weights
    dots, given = np.empty(len(to), np.float32), np.empty(len(to), np.float32)
    weighted(added, of_tokens, dots)
    before = np.empty(len(to), np.float32)
    for each in range(len(to)):
        here, there = at[each], to[each]
        carried = weight[each] * activation[source[each]]
        if kind[each] == EXPLICIT:
            given[each] = carried * (explicit * energy[here])
        else:
            given[each] = carried * (content * (floor[each] + worded * dots[each]))
        if kind[each] == NAME:  # what it leads to stands no higher than what led there
            room = max(energy[here] - (energy[there] - shares[6, there]), np.float32(0))
            given[each] = min(given[each], room)
        before[each] = max(shares[6, there], shares[7, there])
    for each in range(len(to)):
        row = 7 if kind[each] == EXPLICIT else 6
        if given[each] > shares[row, to[each]]:  # and not max, which may take a -0
            shares[row, to[each]] = given[each]
    for each in range(len(to) - 1, -1, -1):
        there = to[each]
        if given[each] > before[each] and given[each] == max(shares[6, there], shares[7, there]):
            reached[there], link[there], by[there] = speaking[source[each]], weight[each], kind[each]
