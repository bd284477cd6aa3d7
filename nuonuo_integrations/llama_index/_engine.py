"""The engine as a field of LlamaIndex's pydantic components."""

from __future__ import annotations

from typing import Annotated, Any
from weakref import WeakValueDictionary

from pydantic import BeforeValidator, PlainSerializer

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, StoreClosedError
from nuonuo_integrations._engine import engine_of

# Agents write their context down between runs and read it back, the memory with it. Inside one process
# it is read back as the engine that it was: another one on the same file might lack its embedder, and
# one in RAM has nothing to be made of again.
_LIVING: WeakValueDictionary[str, AssociativeMemory] = WeakValueDictionary()


def _written(memory: AssociativeMemory) -> dict[str, Any]:
    key = f"{id(memory):x}"
    _LIVING[key] = memory
    return {"engine": key, "path": memory.stats().path}


def _read(memory: object) -> AssociativeMemory:
    if not (isinstance(memory, dict) and memory.keys() == {"engine", "path"}):
        return engine_of(memory)
    living = _LIVING.get(memory["engine"])
    if living is not None:
        try:
            if living.stats().path == memory["path"]:
                return living
        except StoreClosedError:
            pass  # it is opened again below
    if memory["path"] is None:
        raise InvalidInputError(
            "this memory lived in RAM and is gone with its engine; "
            "keep it in a file: AssociativeMemory.open(path)"
        )
    return engine_of(memory["path"])


Engine = Annotated[AssociativeMemory, BeforeValidator(_read), PlainSerializer(_written)]
