"""What the encoder leaves of a memory and a store keeps: its traces, and by whom they were made.

All that an index needs of a text is worked out once, when the text is stored; from a file, a namespace is
put together by a few array operations over many memories (`Columns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, IntArray

SENTENCE = -1  # the part of a vector that stands for one sentence of the text
NO_LEXICON = 0  # of traces that say nothing of words: an older version's


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What the words of a memory come to, in numbers: no index keeps a word itself.

    A key is 63 bits of a stem's digest above one bit that says whether the stem links nothing
    (`nuonuo.encoding.lexicon`).

    Shapes:
        stems: (S,) uint64, the keys of the distinct stems of text and cues, in order.
        counts: (S,) int32, how often each stands there.
        title: (K,) int32, those among ``stems`` by which other memories name this one.
        length: how many words of the text complete a question.
        said: a digest of who says it and of its words, but for case, spaces and full stops.
        speaker: a digest of who says it; 0 where nobody is named.
        asks: whether it ends in a question.
    """

    stems: npt.NDArray[np.uint64]
    counts: npt.NDArray[np.int32]
    title: npt.NDArray[np.int32]
    length: int
    said: int
    speaker: int
    asks: bool


NO_WORDS = Words(np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.int32), 0, 0, 0, False)


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """What the encoder left of a memory's text and cues; stored, so that nothing is worked out twice.

    Part i is the i-th of `Memory.parts`: 0 for the text, then cues and paraphrases.

    Shapes:
        vectors: (C, d) int8, rounded (`nuonuo.associative.rounding`): of each window of the text, each of
            its sentences, then each window of every other part. norms: (C,) float32, their lengths.
        parts: (C,) int32, the part that each vector belongs to: as `Memory.parts`,
            `SENTENCE` for a sentence of the text.
        sketches: (F, ceil(d / 64)) uint64, the signs of those F vectors that are of no sentence.
        patterns: (T, ceil(d' / 8)) uint8, `np.packbits` of the signs of T content tokens' vectors,
            d' being the dimension of the encoder that has token vectors; T may be 0.
        spans: (T, 3) int32: part, start, end: the characters each pattern stands for.
        code: (n_active,) int32, ascending: the active units of the text's first vector.
        words: what its words come to. lexicon: a number for the rules by which; `NO_LEXICON` for none.
        partly: whether a part was embedded, since it is long; the rest is known by its words.
        older: whether the patterns were chosen by older rules, or another language's, than ``lexicon``'s.
    """

    vectors: npt.NDArray[np.int8]
    norms: npt.NDArray[np.float32]
    parts: npt.NDArray[np.int32]
    sketches: npt.NDArray[np.uint64]
    patterns: npt.NDArray[np.uint8]
    spans: npt.NDArray[np.int32]
    code: npt.NDArray[np.int32]
    words: Words = NO_WORDS
    lexicon: int = NO_LEXICON
    partly: bool = False
    older: bool = False

    def reread(self, words: Words, lexicon: int) -> Traces:
        """These traces with the ``words`` of other rules; what was chosen by the old ones stays `older`."""
        return replace(self, words=words, lexicon=lexicon, older=True)


@dataclass(frozen=True, slots=True, eq=False)
class WordColumns:
    """The `Words` of N memories, field by field.

    Shapes: stems, counts, title: blocks, one a memory; the others (N,).
    """

    stems: Blocks
    counts: Blocks
    title: Blocks
    length: IntArray
    said: npt.NDArray[np.uint64]
    speaker: npt.NDArray[np.uint64]
    asks: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, words: Sequence[Words]) -> WordColumns:
        """Those of one memory or more."""
        return cls(
            Blocks.of([each.stems for each in words]),
            Blocks.of([each.counts for each in words]),
            Blocks.of([each.title for each in words]),
            np.array([each.length for each in words], np.int64),
            np.array([each.said for each in words], np.uint64),
            np.array([each.speaker for each in words], np.uint64),
            np.array([each.asks for each in words], np.bool_),
        )

    @classmethod
    def join(cls, parts: Sequence[WordColumns]) -> WordColumns:
        """All ``parts``, of which there must be one at least, one after another."""
        return cls(*_joined(parts))

    def take(self, at: IntArray) -> WordColumns:
        """Those of the memories ``at`` (C,)."""
        return WordColumns(*(getattr(self, field.name).take(at) for field in fields(self)))

    def __getitem__(self, at: int) -> Words:
        return Words(
            self.stems[at],
            self.counts[at],
            self.title[at],
            int(self.length[at]),
            int(self.said[at]),
            int(self.speaker[at]),
            bool(self.asks[at]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The `Traces` of N memories, field by field: blocks, one a memory.

    Shapes:
        norms: beside the rows of ``vectors``. lexicons, partly, older: (N,).
    """

    vectors: Blocks
    norms: npt.NDArray[np.float32]
    parts: npt.NDArray[np.int32]
    sketches: Blocks
    patterns: Blocks
    spans: Blocks
    codes: Blocks
    words: WordColumns
    lexicons: IntArray
    partly: npt.NDArray[np.bool_]
    older: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, traces: Sequence[Traces]) -> Columns:
        """Those of one memory or more."""
        return cls(
            Blocks.of([each.vectors for each in traces]),
            np.concatenate([each.norms for each in traces]),
            np.concatenate([each.parts for each in traces]),
            Blocks.of([each.sketches for each in traces]),
            Blocks.of([each.patterns for each in traces]),
            Blocks.of([each.spans for each in traces]),
            Blocks.of([each.code for each in traces]),
            WordColumns.of([each.words for each in traces]),
            np.array([each.lexicon for each in traces], np.int64),
            np.array([each.partly for each in traces], np.bool_),
            np.array([each.older for each in traces], np.bool_),
        )

    @classmethod
    def join(cls, parts: Sequence[Columns]) -> Columns:
        """All ``parts``, of which there must be one at least, one after another."""
        return cls(*_joined(parts))

    def take(self, at: IntArray) -> Columns:
        """Those of the memories ``at`` (C,)."""
        vectors = self.vectors.places(at)
        return Columns(
            Blocks(self.vectors.rows[vectors], self.vectors.counts[at]),
            self.norms[vectors],
            self.parts[vectors],
            self.sketches.take(at),
            self.patterns.take(at),
            self.spans.take(at),
            self.codes.take(at),
            self.words.take(at),
            self.lexicons[at],
            self.partly[at],
            self.older[at],
        )

    def __getitem__(self, at: int) -> Traces:
        blocks = self.vectors.counts
        vectors = slice(int(blocks[:at].sum()), int(blocks[: at + 1].sum()))
        return Traces(
            self.vectors.rows[vectors],
            self.norms[vectors],
            self.parts[vectors],
            self.sketches[at],
            self.patterns[at],
            self.spans[at],
            self.codes[at],
            self.words[at],
            int(self.lexicons[at]),
            bool(self.partly[at]),
            bool(self.older[at]),
        )


def _joined(parts: Sequence[Any]) -> Iterator[Any]:
    """Field by field, the columns of all ``parts`` one after another."""
    for field in fields(parts[0]):
        columns = [getattr(part, field.name) for part in parts]
        own = columns[0]
        yield np.concatenate(columns) if isinstance(own, np.ndarray) else type(own).join(columns)


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
