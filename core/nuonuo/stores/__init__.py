"""Where memories are kept: the `Store` protocol, SQLite on disk, and its twin in RAM."""

from nuonuo.stores.base import (
    START,
    Changes,
    Counts,
    Cursor,
    Identity,
    Row,
    Store,
    Traces,
    metadata_json,
)
from nuonuo.stores.memory import InMemoryStore
from nuonuo.stores.sqlite import SQLiteStore

__all__ = [
    "START",
    "Changes",
    "Counts",
    "Cursor",
    "Identity",
    "InMemoryStore",
    "Row",
    "SQLiteStore",
    "Store",
    "Traces",
    "metadata_json",
]
