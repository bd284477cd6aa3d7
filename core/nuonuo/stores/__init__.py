"""Where memories are kept: the `Store` protocol, SQLite on disk, and its twin in RAM."""

from nuonuo.stores.base import START, Changes, Counts, Cursor, Rows, Store
from nuonuo.stores.memory import InMemoryStore
from nuonuo.stores.sqlite import SQLiteStore
from nuonuo.traces import Identity, Traces

__all__ = [
    "START",
    "Changes",
    "Counts",
    "Cursor",
    "Identity",
    "InMemoryStore",
    "Rows",
    "SQLiteStore",
    "Store",
    "Traces",
]
