"""The kernels, compiled by numba: the loops in which a recall spends its time, without NumPy's passes.

Each gives bit for bit what the NumPy code gives that it stands beside: sums of integers are exact, and what
is computed in float32 is computed in the same order, without fused or reordered operations.
"""

from __future__ import annotations

from nuonuo.kernels.choosing import answers, best_to_add, cover
from nuonuo.kernels.completing import beside, best_of, rarest, spread, stand
from nuonuo.kernels.energies import weigh
from nuonuo.kernels.linking import followers, name_links, stem_links
from nuonuo.kernels.numbering import find, number, put
from nuonuo.kernels.ranking import largest
from nuonuo.kernels.rounding import rounded
from nuonuo.kernels.searching import BLOCK, bm25, cosines, most_frequent, nearest, reached, top, within

__all__ = [
    "BLOCK",
    "answers",
    "beside",
    "best_of",
    "best_to_add",
    "bm25",
    "cosines",
    "cover",
    "find",
    "followers",
    "largest",
    "most_frequent",
    "name_links",
    "nearest",
    "number",
    "put",
    "rarest",
    "reached",
    "rounded",
    "spread",
    "stand",
    "stem_links",
    "top",
    "weigh",
    "within",
]
