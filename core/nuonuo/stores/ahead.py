"""What happened in a namespace, page by page: while one page is worked on, the next one is read."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from nuonuo.stores.base import Changes, Cursor, Store


def pages(store: Store, namespace: str, since: Cursor) -> Generator[Changes, None, None]:
    """What `Store.changes` tells of ``namespace``, from ``since`` until there is no more.

    Where it is more than one page, another thread reads, which mostly lets Python's other threads run. An
    error is raised when the turn of its page comes.
    """
    changes = store.changes(namespace, since)
    if changes.cursor.whole:
        yield changes
        return
    with ThreadPoolExecutor(1, "nuonuo-pages") as reader:
        while not changes.cursor.whole:
            following = _begin(reader, partial(store.changes, namespace, changes.cursor))
            yield changes
            changes = following()
        yield changes


def _begin(reader: ThreadPoolExecutor, read: Callable[[], Changes]) -> Callable[[], Changes]:
    """Let ``reader`` read; what this gives waits for it."""
    try:
        return reader.submit(read).result
    except RuntimeError:  # the interpreter is ending, and starts no thread
        return read
