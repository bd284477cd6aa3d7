"""What happened in a namespace, page by page: while one page is worked on, the next one is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial

from nuonuo.stores.base import Changes, Cursor, Store


def pages(store: Store, namespace: str, since: Cursor) -> Iterator[Changes]:
    """What `Store.changes` tells of ``namespace``, from ``since`` until there is no more.

    Where it is more than one page, and not in RAM already, another thread reads, which mostly lets Python's
    other threads run. An error is raised when the turn of its page comes. Who looks no further leaves one
    page that is read for nothing.
    """
    changes = store.changes(namespace, since)
    while not changes.cursor.whole:
        read = partial(store.changes, namespace, changes.cursor)
        following = read if store.path is None else _begun(read)
        yield changes
        changes = following()
    yield changes


def _begun(read: Callable[[], Changes]) -> Callable[[], Changes]:
    """``read``, which has begun in a thread that nobody waits for at the end of the process."""
    answer = Future[Changes]()

    def run() -> None:
        try:
            answer.set_result(read())
        except BaseException as error:
            answer.set_exception(error)

    try:
        threading.Thread(target=run, name="nuonuo-pages", daemon=True).start()
    except RuntimeError:  # the interpreter is ending, or there are too many
        return read
    return answer.result
