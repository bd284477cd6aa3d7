"""A store by where it is: the path of a file, or the address of a database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nuonuo.checks import path_of
from nuonuo.errors import InvalidTypeError
from nuonuo.stores.base import Store
from nuonuo.stores.sqlite import SQLiteStore

if TYPE_CHECKING:
    from nuonuo.stores.postgres import PostgresStore

SCHEMES = ("postgresql://", "postgres://")


def is_address(where: object) -> bool:
    """Whether ``where`` is the address of a database, not the path of a file."""
    return isinstance(where, str) and where.startswith(SCHEMES)


def open_store(where: str | os.PathLike[str]) -> SQLiteStore | PostgresStore:
    """The store in the file or the database ``where``, made where it is missing.

    Raises:
        MissingDependencyError: an address, and psycopg is not installed.
        InvalidInputError, InvalidTypeError, StoreError: as `SQLiteStore` and `PostgresStore`.
    """
    if not is_address(where):
        return SQLiteStore(where)
    from nuonuo.stores.postgres import PostgresStore

    return PostgresStore(str(where))


def shown(where: str | os.PathLike[str]) -> str:
    """``where`` for a message: an address without its password.

    Raises:
        InvalidInputError: the address cannot be read.
    """
    if not is_address(where):
        return path_of(where)
    from nuonuo.stores.postgres.address import parse

    return parse(str(where)).shown


def origin_of(store: Store) -> str:
    """What `open_store` opens ``store`` by again, in another process too.

    Raises:
        InvalidTypeError: it lives in RAM, or its address has a password, which is written down nowhere.
    """
    origin = getattr(store, "origin", None)
    if origin is None:
        raise InvalidTypeError(
            "a memory in RAM cannot be pickled, since nothing is left to open it from; "
            "keep it in a file: AssociativeMemory.open(path)"
        )
    return str(origin)
