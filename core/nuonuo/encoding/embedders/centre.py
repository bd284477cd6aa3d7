"""The centre of the token space: what token vectors are relative to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.encoding.embedders.windows import Runtime, encode

# The centre of the token space is the mean token vector over this text. Any plain prose does: what
# it removes is the direction that every token of this encoder shares. It must never change, since
# the stored patterns are signs relative to it.
CENTRE_TEXT = (
    "In the morning she walked to the market and bought apples, bread and a newspaper.",
    "The committee will meet next Thursday to decide how the money should be spent.",
    "He has worked as a nurse for eleven years, mostly at night, and likes it.",
    "Water boils at a lower temperature in the mountains because the air is thinner.",
    "My brother's car broke down on the way to the airport, so we took a train instead.",
    "Could you recommend a book about the history of the city for somebody who is new here?",
    "The film was directed by a young woman from Norway and won two prizes in 1998.",
    "I think the best part of the holiday was the evening when it finally rained.",
    "They moved to a smaller house after the children had left for university.",
    "To reset the device, hold the button for ten seconds and wait until the light turns green.",
    "Our team lost the game, but everyone agreed that the new goalkeeper played very well.",
    "The company, founded in a garage, now has offices in Berlin, Tokyo and Buenos Aires.",
)

# What rounding makes of the centre is below 1e-6 from one machine, backend or version to another; between
# float32 and int8 weights there is 1e-2.
SAME = 1e-5


def centre_of(runtime: Runtime, most: int) -> FloatArray:
    """The centre (d',) float32 as a model computes it; ``most`` tokens a batch."""
    made = encode(runtime.windows(CENTRE_TEXT), runtime, np.float32(0), most)
    return np.asarray(np.concatenate([each.tokens for each in made if each.tokens is not None]).mean(axis=0))


@cache
def known_centres() -> dict[str, FloatArray]:
    """The centre of each form of all-MiniLM-L6-v2, by the embedder's name.

    Written down, not computed: so it is the same on every machine, and the first answer need not wait for it.
    """
    written = json.loads(Path(__file__).with_name("centres.json").read_text(encoding="utf-8"))
    return {name: np.array(values, np.float32) for name, values in written.items()}


def same_centre(centre: FloatArray) -> str | None:
    """The form of all-MiniLM-L6-v2 whose centre ``centre`` is, but for rounding; None where there is none."""
    for name, known in known_centres().items():
        if known.shape == centre.shape and float(np.abs(known - centre).max()) < SAME:
            return name
    return None
