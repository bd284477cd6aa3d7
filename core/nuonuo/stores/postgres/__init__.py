"""The store for more than one machine: a schema of a PostgreSQL database (14 or later, no extension).

`store` has the store, `schema` its tables, `connections` how a call reaches the server; `reading`, `rows` and
`changes` are the statements, `bodies` what stands in the columns of bytes.
"""

from nuonuo.errors import MissingDependencyError

try:
    import psycopg as _psycopg  # noqa: F401  only whether it is there
    import psycopg_pool as _psycopg_pool  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        "a memory in PostgreSQL needs psycopg 3 with its pool: pip install 'nuonuo[postgres]'"
    ) from error

from nuonuo.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
