"""Programs run as a user runs them, in a process of their own: one started for them, or a copy of a warm one.

A start that imports torch, sentence-transformers and a framework takes some ten seconds of a processor. Where
many programs are run, one process imports these once, and what runs a program is forked from it.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 600  # seconds that a program may take
SLOW = [
    "sentence_transformers",
    "transformers.models.bert.modeling_bert",
    "langchain.agents",
    "langgraph.checkpoint.memory",
    "langchain_classic",
    "llama_index.core",
    "nuonuo_integrations",
]
STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))

Done = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """What a program finds in its environment: this folder's packages, and a terminal of 90 columns."""
    paths = [str(ROOT / "core"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "90",
    }


def run_fresh(script: Path, *arguments: str, stdin: str | Path = "") -> Done:
    """Run ``script`` in a new Python. What it reads is the text ``stdin``, or the terminal at that path."""
    with nullcontext() if isinstance(stdin, str) else stdin.open(encoding="utf-8") as terminal:
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            input=stdin if isinstance(stdin, str) else None,
            stdin=terminal,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LIMIT,
            cwd=ROOT,
            env=environment(),
        )


def run_warm(script: Path, *arguments: str, stdin: str | Path = "") -> Done:
    """Run ``script`` as `run_fresh` does, but in a process that has imported what is slow to import."""
    if sys.platform != "linux":  # elsewhere a process with libraries like these is not safe to fork
        return run_fresh(script, *arguments, stdin=stdin)
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(SLOW)
    with TemporaryDirectory() as name:
        streams = Path(name)
        for stream in ("stdout", "stderr"):
            (streams / stream).touch()
        if isinstance(stdin, str):
            (streams / "stdin").write_text(stdin, encoding="utf-8")
        else:
            (streams / "stdin").symlink_to(stdin)
        process = forked.Process(target=_play, args=(script, arguments, environment(), streams))
        process.start()
        process.join(LIMIT)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([str(script), *arguments], LIMIT)
        out, err = ((streams / stream).read_text(encoding="utf-8") for stream in ("stdout", "stderr"))
        return subprocess.CompletedProcess([str(script), *arguments], process.exitcode, out, err)


def _play(script: Path, arguments: Sequence[str], variables: Mapping[str, str], streams: Path) -> None:
    """Be the program: its streams, folder, environment and arguments, as `run_fresh` sets them."""
    for at, (name, mode) in enumerate(STREAMS):
        opened = os.open(streams / name, mode)
        if opened != at:
            os.dup2(opened, at)
            os.close(opened)
        setattr(sys, name, os.fdopen(at, "w" if at else "r", encoding="utf-8", closefd=False))
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(ROOT)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # which a process that was forked leaves out
