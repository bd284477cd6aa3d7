"""What a memory leads to by what it shares with others: the strongest links, by words and by names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, largest
from nuonuo.config import MemoryConfig
from nuonuo.index.lexical import Postings
from nuonuo.index.links import StemLinks, in_room, stem_links
from nuonuo.index.names import NameLinks, name_links

FloatArray = npt.NDArray[np.float32]

Followers = tuple[IntArray, FloatArray]  # rows, ascending, and the strength of the link to each; both (F,)
NOTHING = np.zeros(0, np.int64)  # names and stems that link nothing


def followers(postings: Postings, row: int, most: int, config: MemoryConfig) -> tuple[Followers, Followers]:
    """The ``most`` rows to which ``row`` is linked most strongly: by words, and by names.

    Returns:
        What `stem_links` finds, and what `name_links` finds; of equals those with the lower rows.
    """
    rows, fast = np.array([row]), kernels.loaded()
    if fast is not None and postings.complete and not postings.has_titles:
        return _followers(fast, postings, rows, most, config)
    words = stem_links(postings, rows, NOTHING, config.content_max_df)
    names = name_links(postings, rows, NOTHING, config.content_max_df)
    return (
        _strongest(words, words.strength(config.naming_weight), most),
        _strongest(names, names.strength(config.naming_weight, config.sharing_weight), most),
    )


def _strongest(links: StemLinks | NameLinks, strength: FloatArray, most: int) -> Followers:
    best = largest(strength, most)
    return links.target[best], strength[best]


def _followers(
    fast: Any, postings: Postings, rows: IntArray, most: int, config: MemoryConfig
) -> tuple[Followers, Followers]:
    """`followers`, compiled, where no memory has a title: then nothing calls another by its name."""
    targets, weights = np.empty((2, most), np.int64), np.empty((2, most), np.float32)
    held, max_df = np.empty(2, np.int64), config.content_max_df

    def fill(*room: npt.NDArray[Any]) -> None:
        fast.followers(
            postings.tables, *postings.saturation, postings.stop_terms, NOTHING, postings.linking(max_df),
            postings.rarities(max_df), config.sharing_weight, rows, postings.scratch, targets, weights, held,
            *room,
        )  # fmt: skip

    in_room(fill, np.int64, np.int64, np.float64, np.int64, np.bool_)
    by_words, by_names = held.tolist()
    return (targets[0, :by_words], weights[0, :by_words]), (targets[1, :by_names], weights[1, :by_names])
