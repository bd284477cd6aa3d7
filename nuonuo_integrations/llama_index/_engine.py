"""What the adapters are given to hold: an engine, or the path of its file."""

from __future__ import annotations

from os import PathLike
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidTypeError


def engine_of(memory: object) -> AssociativeMemory:
    """``memory`` itself, or the memory in the file that it names.

    Raises:
        InvalidTypeError: neither an `AssociativeMemory` nor a path.
        StoreError: the file cannot be opened.
    """
    if isinstance(memory, AssociativeMemory):
        return memory
    if isinstance(memory, (str, PathLike)):
        return AssociativeMemory.open(memory)
    raise InvalidTypeError(
        f"memory must be an AssociativeMemory or the path of its file, got {type(memory).__name__} {memory!r}"
    )


def _path_of(memory: AssociativeMemory) -> Any:
    return memory.stats().path


# A LlamaIndex component is written down (a workflow's context, for one) as what it can be made of
# again: for a memory in a file that is the path. One that lives in RAM is written as None.
Engine = Annotated[AssociativeMemory, BeforeValidator(engine_of), PlainSerializer(_path_of)]
