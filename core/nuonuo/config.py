"""Every constant of the engine, in one place. One default serves every kind of text."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from nuonuo.errors import InvalidInputError, InvalidTypeError


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """The constants of the recall pipeline; a weight of 0 switches its part off.

    Raises:
        InvalidTypeError, InvalidInputError: a value of the wrong type, NaN, or below its bound.
    """

    # -- cues: by what a memory is found ---------------------------------------------------------
    sentence_cues: bool = True  # each sentence of a longer text has a vector of its own
    date_cues: bool = True  # a date in a question is answered by timestamps

    # -- candidates: what is scored at all ------------------------------------------------------
    dense_candidates: int = 30  # memories nearest to the question's vector
    lexical_candidates: int = 30  # memories that share its rarest words
    oversampling: int = 5  # sketches looked at for each dense candidate; more is more exact

    # -- energy: how well a memory completes the question ---------------------------------------
    token_weight: float = 1.0  # token patterns, word by word
    lexical_weight: float = 0.5  # BM25 over stems, relative to the most that the question allows
    dense_weight: float = 0.4  # cosine of the best sentence vector
    idf_power: float = (
        0.7  # a token's share of the question is (idf / pieces) ** power: rare words lead, and do not rule
    )
    bm25_k1: float = 1.2  # saturation of a word's frequency (Robertson & Zaragoza 2009)
    bm25_b: float = 0.75  # normalisation by length
    neighbour_discount: float = 0.85  # a word answered one turn away counts this much, two away its square
    reply_discount: float = 1.0  # a word of a question, in the turn that answers it
    asked_discount: float = 0.85  # what a question that was answered completes: its answer is looked for
    echo_discount: float = 0.3  # what is left of a turn that asks what the question asks, and no more
    common_loss: float = 1.0  # share of its neighbours' completions that a turn loses if everyone is told it
    long_discount: float = 0.25  # a longer text completes more by chance: (short_turn / length) ** this
    short_turn: int = 40  # content tokens up to which a turn leaves unsaid what its neighbours said
    date_fade: float = 1.0  # days; a memory that far, and the length of the period, outside of it counts half

    # -- association: what activation reaches from the best --------------------------------------
    temporal_near: float = 0.24  # share of the better direct neighbour's energy that is added
    temporal_reply: float = 0.34  # the same share for a turn that answers the one before it
    temporal_far: float = 0.14  # the same, two turns away
    temporal_own: float = 0.85  # neighbours lend only what they have beyond this share of its own energy
    link_sources: int = 10  # memories from which activation flows along content and explicit links
    link_targets: int = 128  # memories that it may reach
    content_weight: float = 3.0  # flow along content links
    content_floor: float = 0.02  # flow that needs no open word to complete
    naming_weight: float = 1.0  # strength of a link to a memory that the source names, by the name's rarity
    sharing_weight: float = 1.0  # the same to one that has the name too, the less the more they are
    naming_floor: float = 0.15  # flow to what is named that needs no open word
    named_weight: float = 1.0  # what a memory has from being named by the question, as if by a source
    branch_weight: float = 1.0  # how loud it speaks then, however far behind the best it stands
    hop_weight: float = 1.0  # how loud the end of a branch speaks, as far as the question stays open
    content_sharpness: float = 10.0  # how much less the lesser sources give: (E / E_best) ** sharpness
    content_max_df: int = 50  # a stem in more memories than this links nothing
    explicit_weight: float = 0.5  # flow along explicit associations
    hub_damping: float = 0.5  # an explicit association weighs 1 / in-degree ** damping

    # -- completion together ---------------------------------------------------------------------
    together_weight: float = 1.0  # what a memory adds to the words that those before it left open
    together: int = 10  # how many hits are chosen so, one after another
    repeat_loss: float = 0.5  # share of its own energy that a repeat loses to the hit that it repeats
    redundancy_weight: float = 0.1  # what a passage without a session loses, times its likeness to a hit

    # -- settling --------------------------------------------------------------------------------
    beta: float = 30.0  # inverse temperature of the softmax over candidates and the null pattern
    null_energy: float = 0.57  # the null pattern's energy: what a question about nothing stored reaches

    # -- pattern separation and chains -----------------------------------------------------------
    n_units: int = 16384
    n_active: int = 50
    separation_seed: int = 0
    chain_temporal: float = 0.4  # strength of a temporal association in a walk; explicit ones weigh up to 1
    chain_content: float = 0.6  # the same for content associations

    # -- language --------------------------------------------------------------------------------
    language: str | None = "english"  # Snowball stemmer and stop words; None for neither

    # -- long texts; all in bytes of UTF-8 ------------------------------------------------------
    text_bytes: int = 4 << 20  # of a text, a cue or a question; a longer one is refused
    embedded_bytes: int = 16384  # of a text, and of its cues together; the rest is found by its words
    question_bytes: int = 8192  # of a question that are asked; of a longer one its most informative part

    # -- memory held in RAM ----------------------------------------------------------------------
    shard_bytes: int = 2 << 30  # derived state kept of all namespaces; the least recently used go first
    shard_memories: int = 500_000  # of a namespace: a larger one in PostgreSQL is asked there; 0 for no bound

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), field.type
            if field.name == "language":
                if value is not None and not isinstance(value, str):
                    raise InvalidTypeError(f"language must be a str or None, got {value!r}")
            elif kind == "bool":
                if not isinstance(value, bool):
                    raise InvalidTypeError(f"{field.name} must be True or False, got {value!r}")
            elif isinstance(value, bool) or not isinstance(value, int if kind == "int" else (int, float)):
                raise InvalidTypeError(
                    f"{field.name} must be {'an int' if kind == 'int' else 'a number'}, "
                    f"got {type(value).__name__} {value!r}"
                )
            elif not math.isfinite(value) or value < _LEAST.get(field.name, 0):
                raise InvalidInputError(
                    f"{field.name} must be finite and at least {_LEAST.get(field.name, 0)}, got {value!r}"
                )
            elif value > _MOST.get(field.name, math.inf):
                raise InvalidInputError(f"{field.name} must be at most {_MOST[field.name]}, got {value!r}")


_LEAST = {
    "dense_candidates": 1,
    "lexical_candidates": 1,
    "oversampling": 1,
    "beta": 1e-3,
    "null_energy": -10,
    "n_units": 64,
    "n_active": 1,
    "text_bytes": 1,
    "embedded_bytes": 2048,
    "question_bytes": 4096,
    "shard_bytes": 1 << 20,
}
_MOST = {
    "bm25_b": 1,
    "neighbour_discount": 1,
    "reply_discount": 1,
    "asked_discount": 1,
    "echo_discount": 1,
    "common_loss": 1,
    "repeat_loss": 1,
    "temporal_own": 1,
}
