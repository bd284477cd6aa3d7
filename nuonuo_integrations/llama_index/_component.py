"""What NuoNuo's memory and block share: kinds of fields, and runs that an engine's failure does not end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator

from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._models import HolderModel
from nuonuo_integrations._named import named

T = TypeVar("T")

# The keys of a message's additional_kwargs that may hold its time; of several the first that can be read.
Timestamp = Annotated[tuple[str, ...], BeforeValidator(lambda keys: named(keys, None, None).timestamp)]

OnError = Literal["log", "raise"]


class Component(HolderModel):
    """A component with the fields ``memory``, ``tokenizer_fn`` and ``on_error``."""

    def _tried(self, work: Callable[[], T], otherwise: T, what: str) -> T:
        """`_guarded`; what was given and cannot be meant is no accident, and is always raised."""
        return self._guarded(work, otherwise, what, refused=(InvalidInputError, InvalidTypeError))
