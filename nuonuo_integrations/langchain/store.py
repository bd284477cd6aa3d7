"""NuonuoStore: the long-term store of LangGraph's graphs and agents."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timezone
from itertools import islice
from os import PathLike
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from nuonuo import AssociativeMemory, Hit, Memory
from nuonuo.checks import count_of, label_of
from nuonuo.errors import ReadOnlyStoreError, StoreFullError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import SILENT_KEY, Holder, audible, engine_of
from nuonuo_integrations.langchain import _store_ttl as _ttl
from nuonuo_integrations.langchain._items import KEY, Path, Places, Value, item_of, memory_of
from nuonuo_integrations.langchain._store_filters import matches, where_of
from nuonuo_integrations.langchain._store_ops import asked, check_op, fields_of

_PAGE, _FEW = 1000, 100
_log = logging.getLogger(__name__)


class NuonuoStore(Holder, BaseStore):
    """Items under namespaces and keys, searched by association: ``store=`` of graphs and ``create_agent``.

    Each LangGraph namespace is a namespace of the engine, so tenants are kept apart. What is stored is
    JSON, and tuples. As in LangGraph's other stores, a batch reads before it writes, of several writes to
    one key the last one counts, and a search covers the namespace that it names and all below it.

    A score is an item's own relevance to the query, on one scale for all namespaces. In one namespace the
    engine says which items a page holds, by what they answer together; across several it is the score.

    Args:
        memory: the engine, or the path of its file.
        fields: the paths in a value that queries look at, as in LangGraph's ``index``; ``["$"]`` is the
            whole value. A ``put`` with ``index=`` has its own.
        namespace: the engine's namespaces of this store begin with it.
        ttl: LangGraph's `TTLConfig`. What has expired is shown by no call, swept away or not. As in
            `SqliteStore`, reading an item puts its end off only where ``refresh_on_read`` is True or the
            call says ``refresh_ttl=True``.
        max_namespaces: a search with a query looks into so many namespaces at most: the one that it names,
            and those below to which an item was added last. What is left out is logged as a warning.
            None for all of them, at about 3 ms each.

    Raises:
        InvalidTypeError, InvalidInputError: a path that could never meet anything, or another bad value.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        *,
        fields: Sequence[str] | None = ("$",),
        namespace: str = DEFAULT_NAMESPACE,
        ttl: TTLConfig | None = None,
        max_namespaces: int | None = 100,
    ) -> None:
        self.fields = fields_of(fields or ["$"], "fields")
        self.ttl_config = _ttl.config_of(ttl)
        self.max_namespaces = (
            None if max_namespaces is None else count_of(max_namespaces, "max_namespaces", 1)
        )
        self._places = Places(label_of(namespace, "namespace"))
        self._sweeper = _ttl.Sweeper()
        self.memory = engine_of(memory)
        self._hold()

    get, aget = asked(BaseStore.get), asked(BaseStore.aget)
    search, asearch = asked(BaseStore.search), asked(BaseStore.asearch)
    put, aput = asked(BaseStore.put), asked(BaseStore.aput)
    delete, adelete = asked(BaseStore.delete), asked(BaseStore.adelete)
    list_namespaces = asked(BaseStore.list_namespaces)
    alist_namespaces = asked(BaseStore.alist_namespaces)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do ``ops``, the reads before the writes, and return their results in order.

        Raises:
            InvalidTypeError, InvalidInputError: one of them cannot be done; none is.
        """
        ops = list(ops)
        for op in ops:
            check_op(op)
        results: list[Result] = []
        puts: dict[tuple[Path, str], PutOp] = {}
        for op in ops:
            result: Result = None
            if isinstance(op, GetOp):
                result = self._get(op)
            elif isinstance(op, SearchOp):
                result = self._search(op)
            elif isinstance(op, ListNamespacesOp):
                result = self._list_namespaces(op)
            else:
                puts[tuple(op.namespace), op.key] = op
            results.append(result)
        self._put(puts)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Async twin of `batch`, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    # -- reading ----------------------------------------------------------------------------------

    def _get(self, op: GetOp) -> Item | None:
        path = tuple(op.namespace)
        stored = self.memory.get([self._places.id_of(path, op.key)])[0]
        if stored is None or _ttl.expired(stored):
            return None
        self._read([stored], op.refresh_ttl)
        found = item_of(stored, path)
        return Item(
            value=found.value,
            key=found.key,
            namespace=found.namespace,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )

    def _search(self, op: SearchOp) -> list[SearchItem]:
        if not op.limit:
            return []
        prefix, end = tuple(op.namespace_prefix), op.offset + op.limit
        if op.query and op.query.strip():
            found = self._recall(prefix, op.query, op.filter or {}, end)
        else:
            # In order of arrival, namespace by namespace.
            items = (
                (path, memory, None)
                for path in sorted(self._below(prefix))
                for memory in self._list(path, None if op.filter else end)
                if matches(Value(memory), op.filter or {})
            )
            found = list(islice(items, end))
        page = found[op.offset : end]
        self._read([memory for _, memory, _ in page], op.refresh_ttl)
        scored = [item_of(memory, path, score) for path, memory, score in page]
        return sorted(scored, key=lambda item: (item.score is None, -(item.score or 0.0)))

    def _recall(
        self, prefix: Path, query: str, filter_: Mapping[str, Any], end: int
    ) -> list[tuple[Path, Memory, float | None]]:
        """The first ``end`` items for ``query``; behind those that it finds, those that no query sees."""
        wheres = {path: self._where(path, query, filter_) for path in self._asked(prefix)}
        found: list[tuple[Path, Memory, float | None]] = [
            (path, hit.memory, hit.score)
            for path, where in wheres.items()
            for hit in self._hits(path, query, end, audible(where))
        ]
        if len(wheres) > 1:
            found.sort(key=lambda each: -(each[2] or 0.0))
        unseen = (
            (path, memory, None)
            for path, where in wheres.items()
            for memory in self._unseen(path, query, end, where, filter_)
        )
        return [*found[:end], *islice(unseen, max(0, end - len(found)))]

    def _hits(self, path: Path, query: str, k: int, where: Mapping[str, Any]) -> list[Hit]:
        """The best ``k`` that have not expired."""
        namespace, gone, wanted = self._places.namespace_of(path), set[str](), k
        while True:
            recall = self.memory.recall(
                query, wanted, distinct=False, namespace=namespace, where=where, exclude=gone
            )
            expired = {str(hit.memory.id) for hit in recall if _ttl.expired(hit.memory)}
            if not expired:
                return list(recall[:k])
            gone |= expired
            wanted *= 2

    def _unseen(
        self, path: Path, query: str, k: int, where: Mapping[str, Any], filter_: Mapping[str, Any]
    ) -> list[Memory]:
        """The items that no query sees: of a small namespace by looking through it, which is quicker."""
        page = self.memory.list(namespace=self._places.namespace_of(path), limit=_FEW)
        if len(page) == _FEW:
            return [hit.memory for hit in self._hits(path, query, k, {SILENT_KEY: True, **where})]
        silent = (memory for memory in page if memory.metadata.get(SILENT_KEY) and KEY in memory.metadata)
        return [m for m in silent if not _ttl.expired(m) and matches(Value(m), filter_)]

    def _where(self, path: Path, query: str, filter_: Mapping[str, Any]) -> dict[str, Any]:
        """The engine's filter for the items that meet ``filter_``: by their keys where it cannot tell."""
        where, numeric = where_of(filter_)
        namespace = self._places.namespace_of(path)
        # A text that reads as a number is compared as one, which the engine does not do.
        texts = ({field: {"$gte": ""}} for field in numeric)
        if where is not None and not any(
            self.memory.recall(query, 1, namespace=namespace, where=w) for w in texts
        ):
            return {KEY: {"$ne": None}, **where}
        return {KEY: {"$in": [m.metadata[KEY] for m in self._list(path) if matches(Value(m), filter_)]}}

    def _list(self, path: Path, first: int | None = None) -> Iterator[Memory]:
        """The items of a namespace that have not expired, in order of arrival."""
        return (memory for memory in self._stored(path, first) if not _ttl.expired(memory))

    def _stored(self, path: Path, first: int | None = None) -> Iterator[Memory]:
        """All items of a namespace, read as far as they are asked for; ``first`` are likely to do."""
        namespace, offset = self._places.namespace_of(path), 0
        size = _PAGE if first is None else min(first, _PAGE)
        while True:
            page = self.memory.list(namespace=namespace, limit=size, offset=offset)
            yield from (memory for memory in page if KEY in memory.metadata)
            if len(page) < size:
                return
            offset, size = offset + size, _PAGE

    def _read(self, memories: list[Memory], refresh: bool) -> None:
        """Put off the end of those that were read, where they have one and ``refresh`` says so."""
        ids = [str(memory.id) for memory in memories if refresh and _ttl.expires(memory)]
        if not ids:
            return
        try:
            self.memory.revise(ids, _ttl.refreshed)
        except (ReadOnlyStoreError, StoreFullError) as error:
            _log.warning("%d items were read, and their time could not be put off: %s", len(ids), error)

    # -- namespaces -------------------------------------------------------------------------------

    def _list_namespaces(self, op: ListNamespacesOp) -> list[Path]:
        conditions = op.match_conditions or ()
        whole = [tuple(c.path) for c in conditions if c.match_type == "prefix" and "*" not in c.path]
        paths = self._below(max(whole, key=lambda path: len(path), default=()))
        shown: dict[Path, list[Path]] = {}
        for path in sorted(path for path in paths if all(fits(path, each) for each in conditions)):
            shown.setdefault(path[: op.max_depth], []).append(path)
        alive = (short for short, full in shown.items() if any(map(self._holds_an_item, full)))
        return list(islice(alive, op.offset, op.offset + op.limit))

    def _holds_an_item(self, path: Path) -> bool:
        return next(self._list(path, 1), None) is not None

    def _below(self, prefix: Path, limit: int | None = None) -> list[Path]:
        """The LangGraph namespaces that begin with ``prefix``; at most ``limit``, those added to last."""
        names = self.memory.namespaces(self._places.prefix_of(prefix), limit=limit)
        known = (self._places.path_of(name) for name in names)
        return [path for path in known if path is not None]

    def _asked(self, prefix: Path) -> list[Path]:
        """The namespaces that a query for ``prefix`` looks into, the one that it names first."""
        paths = self._below(prefix)
        most = self.max_namespaces
        if most is None or len(paths) <= most:
            return sorted(paths)
        own = [path for path in paths if path == prefix]
        others = [path for path in self._below(prefix, most) if path != prefix]
        _log.warning(
            "a search below %r looked into %d of %d namespaces, those to which an item was added last; "
            "search in a longer prefix, or give NuonuoStore a greater max_namespaces",
            prefix,
            most,
            len(paths),
        )
        return [*own, *others][:most]

    # -- writing ----------------------------------------------------------------------------------

    def _put(self, puts: Mapping[tuple[Path, str], PutOp]) -> None:
        places = [(self._places.namespace_of(path), self._places.id_of(path, key)) for path, key in puts]
        before = self.memory.get([id for _, id in places])
        now = datetime.now(timezone.utc)
        new: dict[str, list[Memory]] = {}
        gone: dict[str, list[str]] = {}
        for op, place, old in zip(puts.values(), places, before, strict=True):
            namespace, id = place
            if op.value is None:
                gone.setdefault(namespace, []).append(id)
            else:
                created = None if old is None or _ttl.expired(old) else old.timestamp
                new.setdefault(namespace, []).append(memory_of(op, place, self.fields, now, created))
        for namespace, memories in new.items():
            self.memory.add(memories, namespace=namespace, replace=True)
        for namespace, ids in gone.items():
            self.memory.forget(ids=ids, namespace=namespace)

    # -- expiry -----------------------------------------------------------------------------------

    def sweep_ttl(self) -> int:
        """Forget what has expired, for good, and return how many items that were."""
        ids = [
            str(memory.id)
            for path in self._below(())
            for memory in self._stored(path)
            if _ttl.expired(memory)
        ]
        return self.memory.revise(ids, _ttl.swept) if ids else 0

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Sweep in a thread, every so many minutes; cancelling what is returned stops it.

        As in LangGraph's own stores, nothing is started without a ``ttl`` (unless an interval is given),
        a thread that runs goes on, and the interval is that of ``ttl``, or 5 minutes.
        """
        return self._sweeper.start(self.sweep_ttl, self.ttl_config, sweep_interval_minutes)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop that thread, wait ``timeout`` seconds for it, and tell whether it has ended."""
        return self._sweeper.stop(timeout)


def fits(path: Path, condition: MatchCondition) -> bool:
    """Whether ``path`` begins or ends as ``condition`` says; "*" stands for any label."""
    wanted = tuple(condition.path)
    if len(path) < len(wanted):
        return False
    part = path[: len(wanted)] if condition.match_type == "prefix" else path[len(path) - len(wanted) :]
    return all(label in (each, "*") for each, label in zip(part, wanted, strict=True))
