"""The recall pipeline: from a question to the memories that complete it, over one shard.

    candidates -> energy -> association -> chosen together -> settled

Each stage is one function below, in that order; `recall` runs them. The equations stand in the README's
design section, the constants in `MemoryConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nuonuo import hopfield
from nuonuo.arrays import IntArray, largest
from nuonuo.config import MemoryConfig
from nuonuo.shard import NOBODY, Shard
from nuonuo.tokens import QueryTokens, best_of, similarities
from nuonuo.words import Word

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

FAINT = 0.01  # a content link that carries less than this of the best's activation moves nothing


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question, prepared: its words, and what the encoder made of it.

    Shapes:
        state: (d,) float32, its unit sentence vector.
        tokens: its content tokens, or None where there are no token vectors.
    """

    text: str
    words: list[Word]
    state: FloatArray
    tokens: QueryTokens | None


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Candidates and what each signal says of them; rows ascend.

    Shapes: C candidates, T query tokens.
        rows: (C,) int64. own: (C, T), s_t(m), each token's best completion by the memory itself.
        completed: (C, T), e_t(m), the same with its neighbours' help, at a discount.
        tokens, lexical, dense, temporal, content, explicit: (C,), each signal's share of the energy.
        source: (C,), the row from which activation came along a link, -1 for none.
        link: (C,), the weight of that link; cosines: (C,), of the best sentence vector.
    """

    rows: IntArray
    own: FloatArray
    completed: FloatArray
    tokens: FloatArray
    lexical: FloatArray
    dense: FloatArray
    temporal: FloatArray
    content: FloatArray
    explicit: FloatArray
    source: IntArray
    link: FloatArray
    cosines: FloatArray

    @property
    def base(self) -> FloatArray:
        """How well each candidate completes the question, before any association."""
        return self.tokens + self.lexical + self.dense

    @property
    def energy(self) -> FloatArray:
        """E(m): everything that speaks for a candidate by itself."""
        return self.base + self.temporal + self.content + self.explicit


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The result of the pipeline.

    Shapes: at: (k,) indices into ``scored``, best first; together: (k,), what each adds to those before it.
    """

    scored: Scored
    at: IntArray
    together: FloatArray
    weights: FloatArray
    confidence: float


def recall(shard: Shard, question: Question, k: int, mask: BoolArray, config: MemoryConfig) -> Ranking:
    """The ``k`` rows of ``mask`` (n,) that complete ``question`` best, and how sure that is."""
    stems = [word.stem for word in question.words]
    weights = word_weights(shard, question, config)
    lexical = shard.postings.scores(stems) / np.float32(max(shard.postings.most(stems), 1e-9))
    lexical[~mask] = 0
    rows = candidates(shard, question, lexical, max(k, config.dense_candidates), mask, config)
    scored = score(shard, question, rows, weights, lexical, config)
    scored = associate(shard, question, scored, weights, lexical, mask, config)
    at, together = choose(scored, weights, k, config)
    settled = hopfield.weights(scored.base, config.beta, config.null_energy)
    return Ranking(scored, at, together, weights, float(settled.confidence))


def word_weights(shard: Shard, question: Question, config: MemoryConfig) -> FloatArray:
    """w_t: each query token's share of the question (T,), by the idf of its word; shares sum to 1.

    Without token vectors each content word is one token.
    """
    owner = token_words(question)
    if not len(owner):
        return np.zeros(0, np.float32)
    pieces = np.bincount(owner, minlength=len(question.words))
    idf = np.array([shard.postings.idf(word.stem) for word in question.words], np.float32)
    share = (idf / np.maximum(pieces, 1)).astype(np.float32)
    weights: FloatArray = share[owner] ** np.float32(config.idf_power)
    weights /= weights.sum()
    return weights


def candidates(
    shard: Shard, question: Question, lexical: FloatArray, dense: int, mask: BoolArray, config: MemoryConfig
) -> IntArray:
    """The rows worth scoring: nearest dense cues, best lexical ones, and their temporal neighbours."""
    if np.count_nonzero(mask) <= dense + config.lexical_candidates:
        return np.flatnonzero(mask)
    found: list[IntArray] = [shard.vectors.nearest(question.state, dense, mask)]
    worded = np.flatnonzero(lexical)
    found.append(worded[largest(lexical[worded], config.lexical_candidates)])
    cued = np.concatenate(found)
    found += [side for distance in (1, 2) for side in shard.neighbours(cued, distance)]
    wanted = np.zeros(len(mask), bool)
    for rows in found:
        wanted[rows[rows != NOBODY]] = True
    return np.flatnonzero(wanted & mask)


