"""The shards that are in RAM: one a namespace, up to a budget; the least recently used go first."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.errors import StoreClosedError, StoreError, StoreGoneError, StoreUnavailableError
from nuonuo.index.shard import Shard
from nuonuo.records import Memory
from nuonuo.stores import Store
from nuonuo.stores.base import Cursor
from nuonuo.stores.distant import Distant
from nuonuo.stores.exploring import Explorable

_log = logging.getLogger(__name__)
T = TypeVar("T")
Memories = Mapping[int, "Memory | None"]  # by seq; None for one that is no longer stored


class Shards:
    """Shards by namespace, each built from the store when it is first asked for; safe for threads.

    Args:
        dimension: d of the sentence vectors. pattern_bytes: of one token pattern, 0 where there are none.
    """

    def __init__(
        self, store: Store, dimension: int, pattern_bytes: int, lexicon: Lexicon, config: MemoryConfig
    ) -> None:
        self._store, self._lexicon, self._config = store, lexicon, config
        # Looked at once: to check a protocol takes as long as a look into the index.
        self._explorable = store if isinstance(store, Explorable) else None
        self._distant = store if isinstance(store, Distant) else None
        self._dimension, self._pattern_bytes = dimension, pattern_bytes
        self._held: OrderedDict[str, Shard] = OrderedDict()
        self._sizes: dict[str, int] = {}  # of those that are held, as they were last weighed
        self._bytes = 0  # their sum: what thousands of small ones take is not added up for each
        self._lock = threading.Lock()
        self._renewing: dict[str, threading.Thread] = {}

    @contextmanager
    def reading(self, namespace: str) -> Iterator[Shard]:
        """The derived state of ``namespace``, up to date and locked."""
        shard = self._shard(namespace)
        with shard.lock:
            grown = shard.follow(self._store)
            yield shard
            worn = shard.worn
        if grown:
            self._put_away(namespace)
        if worn:
            self._renew(namespace, shard)

    def told(
        self, namespace: str, work: Callable[[Shard], T], seqs: Callable[[T], Sequence[int]]
    ) -> tuple[T, Memories]:
        """What ``work`` makes of the derived state of ``namespace``, and the memories that it names.

        Whatever was written before the call is in it, and the memories are as they were worked on: where any
        was rewritten meanwhile, the work is done again on a shard that has followed, once and no more. The
        store is asked once: the look that fetches the memories tells whether the state that was worked on is
        still that of the store; where somebody keeps writing there, the shard follows first.

        Args:
            work: called with a shard that is locked, twice at most.
            seqs: the store's numbers of the memories that what it made names.
        """
        disturbed, shard = False, self._shard(namespace)
        with shard.lock:
            trusted, version, cursor, worn = shard.trusted, shard.version, shard.cursor, shard.worn
            if trusted:
                made = work(shard)
        if worn:
            self._renew(namespace, shard)
        if trusted:
            wanted = [*dict.fromkeys(seqs(made))]
            now, memories = self._look(namespace, wanted, version, cursor)
            if now == cursor:
                return made, dict(zip(wanted, memories, strict=True))
            disturbed = True
        while True:
            with self.reading(namespace) as shard:
                shard.asked(disturbed=disturbed or shard.moved)
                made, version, cursor = work(shard), shard.version, shard.cursor
            wanted = [*dict.fromkeys(seqs(made))]
            if not wanted:
                return made, {}
            now, memories = self._look(namespace, wanted, version, cursor)
            if disturbed or (now.epoch, now.change) == (cursor.epoch, cursor.change):
                return made, dict(zip(wanted, memories, strict=True))
            disturbed = True

    def _look(
        self, namespace: str, seqs: Sequence[int], version: int | None, cursor: Cursor
    ) -> tuple[Cursor, list[Memory | None]]:
        """As `Distant.look`, in any store.

        Args:
            version: of the store, when whoever was at ``cursor`` had followed it; it is quicker to compare.
        """
        if self._distant is not None:
            return self._distant.look(namespace, seqs)
        memories = self._store.get_seqs(namespace, seqs, epoch=cursor.epoch) if seqs else []
        return (cursor if self._store.version() == version else self._store.position(namespace)), memories

    def _shard(self, namespace: str) -> Shard:
        """The shard of ``namespace``, the most recently used from now on."""
        with self._lock:
            shard = self._held.get(namespace)
            if shard is None:
                shard = self._held[namespace] = self._new(namespace)
            self._held.move_to_end(namespace)
        return shard

    def _new(self, namespace: str) -> Shard:
        return Shard(namespace, self._dimension, self._pattern_bytes, self._lexicon, self._config)

    def __contains__(self, namespace: str) -> bool:
        """Whether the shard of ``namespace`` is in RAM."""
        with self._lock:
            return namespace in self._held

    def asked_in(self, namespace: str) -> Explorable | None:
        """The store, where it is to be asked itself: ``namespace`` is too large for RAM, and has no shard."""
        bound, store = self._config.shard_memories, self._explorable
        if not bound or store is None:
            return None
        with self._lock:
            held = self._held.get(namespace)
        if (held is not None and held.count <= bound) or not store.widened(namespace, bound):
            return None
        with self._lock:
            self._drop(namespace)
        return store

    def build(self, namespace: str) -> None:
        """Bring the shard of ``namespace`` into RAM, and up to date."""
        with self.reading(namespace):
            pass

    def follow(self, namespace: str | None) -> None:
        """Bring the shard of ``namespace``, or every one, up to date if it is in RAM."""
        with self._lock:
            held = [each for each in self._held if namespace in (None, each)]
        for each in held:
            self.build(each)

    def clear(self) -> None:
        """Drop every shard."""
        with self._lock:
            self._held.clear()
            self._sizes.clear()
            self._bytes = 0

    def held(self) -> list[Shard]:
        """Those that are in RAM, the least recently used first."""
        with self._lock:
            return [*self._held.values()]

    def _renew(self, namespace: str, worn: Shard) -> None:
        """Build the shard of ``namespace`` anew beside the ``worn`` one, which serves meanwhile.

        Without that, a process that goes on for months would hold the room of all that it ever forgot.
        """

        def renew() -> None:
            new = self._new(namespace)
            try:
                with new.lock:
                    new.follow(self._store)
            except (StoreClosedError, StoreGoneError, StoreUnavailableError):
                return  # whoever asks next is told
            except StoreError as error:
                _log.warning("the shard of %r could not be built anew: %s", namespace, error)
                return
            with self._lock:
                if self._held.get(namespace) is worn:
                    self._held[namespace] = new
                    self._weigh(namespace)

        with self._lock:
            running = self._renewing.get(namespace)
            if self._held.get(namespace) is not worn or (running is not None and running.is_alive()):
                return
            self._renewing = {name: each for name, each in self._renewing.items() if each.is_alive()}
            self._renewing[namespace] = thread = threading.Thread(target=renew, daemon=True)
            thread.start()  # inside of the lock: another one would take it for one that has ended

    def _put_away(self, current: str) -> None:
        """Drop the least recently used shards beyond the budget; they are built again when asked for."""
        with self._lock:
            self._weigh(current)
            while self._bytes > self._config.shard_bytes and len(self._held) > 1:
                oldest = next(iter(self._held))
                if oldest == current:
                    self._held.move_to_end(current)
                else:
                    self._drop(oldest)

    def _drop(self, namespace: str) -> None:
        """Hold the shard of ``namespace`` no longer. The lock must be held."""
        self._held.pop(namespace, None)
        self._weigh(namespace)

    def _weigh(self, namespace: str) -> None:
        """Take note of how much the shard of ``namespace`` takes now. The lock must be held."""
        shard = self._held.get(namespace)
        size = 0 if shard is None else shard.size
        self._bytes += size - self._sizes.pop(namespace, 0)
        if size:
            self._sizes[namespace] = size
