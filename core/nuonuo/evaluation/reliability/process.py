"""A process that does one of `nuonuo.evaluation.reliability.worker`'s tasks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from nuonuo.errors import NuonuoError
from nuonuo.evaluation.processes import environment, last_words


class Worker:
    """A process that has been started and waits for its task. It is over when it is closed."""

    def __init__(self) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nuonuo.evaluation.reliability.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(1),
            text=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # pipes
        self._in, self._out = self._process.stdin, self._process.stdout

    def begin(self, *task: object) -> None:
        """Give it its ``task``: the name and what it takes, as JSON.

        Raises:
            NuonuoError: it has ended before.
        """
        self._out.readline()  # it is ready
        try:
            self._in.write(json.dumps(task) + "\n")
            self._in.flush()
        except BrokenPipeError as error:
            raise NuonuoError(f"a process failed before it began: {self.last_words()}") from error

    def lines(self) -> Iterator[str]:
        """What it says, line by line, until it ends."""
        yield from self._out

    def result(self, timeout: float) -> str | None:
        """The last line that it says, once it has ended; None where it has not after ``timeout`` seconds.

        Raises:
            NuonuoError: it ended with an error.
        """
        try:
            said, _ = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return None
        if self._process.returncode or not said:
            raise NuonuoError(f"a process failed: {self.last_words()}")
        return str(said.splitlines()[-1])

    def last_words(self) -> str:
        """The last line of its errors."""
        return last_words(self._errors) or "it said nothing"

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._errors):
            pipe.close()


class Victim(Worker):
    """A process that is killed at its task."""

    def __init__(self) -> None:
        super().__init__()
        self._said = ""

    def done(self, acts: int) -> None:
        """Wait until it has done so many ``acts``, or has ended."""
        for line in iter(self._out.readline, ""):
            self._said += line
            acts -= line == "done\n"
            if not acts:
                break

    def heard(self, count: int) -> None:
        """Wait until it has said ``count`` lines, or has ended."""
        for _ in range(count):
            self._said += self._out.readline()

    def kill(self) -> list[str]:
        """The lines that it had said in full.

        Raises:
            NuonuoError: it had ended by itself, with an error.
        """
        self._process.kill()
        told = self._said + self._out.read()
        self._process.wait()
        failed = self._process.returncode > 0 and last_words(self._errors)
        self.close()
        if failed:
            raise NuonuoError(f"a process failed before it was killed: {failed}")
        return [line[:-1] for line in told.splitlines(keepends=True) if line.endswith("\n")]
