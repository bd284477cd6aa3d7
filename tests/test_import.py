"""`import nuonuo` is light, and its public surface is complete."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nuonuo
from nuonuo import AssociativeMemory, Memory, errors, records
from nuonuo.errors import InvalidInputError
from tests.fakes import SMALL, Opened, WordEmbedder, fresh, texts

HEAVY = [
    "numpy",
    "torch",
    "sentence_transformers",
    "transformers",
    "langchain",
    "langchain_core",
    "llama_index",
]


def loaded_by(code: str) -> set[str]:
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {*result.stdout.split()}


def test_the_import_is_light() -> None:
    assert not loaded_by("import nuonuo\nnuonuo.Memory, nuonuo.NuonuoError, dir(nuonuo)") & {*HEAVY}


def test_a_memory_needs_no_model_until_it_embeds() -> None:
    code = "from nuonuo import *\nmemory = AssociativeMemory()\nmemory.list(), memory.stats()"
    modules = loaded_by(code)
    assert "numpy" in modules
    assert not modules & {*HEAVY} - {"numpy"}


def test_no_framework_is_imported_by_the_engine() -> None:
    code = (
        "import importlib, pkgutil, nuonuo\n"
        "for module in pkgutil.walk_packages(nuonuo.__path__, 'nuonuo.'):\n"
        "    if not module.name.startswith(('nuonuo.cli', 'nuonuo.evaluation')):\n"
        "        try:\n"
        "            importlib.import_module(module.name)\n"
        "        except nuonuo.errors.MissingDependencyError:\n"
        "            assert module.name.startswith('nuonuo.stores.postgres')"
    )
    assert not loaded_by(code) & {*HEAVY} - {"numpy"}


def test_all_is_complete() -> None:
    for name in nuonuo.__all__:
        assert getattr(nuonuo, name).__name__ == name
    assert {*nuonuo.__all__} <= {*dir(nuonuo)}
    assert len({*nuonuo.__all__}) == len(nuonuo.__all__)
    public = {
        name
        for name, value in vars(records).items()
        if inspect.isclass(value) and value.__module__ == records.__name__
    }
    assert public <= {*nuonuo.__all__}
    with pytest.raises(AttributeError, match="nothing"):
        nuonuo.nothing  # noqa: B018


def test_every_error_is_one_of_ours() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value):
            assert issubclass(value, nuonuo.NuonuoError), name
            assert name in (errors.__doc__ or "") or value is nuonuo.NuonuoError
            assert value.__doc__


PLAIN = [
    name
    for name, value in vars(AssociativeMemory).items()
    if inspect.isfunction(value) and not name.startswith("_") and f"a{name}" in vars(AssociativeMemory)
]


def test_every_method_has_an_async_twin() -> None:
    public = {
        name
        for name, value in vars(AssociativeMemory).items()
        if inspect.isfunction(value) and not name.startswith("_") and not inspect.iscoroutinefunction(value)
    }
    assert public == {*PLAIN}
    assert public == {
        "add",
        "update",
        "revise",
        "recall_many",
        "associate",
        "forget",
        "recall",
        "chain",
        "get",
        "list",
        "namespaces",
        "stats",
        "export",
        "load_export",
        "close",
    }
    for name in PLAIN:
        twin = getattr(AssociativeMemory, f"a{name}")
        assert inspect.iscoroutinefunction(twin)
        assert twin.__name__ == f"a{name}"
        assert twin.__doc__


async def test_the_twins_do_the_same(opened: Opened, tmp_path: Path) -> None:
    async with opened() as memory:
        ids = await memory.aadd(["rex the beagle", Memory("thunder scares rex")], session_id="s", role="user")
        assert await memory.aget(ids) == memory.get(ids)
        await memory.aassociate(ids[0], ids[1], weight=0.5)
        await memory.aupdate(ids[0], text="rex the poodle")
        assert await memory.arecall("what scares rex", k=1) == memory.recall("what scares rex", k=1)
        assert await memory.achain("poodle", hops=1) == memory.chain("poodle", hops=1)
        assert await memory.alist(limit=1) == memory.list(limit=1)
        assert await memory.anamespaces() == ["default"]
        assert (await memory.astats()).associations == 1
        assert await memory.aexport(tmp_path / "dump.jsonl") == 2
        assert await memory.aforget(ids=ids) == 2
        assert await memory.aload_export(tmp_path / "dump.jsonl") == 2
        with pytest.raises(InvalidInputError):
            await memory.arecall("")
    with pytest.raises(errors.StoreClosedError):
        await memory.arecall("rex")


async def test_many_at_once() -> None:
    memory = fresh()
    await asyncio.gather(*(memory.aadd(f"thing{number}") for number in range(20)))
    found = await asyncio.gather(*(memory.arecall(f"thing{number}", 1) for number in range(20)))
    assert [texts(each) for each in found] == [[f"thing{number}"] for number in range(20)]


def test_the_loop_goes_on_while_a_twin_works() -> None:
    class Waiting(WordEmbedder):
        """Answers only once the event loop has gone on."""

        def encode_queries(self, texts):  # type: ignore[no-untyped-def]
            future = asyncio.run_coroutine_threadsafe(tick(), loop)
            future.result(timeout=30)
            return super().encode_documents(texts)

    async def tick() -> None:
        await asyncio.sleep(0)

    async def main() -> list[str]:
        nonlocal loop
        loop = asyncio.get_running_loop()
        embedder = Waiting()
        embedder.symmetric = False
        memory = AssociativeMemory(embedder=embedder, config=SMALL)
        await memory.aadd("rex")
        return texts(await memory.arecall("rex"))

    loop: asyncio.AbstractEventLoop
    assert asyncio.run(main()) == ["rex"]