def score(
    shard: Shard,
    question: Question,
    rows: IntArray,
    weights: FloatArray,
    lexical: FloatArray,
    config: MemoryConfig,
) -> Scored:
    """The energy of each of ``rows`` (C,) before associations beyond its neighbours in time."""
    own = own_completion(shard, question, rows)
    cosines = shard.vectors.cosines(rows, question.state)
    return _with_neighbours(shard, question, rows, own, cosines, weights, lexical, config)


def token_words(question: Question) -> IntArray:
    """For each token of the question (T,) the index of its word."""
    if question.tokens is not None:
        return question.tokens.words
    return np.array([at for at, word in enumerate(question.words) if word.content], np.int64)


def own_completion(shard: Shard, question: Question, rows: IntArray) -> FloatArray:
    """s_t(m) (C, T): for each token of the question, its best completion by the memory itself.

    Without token vectors a word is completed (1) where its stem stands in the memory, and not (0) elsewhere.
    """
    if question.tokens is None:
        stems = [question.words[at].stem for at in token_words(question)]
        found = [[shard.postings.has(row, stem) for stem in stems] for row in rows.tolist()]
        return np.array(found, np.float32).reshape(len(rows), len(stems))
    patterns, counts = shard.patterns.gather(rows)
    return best_of(similarities(patterns, question.tokens), counts)


