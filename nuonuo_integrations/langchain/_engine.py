"""The engine as a pydantic field of LangChain's components."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from nuonuo import AssociativeMemory
from nuonuo_integrations._engine import engine_of


def _path_of(memory: AssociativeMemory) -> Any:
    return memory.stats().path


# Written down as what it can be made of again: the path of its file; None for one that lives in RAM.
Engine = Annotated[AssociativeMemory, BeforeValidator(engine_of), PlainSerializer(_path_of)]
