"""What goes into the memory and what comes out of it: small frozen dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone, tzinfo
from typing import Any, Literal, overload

DEFAULT_NAMESPACE = "default"

AssociationKind = Literal["temporal", "content", "name", "explicit"]


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing remembered: usually one turn of a conversation.

    Attributes:
        text: what is remembered; never empty.
        role: who said it (``"user"``, ``"assistant"``, ...), or None.
        timestamp: when it was said; aware, in UTC, to the microsecond. `add` also takes a naive datetime
            (read in the engine's timezone, UTC where it has none), a date, an ISO 8601 string or seconds
            since 1970.
        metadata: a JSON object of the caller's own, for filters and for the way back to its source.
        cues: further texts of the caller's own that should evoke it, such as questions that it answers.
        session_id: the conversation it belongs to; neighbours in one session become associated.
        id: unique in the file; given by the engine where the caller gives none.
        namespace: the wall between tenants. None for a record that was never given one: `add` fills it in.
            A memory that comes back always has one, and keeps it where it is added again.
        paraphrases: what a paraphraser made of the text; they go when the text changes.
        all_day: the timestamp names a day and no time of it ("2026-06-01", a date, a naive midnight): it is
            that day in every zone. `add` finds it out.
    """

    text: str
    role: str | None = None
    timestamp: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cues: tuple[str, ...] = ()
    session_id: str | None = None
    id: str | None = None
    namespace: str | None = None
    paraphrases: tuple[str, ...] = ()
    all_day: bool = False

    def when(self, zone: tzinfo) -> datetime | None:
        """Its time as the clocks of ``zone`` show it; midnight of its day where it has no time of the day."""
        return _shown(self.timestamp, self.all_day, zone)

    @property
    def parts(self) -> tuple[str, ...]:
        """All that evokes it: its text, which is part 0, its cues and its paraphrases."""
        return self.text, *self.cues, *self.paraphrases


def _shown(timestamp: datetime | None, all_day: bool, zone: tzinfo) -> datetime | None:
    if timestamp is None or all_day:
        return timestamp and timestamp.replace(tzinfo=zone)
    try:
        return timestamp.astimezone(zone)
    except OverflowError:  # the ends of the calendar
        return timestamp


MatchSource = Literal["text", "cue", "neighbour", "timestamp"]


@dataclass(frozen=True, slots=True)
class Match:
    """One word of the question and what completed it.

    Attributes:
        word: the word of the question, as it was written there.
        weight: its share of the question, in [0, 1]; the weights of a question's words sum to 1.
        answer: the word that completed it, as written in the memory, its cue or its neighbour.
        similarity: cosine of the two token patterns after the discount for neighbours; for a date how
            near the memory's time is to it, 1 inside.
        source: where the answer stands: the memory's own text, one of its cues, a neighbour's text, or
            the timestamp.
        memory_id: the memory that holds the answer (a neighbour's id where source is "neighbour").
    """

    word: str
    weight: float
    answer: str
    similarity: float
    source: MatchSource
    memory_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """One association that activation took: from one memory to the next.

    Attributes:
        source_id, target_id: the two memories.
        kind: "temporal" (neighbours in a session), "content" (they share rare words), "name" (they have a
            name in common, the target's title or not) or "explicit" (`AssociativeMemory.associate`).
        weight: the strength of the association, in [0, 1].
        words: for a content association, the words that the two share; for one by name, that name.
    """

    source_id: str
    target_id: str
    kind: AssociationKind
    weight: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a memory was recalled.

    Attributes:
        signals: what each signal gives; absent where zero. Those that are the memory's own sum to the
            score: "tokens", "lexical", "dense", "echo" (below zero: what it loses where it asks what the
            question asks), "temporal" (what the turns beside it have beyond its own), "named" (what it has
            from being named by the question), "content" (what flowed to it along words and names) and
            "explicit". Three more depend on the other hits: "together" (what it adds to those before it),
            "redundancy" (below zero: what it loses to one that it resembles or repeats) and "branch" (what
            it lacked of its place, which it has because the question names several things and it is the
            end of one of them).
        matches: which word of the question was completed by what, the weightiest first; a word that
            nothing completes is absent.
        path: the associations by which activation reached the memory, first to last; empty where
            it was found by the question alone.
        rank: the sum of all signals: what decided its place among the hits, and never rises from one hit
            to the next. It is of this recall alone; compare scores.
    """

    signals: Mapping[str, float]
    matches: Sequence[Match] = ()
    path: Sequence[Link] = ()
    rank: float = 0.0


@dataclass(frozen=True, slots=True)
class Telling:
    """One time that something was told: the memory's id, its timestamp and its session."""

    id: str
    timestamp: datetime | None = None
    session_id: str | None = None
    all_day: bool = False

    def when(self, zone: tzinfo) -> datetime | None:
        """As `Memory.when`."""
        return _shown(self.timestamp, self.all_day, zone)


