"""AssociativeMemory: the one engine class. It holds the store, the encoder and the shards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from datetime import timezone as _timezone
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import checks, namespaces, times, transfer
from nuonuo.associative.separation import PatternSeparator
from nuonuo.config import MemoryConfig
from nuonuo.encoding.cues import Paraphraser, augment
from nuonuo.encoding.embedders import Embedder, check_vectors, default_embedder
from nuonuo.encoding.encoder import Encoder, separated
from nuonuo.errors import InvalidInputError, InvalidTypeError, UnknownMemoryError
from nuonuo.index.filters import Conditions
from nuonuo.index.known import known_traces
from nuonuo.index.shards import Shards
from nuonuo.index.where import check_where
from nuonuo.lifecycle import Lifecycle
from nuonuo.recall.held import Held, Place
from nuonuo.recall.lazy import Lazy
from nuonuo.recall.linked import in_words
from nuonuo.recall.wide import Wide
from nuonuo.records import DEFAULT_NAMESPACE, Chain, Memory, Recall, Stats, Step
from nuonuo.stores import InMemoryStore, Store
from nuonuo.stores.opening import open_store
from nuonuo.times import Moment
from nuonuo.traces import Traces
from nuonuo.twins import twin

utc = _timezone.utc  # `timezone` is the engine's
UNSET: Any = object()  # what is left out; None is a value that a caller can give, by mistake too


class AssociativeMemory(Lifecycle):
    """A long-term memory: it completes a cue to what was stored, and walks along associations.

    Safe to use from many threads; several processes may have one file open. Use it as a context
    manager, or call `close`.

    Args:
        store: where the truth is kept; None keeps it in RAM.
        embedder: gives sentence vectors, and token vectors where it can; None for the packaged MiniLM.
        token_embedder: gives the token vectors, for an ``embedder`` that has none.
        paraphrase: a callable from a text to further cue texts, asked for each memory that is added without
            paraphrases.
        separator: makes vectors the codes that walks start from, one that was learned (`LearnedProjection`);
            where None, `WinnerTakeAll` by the numbers of ``config``. A store remembers it as it does the
            embedder.
        config: the constants of the engine.
        timezone: where the user's days are ("Europe/Berlin", "-05:00", a tzinfo): what "yesterday" is, and
            where times without an offset are read. Where None, days are those of the offset of ``now``,
            and times without one are read in UTC. Nothing that is stored depends on it.

    Raises:
        EmbedderMismatchError: the store was made with another embedder or separator; nothing is changed.
        InvalidTypeError, InvalidInputError: no `PatternSeparator`, or one for vectors of another length.
    """

    def __init__(
        self,
        store: Store | None = None,
        embedder: Embedder | None = None,
        *,
        token_embedder: Embedder | None = None,
        paraphrase: Paraphraser | None = None,
        separator: PatternSeparator | None = None,
        config: MemoryConfig | None = None,
        timezone: str | tzinfo | None = None,
    ) -> None:
        self.timezone = times.zone_of(timezone)
        given = {
            "embedder": embedder,
            "token_embedder": token_embedder,
            "paraphrase": paraphrase,
            "separator": separator,
            "config": config,
            "timezone": timezone,
        }
        self._given = {name: each for name, each in given.items() if each is not None}
        self.config = config or MemoryConfig()
        if separator is not None:
            self.config = separated(self.config, separator)
        self._store = store if store is not None else InMemoryStore()
        self._encoder = Encoder(embedder or default_embedder(), token_embedder, self.config, separator)
        self._paraphrase = paraphrase
        self._store.claim(self._encoder.identity)
        lexicon = self._encoder.lexicon
        self._store.refresh(lexicon.number, lexicon.words)
        dimension, pattern_bytes = self._encoder.identity.dimension, self._encoder.pattern_bytes
        self._shards = Shards(self._store, dimension, pattern_bytes, lexicon, self.config)

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        embedder: Embedder | None = None,
        token_embedder: Embedder | None = None,
        paraphrase: Paraphraser | None = None,
        separator: PatternSeparator | None = None,
        config: MemoryConfig | None = None,
        timezone: str | tzinfo | None = None,
    ) -> AssociativeMemory:
        """Open the memory in the file ``path``, or make it; "~" is the user's home.

        An address, ``postgresql://user:password@host:5432/database``, opens the one in that database
        (extra ``postgres``), which many machines may share.

        Raises:
            StoreUnavailableError: the database does not answer.
            NotAStoreError, SchemaVersionError, EmbedderMismatchError: the file is no memory, was
                written by a newer version, or holds another embedder's vectors; it is left as it was.
        """
        store = open_store(path)
        try:
            return cls(
                store,
                embedder,
                token_embedder=token_embedder,
                paraphrase=paraphrase,
                separator=separator,
                config=config,
                timezone=timezone,
            )
        except BaseException:
            store.close()
            raise

    # -- writing ----------------------------------------------------------------------------------

    def add(
        self,
        items: str | Memory | Sequence[str | Memory],
        *,
        namespace: str = UNSET,
        session_id: str | None = None,
        role: str | None = None,
        timestamp: Moment | None = None,
        metadata: Mapping[str, Any] | None = None,
        cues: Sequence[str] = (),
        replace: bool = False,
    ) -> list[str]:
        """Store memories, all or none, and return their ids in order; durable on return.

        Args:
            items: texts, or `Memory` records; the keywords fill in what a record leaves open.
            namespace: the wall between tenants, for every item; where it is left out a record keeps its own,
                and what has none goes to "default".
            session_id: one conversation; neighbours in it become associated.
            replace: an item whose id is stored in the namespace already takes the place of what is there;
                its associations and its place in the order of arrival stay. Whoever else writes, the
                last one counts.

        Raises:
            InvalidTypeError, InvalidInputError: an item cannot be stored, its id is taken (with ``replace``:
                in another namespace), or it is of another namespace than the one named.
            EmbeddingError: the embedder gave vectors that cannot be used.
            StoreError: the store could not write.
        """
        memories = checks.memories_of(
            items,
            namespace=None if namespace is UNSET else checks.label_of(namespace, "namespace"),
            session_id=session_id,
            role=role,
            timestamp=timestamp,
            metadata=metadata,
            cues=cues,
            zone=self.timezone,
            most=self.config.text_bytes,
        )
        if not memories:
            return []
        memories = [augment(memory, self._paraphrase, self.config.text_bytes) for memory in memories]
        traces = self._encoder.traces(memories, self._known(memories, by_id=replace))
        places = [*dict.fromkeys(memory.namespace for memory in memories)]
        self._store.insert(
            places[0] if len(places) == 1 else None, list(zip(memories, traces, strict=True)), replace=replace
        )
        if replace:
            self._encoder.forget()
        for place in places:
            self._shards.follow(place)
        return [str(memory.id) for memory in memories]

    def update(
        self,
        id: str,
        *,
        text: str = UNSET,
        role: str | None = UNSET,
        timestamp: Moment | None = UNSET,
        metadata: Mapping[str, Any] = UNSET,
        cues: Sequence[str] = UNSET,
        namespace: str | None = None,
    ) -> None:
        """Change a memory in place; what is not given stays. Its associations stay too.

        A cue that is there twice, or that the text says already, falls out. With a new text the old
        one's paraphrases go, and new ones are asked for.

        Raises:
            UnknownMemoryError: no such memory (in ``namespace``, where given).
            InvalidTypeError, InvalidInputError, EmbeddingError, StoreError: as `add`; nothing is changed.
        """
        old = self.get([checks.label_of(id, "id")], namespace=namespace)[0]
        if old is None:
            raise UnknownMemoryError(
                f"no memory has the id {id!r}{_inside(namespace)}; list() shows those stored"
            )
        given: dict[str, Any] = {
            "text": text,
            "role": role,
            "timestamp": timestamp,
            "metadata": metadata,
            "cues": cues,
        }
        changed = replace(old, **{name: value for name, value in given.items() if value is not UNSET})
        if changed.text != old.text:
            changed = replace(changed, paraphrases=())
        if timestamp is not UNSET:
            changed = replace(changed, all_day=False)
        (memory,) = checks.memories_of(changed, zone=self.timezone, most=self.config.text_bytes)
        paraphrase = self._paraphrase if memory.text != old.text else None
        memory = augment(memory, paraphrase, self.config.text_bytes)
        known = self._known([memory], by_id=True)
        self._store.replace(memory, self._encoder.traces([memory], known)[0])
        self._encoder.forget()
        self._shards.follow(memory.namespace)

    def revise(self, ids: Sequence[str], change: Callable[[Memory], Mapping[str, Any] | None]) -> int:
        """Give memories other metadata, or forget them, by what they are at that moment; return how many.

        All at once, and nobody writes between what ``change`` is shown and what becomes of it: a memory
        that another process has just rewritten is seen as it is now. Nothing is embedded again.

        Args:
            ids: those that are not stored count for nothing.
            change: gives the metadata that a memory has from now on; None forgets it. It must not use
                this memory.

        Raises:
            InvalidTypeError, InvalidInputError, StoreError: nothing is changed; nor where ``change`` raises.
        """
        if not callable(change):
            raise InvalidTypeError(f"change must be a callable, got {type(change).__name__} {change!r}")
        changed = self._store.revise(checks.ids_of(ids), change)
        if changed:
            self._encoder.forget()
            for namespace in {memory.namespace for memory in changed}:
                self._shards.follow(namespace)
        return len(changed)

    def associate(self, source_id: str, target_id: str, weight: float = 1.0) -> None:
        """Associate two memories of one namespace: the source will evoke the target.

        Args:
            weight: the strength, in [0, 1]; 0 takes the association away.

        Raises:
            UnknownMemoryError: an id is not stored.
            InvalidInputError: a weight outside [0, 1], two namespaces, or a memory with itself.
        """
        self._store.associate(
            checks.label_of(source_id, "source_id"),
            checks.label_of(target_id, "target_id"),
            checks.weight_of(weight),
        )
        source = self.get([source_id])[0]
        if source is not None:
            self._shards.follow(source.namespace)

    def forget(
        self,
        *,
        ids: Sequence[str] | None = None,
        namespace: str | None = None,
        session_id: str | None = None,
        before: Moment | None = None,
    ) -> int:
        """Forget what meets every condition given, and return how many memories are gone.

        Text, vectors, codes, associations and index entries go at once, in the file too.

        Args:
            ids: those memories, wherever they are; ids that are not stored count for nothing.
            namespace: only in it; "default" where only a session or a time is given.
            session_id: only that conversation, in one namespace: two tenants may both have a session "1".
            before: only what is dated before; a memory without a timestamp stays.

        Raises:
            InvalidInputError: no condition at all; or a session without its namespace that is not in
                "default", but in another one.
        """
        if ids is None and namespace is None and session_id is None and before is None:
            raise InvalidInputError("forget needs a condition: ids=, namespace=, session_id= or before=")
        namespace = checks.optional_label(namespace, "namespace")
        session_id = checks.optional_label(session_id, "session_id")
        if ids is None:
            namespace = namespaces.of_session(self._store, namespace, session_id) or DEFAULT_NAMESPACE
        gone = self._store.delete(
            namespace=namespace,
            ids=None if ids is None else checks.ids_of(ids),
            session_id=session_id,
            before=times.local_of(before, "before", self.timezone),
        )
        if gone:
            self._encoder.forget()
            self._shards.follow(namespace)
        return gone

    # -- asking -----------------------------------------------------------------------------------

    def recall(
        self,
        query: str,
        k: int = 10,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        session_id: str | None = None,
        where: Mapping[str, Any] | None = None,
        after: Moment | None = None,
        before: Moment | None = None,
        exclude: Collection[str] = (),
        now: Moment | None = None,
        distinct: bool = True,
    ) -> Recall:
        """The memories that complete ``query`` best, each with its evidence.

        Args:
            k: how many; fewer come back only where fewer exist (inside the filter).
            distinct: what was said again in the same words takes one place, and `Hit.times` tells how often
                and when. False gives each its own place, such as the values of a store.
            session_id: only from this conversation.
            where: a filter over metadata and "role": {field: value} or {field: {op: value}} with
                $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $contains (an item of a list, a part of a text),
                $icontains, $exists, $not; all must hold. "$and", "$or" and "$not" join filters, and a
                field inside of another is named by its path ("author.name").
            after, before: only what is dated in [after, before).
            exclude: ids to leave out, such as those of the turns that a prompt shows already; they
                take no part at all, in the confidence neither.
            now: what relative dates in the query ("last Friday") count from; the present where None.
                Days are those of the engine's timezone, else of the offset of ``now``, else of UTC.

        Raises:
            InvalidTypeError, InvalidInputError: an empty query, k < 1, or a filter that means nothing.
        """
        (recall,) = self.recall_many(
            [checks.text_of(query, "query", self.config.text_bytes)],
            k,
            namespace=namespace,
            session_id=session_id,
            where=where,
            after=after,
            before=before,
            exclude=exclude,
            now=now,
            distinct=distinct,
        )
        return recall

    def recall_many(
        self,
        queries: Sequence[str],
        k: int = 10,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        session_id: str | None = None,
        where: Mapping[str, Any] | None = None,
        after: Moment | None = None,
        before: Moment | None = None,
        exclude: Collection[str] = (),
        now: Moment | None = None,
        distinct: bool = True,
    ) -> Sequence[Recall]:
        """As `recall`, for many questions at once: what each of ``queries`` recalls, in order.

        They are embedded together, put to one state of the namespace, and read from the store in one look.

        Raises:
            InvalidTypeError, InvalidInputError: as `recall`, for whichever of them; none is asked then.
        """
        queries = checks.texts_of(queries, "queries", self.config.text_bytes)
        k = checks.count_of(k, "k", 1)
        check_where(where)
        conditions = Conditions(
            checks.optional_label(session_id, "session_id"),
            where,
            times.local_of(after, "after", self.timezone),
            times.local_of(before, "before", self.timezone),
            frozenset(checks.ids_of(exclude)),
        )
        today = times.local_of(now, "now", self.timezone) or self._now()
        namespace = checks.label_of(namespace, "namespace")
        questions = self._encoder.questions(queries, today, partial(self._frequencies, namespace))
        recalled, memories = self._place(namespace).recall(questions, k, conditions, distinct)
        return [each.told(memories, today.tzinfo or utc) for each in recalled]

    def chain(
        self,
        cue: str | npt.NDArray[np.floating[Any]],
        hops: int = 6,
        *,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> Chain:
        """Walk from the memory that ``cue`` evokes along the strongest associations.

        Args:
            cue: a text, or a vector (d,) of the embedder.
            hops: associations to follow; the chain has at most hops + 1 stops.

        Raises:
            InvalidTypeError, InvalidInputError, EmbeddingError: an empty cue, hops < 0, or a bad vector.
        """
        hops = checks.count_of(hops, "hops", 0)
        namespace = checks.label_of(namespace, "namespace")
        if isinstance(cue, np.ndarray):
            shape = (1, self._encoder.identity.dimension)
            text, state = "", check_vectors(np.atleast_2d(cue).astype(np.float32), shape, "the caller")[0]
            question = None
        else:
            text = checks.text_of(cue, "cue", self.config.text_bytes)
            question = self._encoder.question(text, self._now(), partial(self._frequencies, namespace))
            state = question.state
        code = self._encoder.code(state)
        (stops, seqs, common), memories = self._place(namespace).walk(state, code, question, hops)
        return Chain(
            text,
            tuple(
                Step(
                    memory,
                    stop.similarity,
                    stop.kind,
                    stop.weight,
                    Lazy(in_words, each, stop.kind, memory, self._encoder.lexicon) if each else (),
                )
                for stop, seq, each in zip(stops, seqs, common, strict=True)
                if (memory := memories[seq]) is not None
            ),
        )

    def get(self, ids: Sequence[str], *, namespace: str | None = None) -> list[Memory | None]:
        """The memories with these ids, in order; None for an id that is not stored (in ``namespace``)."""
        return self._store.get(checks.ids_of(ids), checks.optional_label(namespace, "namespace"))

    def list(
        self,
        *,
        namespace: str | None = None,
        session_id: str | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int = 0,
        newest_first: bool = False,
    ) -> list[Memory]:
        """Memories by order of arrival, of one namespace or of all; a session, as in `forget`, of one.

        Args:
            where: a filter as for `recall`; it needs a namespace.

        Raises:
            InvalidInputError: as `forget`, for a session without its namespace.
        """
        session_id = checks.optional_label(session_id, "session_id")
        namespace = checks.optional_label(namespace, "namespace")
        limit = None if limit is None else checks.count_of(limit, "limit", 0)
        offset = checks.count_of(offset, "offset", 0)
        if where is None:
            return self._store.list(
                namespace=namespaces.of_session(self._store, namespace, session_id),
                session_id=session_id,
                limit=limit,
                offset=offset,
                newest_first=bool(newest_first),
            )
        check_where(where)
        if namespace is None:
            raise InvalidInputError("list(where=...) needs a namespace=; namespaces() names those there are")
        found = self._place(namespace).meeting(
            Conditions(session_id, where), limit, offset, newest_first=bool(newest_first)
        )
        return [memory for memory in found.values() if memory is not None]

    def namespaces(self, prefix: str = "", *, limit: int | None = None) -> Sequence[str]:
        """The namespaces that hold at least one memory, sorted.

        Args:
            prefix: only those whose names begin with it; the time does not grow with the others.
            limit: only so many, those to which a memory was added last, the latest first.
        """
        if not isinstance(prefix, str):
            raise InvalidTypeError(f"prefix must be a str, got {type(prefix).__name__} {prefix!r}")
        return self._store.namespaces(prefix, None if limit is None else checks.count_of(limit, "limit", 0))

    @property
    def version(self) -> int:
        """A number that changes whenever anything is written, by whichever process; cheap to ask for."""
        return self._store.version()

    def stats(self) -> Stats:
        """How much is stored, by what embedder, and how much of it is in RAM."""
        counts, identity = self._store.counts(), self._encoder.identity
        shards = self._shards.held()
        return Stats(
            counts.memories,
            counts.namespaces,
            counts.associations,
            identity.embedder,
            identity.token_embedder,
            identity.dimension,
            self._store.path,
            counts.file_bytes,
            len(shards),
            sum(shard.measured() for shard in shards),
        )

    def _known(self, memories: Sequence[Memory], *, by_id: bool) -> Sequence[Traces | None]:
        """What is stored already of the texts of ``memories``."""
        return known_traces(self._store, self._shards, self._encoder.lexicon, memories, by_id=by_id)

    def _frequencies(self, namespace: str, stems: Sequence[str]) -> Sequence[int]:
        """In how many memories of the namespace each of ``stems`` stands."""
        return self._place(namespace).frequencies(stems)

    def _place(self, namespace: str) -> Place:
        """``namespace``, to be asked in RAM, or in the store where it is too large for that."""
        store, encoder = self._shards.asked_in(namespace), self._encoder
        if store is None:
            return Held(self._shards, namespace, self.config)
        dimension, pattern_bytes = encoder.identity.dimension, encoder.pattern_bytes
        return Wide(store, namespace, dimension, pattern_bytes, encoder.lexicon, self.config)

    def _now(self) -> datetime:
        return datetime.now(self.timezone or utc)

    # -- the way out and in -----------------------------------------------------------------------

    def export(self, path: str | PathLike[str], *, namespace: str | None = None) -> int:
        """Write memories and associations as JSON lines, and return how many memories were written.

        Raises:
            FileError (an OSError): the file cannot be written; one that was there stays as it was.
        """
        return transfer.export(
            self._store, checks.path_of(path), checks.optional_label(namespace, "namespace")
        )

    def load_export(self, path: str | PathLike[str]) -> int:
        """Add what `export` wrote, with ids, namespaces and associations; all or nothing of each batch.

        Raises:
            InvalidInputError: the file is no export, or an id in it is already stored.
            FileError (an OSError): it cannot be read.
        """
        found = transfer.read(checks.path_of(path), self._store)
        places = {str(memory.namespace) for memory in found.memories}
        for place in places.intersection(self._store.namespaces()):
            if self._shards.asked_in(place) is None:
                self._shards.build(place)  # so that what it holds already is found, and not embedded again
        for batch in found.batches():
            self.add(batch)
        for association in found.associations:
            self.associate(*association)
        return len(found.memories)

    def close(self) -> None:
        """Release the file. Any later call raises `StoreClosedError`; closing twice is no error."""
        self._shards.clear()
        self._store.close()

    aadd = twin(add)
    aupdate = twin(update)
    arevise = twin(revise)
    aassociate = twin(associate)
    aforget = twin(forget)
    arecall = twin(recall)
    arecall_many = twin(recall_many)
    achain = twin(chain)
    aget = twin(get)
    alist = twin(list)
    anamespaces = twin(namespaces)
    astats = twin(stats)
    aexport = twin(export)
    aload_export = twin(load_export)
    aclose = twin(close)


def _inside(namespace: str | None) -> str:
    return "" if namespace is None else f" in the namespace {namespace!r}"
