"""The kernels, compiled by numba: the loops in which a recall spends its time, without NumPy's passes.

Each gives bit for bit what the NumPy code gives that it stands beside: sums of integers are exact, and what
is computed in float32 is computed in the same order, without fused or reordered operations.
"""

from __future__ import annotations

from nuonuo.kernels.choosing import answers, best_to_add, cover, take_best
from nuonuo.kernels.completing import beside, best_of, join, missing, rarest, spread, stand
from nuonuo.kernels.energies import total, weigh, weighted
from nuonuo.kernels.flowing import flow, opened
from nuonuo.kernels.linking import leading, name_links, stem_links
from nuonuo.kernels.numbering import find, number, put
from nuonuo.kernels.ranking import largest
from nuonuo.kernels.rounding import cue, rounded
from nuonuo.kernels.searching import BLOCK, bm25, close, cosines, most_frequent, reached, repeated, top, units
from nuonuo.kernels.walking import followers

__all__ = [
    "BLOCK",
    "answers",
    "beside",
    "best_of",
    "best_to_add",
    "bm25",
    "close",
    "cosines",
    "cover",
    "cue",
    "find",
    "flow",
    "followers",
    "join",
    "largest",
    "leading",
    "missing",
    "most_frequent",
    "name_links",
    "number",
    "opened",
    "put",
    "rarest",
    "reached",
    "repeated",
    "rounded",
    "spread",
    "stand",
    "stem_links",
    "take_best",
    "top",
    "total",
    "units",
    "weigh",
    "weighted",
]
