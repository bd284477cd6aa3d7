"""What the encoder leaves of a memory and a store keeps: its traces, and by whom they were made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SENTENCE = -1  # the part of a vector that stands for one sentence of the text


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """What the encoder left of a memory's text and cues; stored, so that nothing is embedded twice.

    Part i is the i-th of `Memory.parts`: 0 for the text, then cues and paraphrases.

    Shapes:
        vectors: (C, d) float16, unit rows: each window of the text, each of its sentences, then each
            window of every other part.
        parts: (C,) int32, the part that each vector belongs to: as `Memory.parts`,
            `SENTENCE` for a sentence of the text.
        patterns: (T, ceil(d' / 8)) uint8, `np.packbits` of the signs of T content tokens' vectors,
            d' being the dimension of the encoder that has token vectors; T may be 0.
        spans: (T, 3) int32: part, start, end: the characters each pattern stands for.
        code: (n_active,) int32, ascending: the active units of the text's first vector.
    """

    vectors: npt.NDArray[np.float16]
    parts: npt.NDArray[np.int32]
    patterns: npt.NDArray[np.uint8]
    spans: npt.NDArray[np.int32]
    code: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a store was made with; a store opens with nothing else.

    Attributes:
        embedder: the embedder's name. dimension: d.
        token_embedder: where the token patterns come from; None where there are none.
        separation: describes the pattern separation, such as ``"wta:16384:50:0"`` (units, active, seed).
    """

    embedder: str
    dimension: int
    token_embedder: str | None
    separation: str
