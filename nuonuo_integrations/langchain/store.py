"""NuonuoStore: the long-term store of LangGraph's graphs and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from os import PathLike
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, UnknownMemoryError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import audible, engine_of
from nuonuo_integrations.langchain._items import (
    KEY,
    Path,
    Places,
    checked,
    fits,
    is_silent,
    item_of,
    matches,
    memory_of,
    value_of,
    where_of,
)

_ATTEMPTS = 5  # at a write that another process crosses
_PAGE = 256


class NuonuoStore(BaseStore):
    """Items under namespaces and keys, searched by association: ``store=`` of graphs and ``create_agent``.

    Each LangGraph namespace is a namespace of the engine, so tenants are kept apart, and a search over a
    prefix asks each below it. What is stored is JSON. As in LangGraph's other stores, a batch reads
    before it writes, and of several writes to one key the last one counts. A comparison matches only
    values of its own kind: no item without the field, no number for a text.

    Args:
        memory: the engine, or the path of its file.
        fields: the paths in a value that queries look at, as in LangGraph's ``index``; ``["$"]`` is the
            whole value. A ``put`` with ``index=`` has its own.
        namespace: the engine's namespaces of this store begin with it.
    """

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        *,
        fields: Sequence[str] = ("$",),
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.memory = engine_of(memory)
        self.fields = list(fields)
        self._places = Places(namespace)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do ``ops``, the reads before the writes, and return their results in order."""
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
            elif isinstance(op, PutOp):
                puts[op.namespace, op.key] = op
            else:
                raise InvalidInputError(
                    f"expected a GetOp, SearchOp, PutOp or ListNamespacesOp, got {type(op).__name__} {op!r}"
                )
            results.append(result)
        self._put(list(puts.values()))
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Async twin of `batch`, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    # -- reading ----------------------------------------------------------------------------------

    def _get(self, op: GetOp) -> Item | None:
        path = tuple(op.namespace)
        stored = self.memory.get([self._places.id_of(path, op.key)])[0]
        if stored is None:
            return None
        found = item_of(stored, path)
        return Item(
            value=found.value,
            key=found.key,
            namespace=found.namespace,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )

    def _search(self, op: SearchOp) -> list[SearchItem]:
        if op.limit < 0 or op.offset < 0:
            raise InvalidInputError(f"limit and offset must be at least 0, got {op.limit} and {op.offset}")
        filter_ = checked(op.filter)
        end = op.offset + op.limit
        prefix = tuple(op.namespace_prefix)
        paths = [path for path in self._paths() if path[: len(prefix)] == prefix]
        if not op.limit:
            return []
        query = op.query if op.query and op.query.strip() else None
        found: list[SearchItem] = []
        if query:
            found = [item for path in paths for item in self._recall(path, query, end, filter_)]
            found.sort(key=lambda item: -(item.score or 0.0))
        # Behind what the query finds, as in LangGraph's own store, come the items that no query sees;
        # where there is no query, all of them, in order of arrival.
        rest = (
            item_of(memory, path)
            for path in paths
            for memory in self._list(path)
            if (not query or is_silent(memory)) and matches(value_of(memory), filter_)
        )
        found += islice(rest, max(0, end - len(found)))
        return found[op.offset : end]

    def _recall(self, path: Path, query: str, k: int, filter_: Mapping[str, Any]) -> list[SearchItem]:
        where = where_of(filter_)
        if where is not None:
            where[KEY] = {"$ne": None}
        else:  # by the keys of those that meet it
            keys = [m.metadata[KEY] for m in self._list(path) if matches(value_of(m), filter_)]
            where = {KEY: {"$in": keys}}
        recall = self.memory.recall(
            query, k, namespace=self._places.namespace_of(path), where=audible(where), distinct=False
        )
        return [item_of(hit.memory, path, hit.score) for hit in recall]

    def _list(self, path: Path) -> Iterator[Memory]:
        """The items of a namespace in order of arrival, read as far as they are asked for."""
        namespace = self._places.namespace_of(path)
        for offset in count(0, _PAGE):
            page = self.memory.list(namespace=namespace, limit=_PAGE, offset=offset)
            yield from (memory for memory in page if KEY in memory.metadata)
            if len(page) < _PAGE:
                return

    def _list_namespaces(self, op: ListNamespacesOp) -> list[Path]:
        paths = [
            path for path in self._paths() if all(fits(path, each) for each in op.match_conditions or ())
        ]
        if op.max_depth is not None:
            paths = sorted({path[: op.max_depth] for path in paths})
        return paths[op.offset : op.offset + op.limit]

    def _paths(self) -> list[Path]:
        """The LangGraph namespaces that hold an item, sorted."""
        known = (self._places.path_of(each) for each in self.memory.namespaces())
        return sorted(path for path in known if path is not None)

    # -- writing ----------------------------------------------------------------------------------

    def _put(self, puts: list[PutOp]) -> None:
        for attempt in range(_ATTEMPTS):
            ids = [self._places.id_of(tuple(op.namespace), op.key) for op in puts]
            before = self.memory.get(ids)
            try:
                return self._write(list(zip(puts, ids, before, strict=True)))
            except (InvalidInputError, UnknownMemoryError):
                # Another process may have put or deleted one of them since it was looked up.
                now = self.memory.get(ids)
                if attempt == _ATTEMPTS - 1 or [m is None for m in now] == [m is None for m in before]:
                    raise
        return None

    def _write(self, puts: list[tuple[PutOp, str, Memory | None]]) -> None:
        memories = [
            None
            if op.value is None
            else memory_of(op, id, self.fields, stored.timestamp if stored is not None else None)
            for op, id, stored in puts
        ]
        gone: list[str] = []
        new: dict[str, list[Memory]] = {}
        for (op, id, stored), memory in zip(puts, memories, strict=True):
            if memory is None:
                gone += [id] if stored is not None else []
            elif stored is None:
                new.setdefault(self._places.namespace_of(tuple(op.namespace)), []).append(memory)
            else:
                self.memory.update(id, text=memory.text, metadata=memory.metadata, cues=memory.cues)
        for namespace, added in new.items():
            self.memory.add(added, namespace=namespace)
        if gone:
            self.memory.forget(ids=gone)
