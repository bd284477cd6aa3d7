"""What NuoNuo's memory and block share: errors of our own, and runs that an engine's failure does not end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ValidationError, ValidationInfo

from nuonuo import checks
from nuonuo.errors import InvalidInputError, InvalidTypeError, NuonuoError
from nuonuo_integrations._engine import label_of
from nuonuo_integrations._models import HolderModel
from nuonuo_integrations._named import named

T = TypeVar("T")


def _count(value: object, info: ValidationInfo) -> int:
    return checks.count_of(value, str(info.field_name), 1)


def _label(value: object, info: ValidationInfo) -> str:
    return label_of(value, str(info.field_name))


Count = Annotated[int, BeforeValidator(_count)]  # at least 1
Label = Annotated[str, BeforeValidator(_label)]  # the name of a session or a namespace

# The keys of a message's additional_kwargs that may hold its time; of several the first that can be read.
Timestamp = Annotated[tuple[str, ...], BeforeValidator(lambda keys: named(keys, None, None).timestamp)]

OnError = Literal["log", "raise"]

logger = logging.getLogger(__name__)


class Component(HolderModel):
    """Mixed into a pydantic component with the fields ``memory``, ``tokenizer_fn`` and ``on_error``."""

    if not TYPE_CHECKING:  # type checkers know the fields better

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise _ours(type(self), error) from error

    def _tried(self, work: Callable[[], T], otherwise: T, what: str) -> T:
        """What ``work`` gives; where the engine fails, ``otherwise``, and the log says what and why."""
        try:
            return work()
        except (InvalidInputError, InvalidTypeError):
            raise  # what was given cannot be meant: no accident
        except Exception:  # an embedder's own code raises what it likes
            if self.on_error == "raise":  # type: ignore[attr-defined]
                raise
            logger.exception("%s: %s", type(self).__name__, what)
            return otherwise


def _ours(component: type, error: ValidationError) -> NuonuoError:
    """The first of pydantic's complaints as an error of our own."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, NuonuoError):
        return cause
    name, kind, came = ".".join(map(str, first["loc"])), first["type"], first["input"]
    if kind == "extra_forbidden":
        fields = ", ".join(component.model_fields)  # type: ignore[attr-defined]
        return InvalidInputError(f"{name!r} is extra: {component.__name__} takes {fields}")
    told = f"{name} of {component.__name__}: {first['msg']}"
    if kind == "missing":
        return InvalidTypeError(told)
    wrong_type = kind.endswith(("_type", "instance_of", "_parsing"))
    return (InvalidTypeError if wrong_type else InvalidInputError)(
        f"{told}; got {type(came).__name__} {came!r}"
    )
