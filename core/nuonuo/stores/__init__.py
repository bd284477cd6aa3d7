"""Where memories are kept: the `Store` protocol, SQLite on disk, its twin in RAM, and PostgreSQL."""

from typing import TYPE_CHECKING, Any

from nuonuo.stores.base import START, Changes, Counts, Cursor, Rows, Store
from nuonuo.stores.memory import InMemoryStore
from nuonuo.stores.sqlite import SQLiteStore
from nuonuo.traces import Identity, Traces

if TYPE_CHECKING:
    from nuonuo.stores.postgres import PostgresStore

__all__ = [
    "START",
    "Changes",
    "Counts",
    "Cursor",
    "Identity",
    "InMemoryStore",
    "PostgresStore",
    "Rows",
    "SQLiteStore",
    "Store",
    "Traces",
]


def __getattr__(name: str) -> Any:
    if name == "PostgresStore":  # psycopg is imported by nobody else
        from nuonuo.stores.postgres import PostgresStore

        return PostgresStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
