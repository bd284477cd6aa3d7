"""A small deterministic embedder with token vectors, and what tests of the engine share."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from nuonuo import AssociativeMemory, Encoding, Memory, MemoryConfig, Recall
from nuonuo.arrays import IntArray
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.words import Analyzer
from nuonuo.index.columns import Column
from nuonuo.index.sessions import Sessions
from nuonuo.stores import START, InMemoryStore, Rows
from nuonuo.traces import Traces

Opened = Callable[..., AssociativeMemory]

DIMENSION = 64
WINDOW = 40  # tokens

# The default pipeline over codes that cost little to make.
SMALL = MemoryConfig(n_units=512, n_active=12)
FAST = ("--set", "n_units=512", "--set", "n_active=12")  # the same for a command

# The same, with each of its cuts so tight that a few memories meet all of them.
TIGHT = MemoryConfig(
    n_units=512,
    n_active=12,
    dense_candidates=2,
    lexical_candidates=2,
    oversampling=1,
    link_sources=2,
    link_targets=3,
    together=2,
    content_max_df=4,
)

_TOKEN = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s]")


@lru_cache(maxsize=100_000)
def direction(token: str) -> npt.NDArray[np.float32]:
    """A random direction of the token's own: (DIMENSION,)."""
    seed = int.from_bytes(hashlib.sha256(token.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


class WordEmbedder:
    """Each token a random direction, each window of a text the sum of its tokens."""

    name = "words"
    dimension = DIMENSION
    token_dimension: int | None = DIMENSION
    symmetric = True

    def __init__(self) -> None:
        self.texts: list[str] = []  # all that it was asked for

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        self.texts += texts
        return [self._encode(text) for text in texts]

    encode_queries = encode_documents

    def _encode(self, text: str) -> Encoding:
        matches = list(_TOKEN.finditer(text))
        tokens = np.array([direction(match.group().casefold()) for match in matches], np.float32)
        tokens = tokens.reshape(-1, DIMENSION)
        spans = np.array([match.span() for match in matches], np.int32).reshape(-1, 2)
        windows = [tokens[at : at + WINDOW].sum(axis=0) for at in range(0, len(tokens), WINDOW)]
        vectors = np.stack(windows or [direction(text)])
        return Encoding(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), tokens, spans)


class VectorsOnly(WordEmbedder):
    """The same without token vectors."""

    name = "words, vectors only"
    token_dimension = None

    def _encode(self, text: str) -> Encoding:
        return Encoding(super()._encode(text).vectors)


def fresh(items: Sequence[Memory] = (), **settings: Any) -> AssociativeMemory:
    """A memory in RAM with the fake embedder that holds ``items``, one `add` each."""
    settings.setdefault("embedder", WordEmbedder())
    settings.setdefault("config", SMALL)
    made = AssociativeMemory(**settings)
    for item in items:
        made.add(item)
    return made


def state(memory: AssociativeMemory, namespace: str) -> dict[str, Any]:
    """The derived state of ``namespace``, which also brings it up to date."""
    with memory._shards.reading(namespace) as shard:
        return shard.state()


def everything(memory: AssociativeMemory) -> tuple[Any, ...]:
    """All that a memory holds, for: nothing has changed."""
    stats = memory.stats()
    return (
        memory.list(),
        [*memory._store.associations()],
        memory.namespaces(),
        (stats.memories, stats.namespaces, stats.associations),
        {namespace: state(memory, namespace) for namespace in memory.namespaces()},
    )


LEXICON = Lexicon(Analyzer("english"))
NO_ARRAYS = Traces(
    np.zeros((1, 64), np.int8),
    np.ones(1, np.float32),
    np.zeros(1, np.int32),
    np.zeros((1, 1), np.uint64),
    np.zeros((0, 8), np.uint8),
    np.zeros((0, 3), np.int32),
    np.arange(3, dtype=np.int32),
)


def rows_of(memories: Sequence[Memory]) -> Rows:
    """``memories`` as a store tells of them, with nothing of vectors."""
    made = [replace(memory, id=memory.id or f"m{at}", namespace="n") for at, memory in enumerate(memories)]
    traces = [replace(NO_ARRAYS, words=LEXICON.words(memory), lexicon=LEXICON.number) for memory in made]
    store = InMemoryStore()
    store.insert("n", [*zip(made, traces, strict=True)])
    added = store.changes("n", START).added
    assert added is not None
    return added


class ByRow(Protocol):
    """An index of a shard that is told of rows as a store tells of them."""

    def extend(self, n: int) -> None: ...
    def put(self, at: IntArray, rows: Rows) -> None: ...
    def clear(self, row: int) -> None: ...


class SessionsAlone(Sessions):
    """Sessions with the names that the fields of a shard keep for them."""

    def __init__(self) -> None:
        super().__init__()
        self._names = Column()

    def extend(self, n: int) -> None:
        super().extend(n)
        self._names.extend(n)

    def put(self, at: IntArray, rows: Rows) -> None:  # type: ignore[override]
        self._names.put(at, rows.sessions)
        super().put(at, self._names.numbers[at], rows.traces.words)

    def clear(self, row: int) -> None:
        super().clear(row)
        self._names.clear(row)


Index = TypeVar("Index", bound=ByRow)


def indexed(index: Index, memories: Sequence[Memory]) -> Index:
    """``index`` with one row a memory: the first half at once, the others one by one."""
    half = len(memories) // 2
    for at in (range(half), *([row] for row in range(half, len(memories)))):
        index.extend(len(at))
        if len(at):
            index.put(np.array(at, np.int64), rows_of([memories[row] for row in at]))
    return index


def some_left(index: ByRow, memories: Sequence[Memory], rng: random.Random) -> list[int]:
    """Clear some rows of ``index``, put some of them back, and return the rows that are left."""
    gone = rng.sample(range(len(memories)), rng.randint(0, len(memories)))
    back = rng.sample(gone, rng.randint(0, len(gone)))
    for row in gone:
        index.clear(row)
    for row in back:
        index.put(np.array([row]), rows_of([memories[row]]))
    return [row for row in range(len(memories)) if row not in gone or row in back]


def texts(recall: Recall) -> list[str]:
    return [hit.memory.text for hit in recall]


def bm25(texts: list[list[str]], query: list[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """The formula, word by word."""
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for stem in set(query):
            df = sum(stem in other for other in texts)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            f = text.count(stem)
            score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean)) if f else 0
        scores.append(score)
    return scores