def _with_neighbours(
    shard: Shard,
    question: Question,
    rows: IntArray,
    own: FloatArray,
    cosines: FloatArray,
    weights: FloatArray,
    lexical: FloatArray,
    config: MemoryConfig,
) -> Scored:
    before1, after1, before2, after2 = (
        places_of(rows, side) for distance in (1, 2) for side in shard.neighbours(rows, distance)
    )
    # e_t(m) = max(s_t(m), g s_t(m +- 1), g^2 s_t(m +- 2)); the last row of `padded` stands for nobody.
    padded = np.vstack([own, np.zeros((1, own.shape[1]), np.float32)])
    g = np.float32(config.neighbour_discount)
    near = np.maximum(padded[before1], padded[after1])
    far = np.maximum(padded[before2], padded[after2])
    completed = np.maximum(own, np.maximum(g * near, g * g * far))
    if question.tokens is None:  # what the tokens would say, the sentence vector says alone
        tokens = np.zeros(len(rows), np.float32)
        dense = np.float32(config.dense_weight + config.token_weight) * cosines
    else:
        tokens = np.float32(config.token_weight) * (completed @ weights)
        dense = np.float32(config.dense_weight) * cosines
    worded = np.float32(config.lexical_weight) * lexical[rows]
    base = np.append(tokens + worded + dense, np.float32(0))
    temporal = np.float32(config.temporal_near) * np.maximum(base[before1], base[after1])
    temporal += np.float32(config.temporal_far) * np.maximum(base[before2], base[after2])
    zeros = np.zeros(len(rows), np.float32)
    return Scored(
        rows,
        own,
        completed,
        tokens,
        worded,
        dense,
        np.maximum(temporal, 0),
        zeros,
        zeros,
        np.full(len(rows), NOBODY),
        zeros,
        cosines,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Associations that leave the best candidates. Shapes: all (L,); ``strength`` is the source's activation."""

    source: IntArray
    target: IntArray
    weight: FloatArray
    strength: FloatArray
    explicit: BoolArray


def associate(
    shard: Shard,
    question: Question,
    scored: Scored,
    weights: FloatArray,
    lexical: FloatArray,
    mask: BoolArray,
    config: MemoryConfig,
) -> Scored:
    """Let activation flow from the best along content and explicit links.

    Content: E(j) += c max_i V_ij (E(i) / E_best)^p (f + gain_ij), with gain_ij what j adds to the words
    that i leaves open: where nothing is open, nothing flows. Explicit: E(j) += c' max_i A_ij (E(i) / E_best)^p E(i).
    """
    links = outgoing(shard, question, scored, mask, config)
    if not len(links.target):
        return scored
    scored = _reach(shard, question, scored, np.unique(links.target), weights, lexical, config)
    at, to = places_of(scored.rows, links.source), places_of(scored.rows, links.target)
    gain = np.maximum(scored.own[to] - scored.own[at], 0) @ weights
    flow = (
        links.weight
        * links.strength
        * np.where(
            links.explicit,
            np.float32(config.explicit_weight) * scored.energy[at],
            np.float32(config.content_weight) * (np.float32(config.content_floor) + gain),
        )
    )
    shares: dict[str, FloatArray] = {}
    source, link = scored.source.copy(), scored.link.copy()
    strongest = np.zeros(len(scored.rows), flow.dtype)  # it is compared with the flow
    for name, kind in (("content", ~links.explicit), ("explicit", links.explicit)):
        shares[name] = np.zeros(len(scored.rows), np.float32)
        np.maximum.at(shares[name], to[kind], flow[kind])
    np.maximum.at(strongest, to, flow)
    via = np.flatnonzero((flow == strongest[to]) & (flow > 0))[::-1]  # of equals the first one stands
    source[to[via]], link[to[via]] = links.source[via], links.weight[via]
    return replace(scored, content=shares["content"], explicit=shares["explicit"], source=source, link=link)


def outgoing(
    shard: Shard, question: Question, scored: Scored, mask: BoolArray, config: MemoryConfig
) -> Links:
    """The links from the best candidates to rows of ``mask``, no more targets than the config allows."""
    energy = scored.energy
    best = energy.max(initial=0)
    sources = largest(energy, config.link_sources) if best > 0 else np.zeros(0, np.int64)
    strength = np.maximum(energy[sources] / best, 0) ** np.float32(config.content_sharpness)
    rows = scored.rows[sources]
    asked = frozenset(word.stem for word in question.words)
    max_df = config.content_max_df if config.content_weight else 0
    number, target, weight = shard.postings.links(rows.tolist(), asked, max_df)
    explicit = [
        (at, to, shard.codes.damped(row, to))
        for at, row in enumerate(rows.tolist() if config.explicit_weight else [])
        for to in sorted(shard.codes.outgoing(row))
    ]
    kind = np.repeat([False, True], [len(number), len(explicit)])
    if explicit:
        number = np.append(number, [at for at, _, _ in explicit])
        target = np.append(target, [to for _, to, _ in explicit])
        weight = np.append(weight, np.array([damped for _, _, damped in explicit], np.float32))
    ranked = np.where(mask[target], weight * strength[number] + kind, -1)  # explicit ones first
    keep = largest(ranked, config.link_targets)
    keep = keep[ranked[keep] > FAINT]
    number = number[keep]
    return Links(rows[number], target[keep], weight[keep], strength[number], kind[keep])


def _reach(
    shard: Shard,
    question: Question,
    scored: Scored,
    targets: IntArray,
    weights: FloatArray,
    lexical: FloatArray,
    config: MemoryConfig,
) -> Scored:
    """Score the ``targets`` that are no candidates yet, and the candidates with them."""
    fresh = targets[places_of(scored.rows, targets) == len(scored.rows)]
    if not len(fresh):
        return scored
    rows = np.concatenate([scored.rows, fresh])
    order = np.argsort(rows)
    own = np.vstack([scored.own, own_completion(shard, question, fresh)])[order]
    cosines = np.concatenate([scored.cosines, shard.vectors.cosines(fresh, question.state)])[order]
    return _with_neighbours(shard, question, rows[order], own, cosines, weights, lexical, config)


def choose(scored: Scored, weights: FloatArray, k: int, config: MemoryConfig) -> tuple[IntArray, FloatArray]:
    """The first k one after another, each for what it adds to those before it.

    The next is the candidate with the greatest E(m) + c sum_t w_t max(0, s_t(m) - covered_t), covered_t
    being the best s_t among those chosen. What a candidate adds never grows, so scores never rise.
    """
    energy = scored.energy
    covered = np.zeros(scored.own.shape[1], np.float32)
    free = np.ones(len(energy), bool)
    chosen: list[int] = []
    added: list[float] = []
    bonus = np.zeros(len(energy), np.float32)
    for _ in range(min(k, config.together, len(energy))):
        bonus = np.float32(config.together_weight) * (np.maximum(scored.own - covered, 0) @ weights)
        best = int(np.argmax(np.where(free, energy + bonus, -np.inf)))
        chosen.append(best)
        added.append(float(bonus[best]))
        free[best] = False
        covered = np.maximum(covered, scored.own[best])
    bonus = np.float32(config.together_weight) * (np.maximum(scored.own - covered, 0) @ weights)
    rest = np.flatnonzero(free)
    rest = rest[np.argsort(-(energy + bonus)[rest], kind="stable")][: k - len(chosen)]
    return (
        np.concatenate([np.array(chosen, np.int64), rest]),
        np.concatenate([np.array(added, np.float32), bonus[rest]]),
    )


def places_of(rows: IntArray, wanted: IntArray) -> IntArray:
    """Where each of ``wanted`` stands in the ascending ``rows``; len(rows) for one that does not."""
    if not len(rows):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[at] == wanted, at, len(rows))
