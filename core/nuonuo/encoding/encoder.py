"""Texts to traces: what the embedder makes of memories and questions, as it is stored and asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.associative.separation import PatternSeparator, WinnerTakeAll, checked_codes
from nuonuo.config import MemoryConfig
from nuonuo.encoding.dates import DateFinder
from nuonuo.encoding.embedders import Embedder, Encoding
from nuonuo.encoding.encodings import Encodings
from nuonuo.encoding.excerpts import Excerpt, Frequencies, are_whole, excerpts, informative
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.encoding.sentences import sentences
from nuonuo.encoding.tokens import asked, patterns_of
from nuonuo.encoding.words import Analyzer, Word
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.records import Memory
from nuonuo.traces import SENTENCE, Identity, Traces

FloatArray = npt.NDArray[np.float32]

TOGETHER = 1 << 17  # bytes of text encoded at a time: a token's vector takes far more room than its word


@dataclass(frozen=True, slots=True)
class Reading:
    """What is embedded of one memory: of its text, of its first cues and paraphrases, and its sentences."""

    memory: Memory
    parts: list[Excerpt]
    sentences: list[str]

    @property
    def texts(self) -> list[str]:
        return [*(part.text for part in self.parts), *self.sentences]


def _unknown(stems: Sequence[str]) -> list[int]:
    """The frequencies of stems where there is no memory."""
    return [0] * len(stems)


def separated(config: MemoryConfig, separator: object) -> MemoryConfig:
    """``config`` with the width of the codes that ``separator`` makes.

    Raises:
        InvalidTypeError: it is no `PatternSeparator`. InvalidInputError: its codes cannot be used.
    """
    if not isinstance(separator, PatternSeparator):
        raise InvalidTypeError(
            "separator must have dimension, n_units, n_active, encode and describe, got "
            f"{type(separator).__name__}; for weights in a file give LearnedProjection.load(path)"
        )
    return replace(config, n_units=separator.n_units, n_active=separator.n_active)


class Encoder:
    """An embedder, the source of token patterns and the pattern separation, as one.

    Args:
        embedder: gives the sentence vectors.
        token_embedder: gives the token vectors; the embedder itself where None.
        separator: gives the codes; where None, `WinnerTakeAll` by the numbers of ``config``.

    Raises:
        InvalidInputError: the separator takes vectors of another length than the embedder's.
    """

    def __init__(
        self,
        embedder: Embedder,
        token_embedder: Embedder | None,
        config: MemoryConfig,
        separator: PatternSeparator | None = None,
    ) -> None:
        self._embedder = embedder
        self._tokens = token_embedder or embedder
        self._sentences = config.sentence_cues
        self._embedded_bytes, self._question_bytes = config.embedded_bytes, config.question_bytes
        self.analyzer = Analyzer(config.language)
        self.lexicon = Lexicon(self.analyzer)
        self._dates = DateFinder(config.language) if config.date_cues else None
        self._separation = separator or WinnerTakeAll(
            embedder.dimension, config.n_units, config.n_active, config.separation_seed
        )
        if self._separation.dimension != embedder.dimension:
            raise InvalidInputError(
                f"the separator takes vectors of dimension {self._separation.dimension}, and "
                f"{embedder.name!r} gives {embedder.dimension}; learn one from vectors of this embedder"
            )
        self._encodings = Encodings(embedder, self._tokens)

    @property
    def identity(self) -> Identity:
        """What a store remembers of this encoder."""
        token_embedder = self._tokens.name if self._tokens.token_dimension else None
        return Identity(
            self._embedder.name, self._embedder.dimension, token_embedder, self._separation.describe()
        )

    @property
    def pattern_bytes(self) -> int:
        """Bytes of one token pattern: ceil(d' / 8), 0 where there are none."""
        return -(-(self._tokens.token_dimension or 0) // 8)

    def traces(self, memories: Sequence[Memory], known: Sequence[Traces | None] = ()) -> list[Traces]:
        """The traces of each memory's text and cues.

        Of a text `MemoryConfig.embedded_bytes` are embedded (`nuonuo.encoding.excerpts.excerpts`), and
        of its cues and paraphrases as many together: windows, sentences and token patterns come from these.

        Args:
            known: what is stored of the same texts and cues, where anything is: they are not embedded again.
        """
        kept = [
            self._kept(memory, traces)
            for memory, traces in zip(memories, known or [None] * len(memories), strict=True)
        ]
        new = iter(self._new([memory for memory, each in zip(memories, kept, strict=True) if each is None]))
        return [next(new) if each is None else each for each in kept]

    def _kept(self, memory: Memory, known: Traces | None) -> Traces | None:
        """``known`` as the traces of ``memory``, if it was made by the rules of today."""
        if (
            known is None
            or known.partly
            or known.older
            or known.lexicon != self.lexicon.number
            or not are_whole(memory.parts, self._embedded_bytes)
            or bool((known.parts == SENTENCE).any()) != bool(self._sentences and sentences(memory.text))
        ):
            return None
        return replace(known, words=self.lexicon.words(memory))

    def _new(self, memories: Sequence[Memory]) -> list[Traces]:
        """The traces of memories that are embedded."""
        found: list[Traces] = []
        for batch in _batches(map(self._reading, memories)):
            encodings = iter(
                self._encodings.of([text for reading in batch for text in reading.texts], "document")
            )
            found += self._traces(batch, [[next(encodings) for _ in reading.texts] for reading in batch])
        return found

    def _reading(self, memory: Memory) -> Reading:
        """What is embedded of ``memory``."""
        parts = excerpts(memory.parts, self._embedded_bytes)
        return Reading(memory, parts, sentences(parts[0].text) if self._sentences else [])

    def _traces(self, batch: Sequence[Reading], encoded: Sequence[Sequence[Encoding]]) -> list[Traces]:
        """The traces of the memories of ``batch``.

        Args:
            encoded: of each of them, what was made of its `Reading.texts`.
        """
        blocks: list[FloatArray] = []
        parts: list[npt.NDArray[np.int32]] = []
        for reading, own in zip(batch, encoded, strict=True):
            n = len(reading.parts)
            ordered = [each.vectors for each in (own[0], *own[n:], *own[1:n])]
            numbers = np.array([0] + [SENTENCE] * len(reading.sentences) + [*range(1, n)], np.int32)
            parts.append(numbers.repeat([len(block) for block in ordered]))
            blocks += ordered
        # All at once: of one memory's few vectors an operation takes as long as of many.
        vectors = np.concatenate(blocks).astype(np.float16)  # first: older files kept no more of them
        rounded, norms = round_vectors(vectors)
        sketches, ends = sketch(vectors), np.cumsum([len(of) for of in parts]).tolist()
        codes = self._codes(vectors[[0, *ends[:-1]]].astype(np.float32))
        found: list[Traces] = []
        for reading, own, of, end, code in zip(batch, encoded, parts, ends, codes, strict=True):
            at = slice(end - len(of), end)
            words = self.lexicon.read(reading.memory)
            patterns, spans = self._patterns(reading, own[: len(reading.parts)], words)
            found.append(
                Traces(
                    vectors=rounded[at].copy(),  # what is kept of one memory must hold nothing of the others
                    norms=norms[at].copy(),
                    parts=of,
                    sketches=sketches[at][of != SENTENCE],
                    patterns=patterns,
                    spans=spans,
                    code=code.copy(),
                    words=self.lexicon.words(reading.memory, words),
                    lexicon=self.lexicon.number,
                    partly=not are_whole(reading.memory.parts, self._embedded_bytes),
                )
            )
        return found

    def _patterns(
        self, reading: Reading, parts: Sequence[Encoding], words: Sequence[list[Word]]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """`Traces.patterns` and `Traces.spans` of one memory.

        Args:
            parts: what was made of the parts that are read. words: of the whole of each part.
        """
        patterns, spans = [np.zeros((0, self.pattern_bytes), np.uint8)], [np.zeros((0, 3), np.int32)]
        for number, (read, encoding) in enumerate(zip(reading.parts, parts, strict=True)):
            whole = read.text == reading.memory.parts[number]
            found, where = patterns_of(encoding, words[number] if whole else self.analyzer.words(read.text))
            if len(found):
                patterns.append(found)
                spans.append(np.column_stack([np.full(len(where), number, np.int32), read.places(where)]))
        return np.concatenate(patterns), np.concatenate(spans)

    def question(
        self, query: str, now: datetime | None = None, frequencies: Frequencies = _unknown
    ) -> Question:
        """As `questions`, for one."""
        return self.questions([query], now, frequencies)[0]

    def questions(
        self, queries: Sequence[str], now: datetime | None = None, frequencies: Frequencies = _unknown
    ) -> list[Question]:
        """Questions, prepared for the pipeline; they are embedded together.

        Of one that is longer than `MemoryConfig.question_bytes` the most informative part is asked
        (`nuonuo.encoding.excerpts.informative`).

        Args:
            now: what its relative dates count from (aware); the present where None.
            frequencies: in how many memories of the namespace stems stand; asked for a long question alone.
        """
        texts = [
            informative(query, self._question_bytes, self.analyzer, frequencies).text for query in queries
        ]
        today = now or datetime.now(timezone.utc)
        encodings = self._encodings.of(texts, "query")
        return [self._question(*each, today) for each in zip(queries, texts, encodings, strict=True)]

    def _question(self, query: str, text: str, encoding: Encoding, today: datetime) -> Question:
        vectors = encoding.vectors
        state = vectors[0] if len(vectors) == 1 else vectors.mean(axis=0)
        words = self.analyzer.words(text)
        periods = self._dates.find(text, today) if self._dates else ()
        for period in periods:
            inside = [at for at, word in enumerate(words) if period.start <= word.start < period.end]
            if not any(words[at].content for at in inside):  # what is made of stop words alone is a date too
                for at in inside:
                    words[at] = words[at]._replace(content=True)
        return Question(
            query, text, words, state / np.sqrt(state.dot(state)), asked(encoding, words), periods
        )

    def code(self, state: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """The winner-take-all code (n_active,) of one vector (d,)."""
        code: npt.NDArray[np.int32] = self._codes(state[None, :])[0]
        return code

    def _codes(self, vectors: FloatArray) -> npt.NDArray[np.int32]:
        return checked_codes(self._separation, self._separation.encode(vectors), len(vectors))

    def forget(self) -> None:
        """Drop every encoding that is kept: it could hold what was just forgotten."""
        self._encodings.forget()


def _batches(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """``readings`` in order, about `TOGETHER` bytes of text at a time."""
    batch: list[Reading] = []
    size = 0
    for reading in readings:
        own = sum(len(text.encode()) for text in reading.texts)
        if batch and size + own > TOGETHER:
            yield batch
            batch, size = [], 0
        batch.append(reading)
        size += own
    if batch:
        yield batch