@dataclass(frozen=True, slots=True)
class Hit:
    """One recalled memory.

    Attributes:
        score: its own relevance to the question, whatever else was recalled: comparable between calls
            and namespaces. The order of the hits also asks what each adds to those before it
            (`Evidence.rank`), so scores may rise from one hit to the next.
        times: each time that the same was told in the same words by the same speaker, among what passes the
            filter, in order of arrival: what is told ten times takes one place. ``memory`` is the telling
            that answers best, and the newest of equals.
        span: where in the text the passage stands, [start, end); the whole text where empty. It is worked
            out when it is first looked at.
    """

    memory: Memory
    score: float
    evidence: Evidence
    times: Sequence[Telling] = ()
    span: Sequence[int] = ()

    @property
    def passage(self) -> str:
        """The part of a long text that answers, at most 600 characters of it; a short one as a whole."""
        if not self.span:
            return self.memory.text
        start, end = self.span
        return self.memory.text[start:end]


@dataclass(frozen=True, slots=True)
class Recall(Sequence[Hit]):
    """What `AssociativeMemory.recall` returns: a sequence of hits, best first.

    Attributes:
        query: the question.
        hits: the hits, in the order in which they should be read.
        confidence: in [0, 1]: the mass that does not settle on the null pattern; near 0 where the
            memory has nothing on the question.
        timezone: in whose days the question was read, and what is dated should be shown: ``hit.memory.when(
            recall.timezone)``.
    """

    query: str
    hits: tuple[Hit, ...]
    confidence: float
    timezone: tzinfo = timezone.utc

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of an associative walk.

    Attributes:
        memory: where the walk stands.
        similarity: cosine between the settled state and the memory's stored pattern, in [-1, 1].
        kind: the association that led here; None for the first stop, which the cue evoked.
        weight: the strength of that association; 1.0 for the first stop.
        words: as `Link.words`, what it has in common with the stop before it.
    """

    memory: Memory
    similarity: float
    kind: AssociationKind | None
    weight: float
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chain(Sequence[Step]):
    """What `AssociativeMemory.chain` returns: the stops of a walk, in order; no memory comes twice."""

    cue: str
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        return self.steps[index]


@dataclass(frozen=True, slots=True)
class Stats:
    """What `AssociativeMemory.stats` returns.

    Attributes:
        memories: stored memories, in all namespaces.
        namespaces: how many namespaces hold at least one.
        associations: explicit associations stored (temporal and content ones are derived).
        embedder: the embedder's name; ``token_embedder`` is the one that token patterns come from,
            or None where there are none.
        dimension: d, the length of a sentence vector.
        path: the database file; None for a memory that lives in RAM.
        file_bytes: the size of the database file with its write-ahead log; 0 in RAM.
        shards: namespaces whose derived state is in RAM now; ``shard_bytes`` is its size.
    """

    memories: int
    namespaces: int
    associations: int
    embedder: str
    token_embedder: str | None
    dimension: int
    path: str | None
    file_bytes: int
    shards: int
    shard_bytes: int
