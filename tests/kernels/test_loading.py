"""Kernels are loaded when that pays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nuonuo import kernels
from nuonuo.errors import InvalidInputError, MissingDependencyError
from tests.fakes import fresh

pytest.importorskip("numba")

PROGRAM = """
import sys
from nuonuo import AssociativeMemory, kernels
from tests.fakes import fresh
memory = fresh()
memory.add([f"word{at} and code" for at in range(80)])
def told(): return [(hit.memory.id, hit.score.hex()) for hit in memory.recall("the code of word7")]
first = told()
assert "numba" not in sys.modules or kernels.loaded(), "nobody asked for it"
before = kernels.loaded() is not None
for _ in range(kernels.WARM):
    assert told() == first
kernels.wait()
assert told() == first
print(before, kernels.loaded() is not None)
"""


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [(None, "False True"), ("auto", "False True"), ("numpy", "False False"), ("numba", "True True")],
)
def test_they_are_loaded_with_the_hundredth_recall_or_as_the_environment_says(
    choice: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUONUO_KERNELS", raising=False)
    if choice is not None:
        monkeypatch.setenv("NUONUO_KERNELS", choice)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (wanted, "")


def test_another_choice_is_an_error() -> None:
    with pytest.raises(
        InvalidInputError, match="NUONUO_KERNELS must be one of auto, numba, numpy, got 'cuda'"
    ):
        kernels.use("cuda")


def test_a_numba_that_cannot_be_loaded_is_told_once_and_numpy_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"{name} needs another NumPy")

    kernels.use("auto")
    monkeypatch.setattr(kernels, "importlib", type("", (), {"import_module": staticmethod(broken)}))
    monkeypatch.setattr(kernels, "WARM", 3)
    memory = fresh()
    memory.add("rex hides")
    for _ in range(5):
        assert memory.recall("rex")[0].memory.text == "rex hides"
    kernels.wait()
    assert [record.message for record in caplog.records] == [
        "the compiled kernels cannot be loaded, NumPy goes on without them: "
        "nuonuo.kernels.compiled needs another NumPy"
    ]


FORKED = """
import os, threading
from nuonuo import kernels
begun, go = threading.Event(), threading.Event()
load = kernels._load
def slow():
    begun.set()
    go.wait()
    load()
kernels._load = slow
for _ in range(kernels.WARM):
    kernels.asked()
begun.wait()
child = os.fork()  # in the middle of the loading
if not child:
    kernels._load = load
    for _ in range(kernels.WARM):
        kernels.asked()
    kernels.wait()
    os._exit(0 if kernels.loaded() is not None else 7)
go.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_is_forked_while_they_are_loaded_loads_them_itself() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_without_numba_the_wish_for_it_is_an_error_at_each_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUONUO_KERNELS", "numba")
    monkeypatch.setitem(sys.modules, "nuonuo.kernels.compiled", None)
    kernels.use("auto")
    memory = fresh()
    memory.add("rex hides")
    for _ in range(2):
        with pytest.raises(MissingDependencyError, match=r"pip install 'nuonuo\[kernels\]'"):
            memory.recall("rex")
