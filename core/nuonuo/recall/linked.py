"""What two memories have in common that links them: in numbers under the shard's lock, then in words."""

from __future__ import annotations

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.index.links import linking_stems
from nuonuo.index.names import linking_names
from nuonuo.index.shard import Shard
from nuonuo.records import AssociationKind, Memory

SHOWN = 3  # shared words that are told, the rarest first
NONE = np.zeros(0, np.int64)

Shared = tuple[tuple[int, int], ...]
"""(df, key) of each rare stem that both have, or (0, key) of each name by which they are linked."""


def shared(
    shard: Shard,
    source: int,
    target: int,
    kind: AssociationKind | None,
    max_df: int,
    without: IntArray = NONE,
) -> Shared:
    """What links the rows ``source`` and ``target``; nothing for a kind that needs nothing in common.

    Args:
        without: (N,), terms of names that link nothing. max_df: nor does what more memories have.
    """
    if kind == "content":
        return tuple(linking_stems(shard.postings, source, target, max_df))
    if kind == "name":
        return tuple((0, key) for key in linking_names(shard.postings, source, target, without, max_df))
    return ()


def in_words(
    common: Shared, kind: AssociationKind | None, target: Memory, lexicon: Lexicon
) -> tuple[str, ...]:
    """``common`` as ``target`` writes it: the longest name, or the rarest words."""
    if not common:
        return ()
    if kind == "name":
        names = {lexicon.key(name): written for name, written in lexicon.names(target).items()}
        longest = max((names[key] for _, key in common if key in names), key=len, default=None)
        return () if longest is None else (longest,)
    said = {lexicon.key(stem): stem for text in target.parts for stem in lexicon.analyzer.spellings(text)}
    rarest = sorted((df, said[key]) for df, key in common if key in said)[:SHOWN]
    return tuple(lexicon.analyzer.written(target.text, stem) or stem for _, stem in rarest)
