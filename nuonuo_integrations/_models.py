"""The adapters that are pydantic models: closed, copied and pickled like the others, and errors are ours."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from nuonuo.errors import InvalidInputError, InvalidTypeError, NuonuoError
from nuonuo_integrations._shared import Holder, Origin, engine_of

Self = TypeVar("Self", bound="HolderModel")


class HolderModel(Holder, BaseModel):
    """An adapter with the engine in its field ``memory``.

    Raises:
        InvalidTypeError, InvalidInputError: a field cannot be what was given.
    """

    if not TYPE_CHECKING:  # type checkers know the fields better

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise _ours(type(self), error) from error

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._hold()

    def __copy__(self: Self) -> Self:
        copied = BaseModel.__copy__(self)
        copied._hold()
        return copied

    def __deepcopy__(self: Self, memo: dict[int, Any] | None = None) -> Self:
        copied = BaseModel.__deepcopy__(self, memo)
        copied._hold()
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        # Not that of LlamaIndex's base class, which takes out of the living object what it cannot pickle.
        state = BaseModel.__getstate__(self)
        fields, private = type(self).model_fields, state.get("__pydantic_private__") or {}
        values = {**state["__dict__"], "memory": Origin.of(self.memory)}
        # What JSON leaves out goes along where it can; a counter that is a lambda cannot.
        lost = [name for name, each in fields.items() if each.exclude and not _pickles(values.get(name))]
        return {
            **state,
            "__dict__": {name: value for name, value in values.items() if name not in lost},
            "__pydantic_private__": {name: value for name, value in private.items() if _pickles(value)},
        }

    def __setstate__(self, state: dict[Any, Any]) -> None:
        kind, values = type(self), state["__dict__"]
        fields = {
            name: each.get_default(call_default_factory=True, validated_data=values)
            for name, each in kind.model_fields.items()
            if name not in values
        }
        private = {
            name: each.get_default()
            for name, each in kind.__private_attributes__.items()
            if name not in state["__pydantic_private__"]
        }
        values = {**values, **fields, "memory": engine_of(values["memory"])}
        private |= state["__pydantic_private__"]
        BaseModel.__setstate__(self, {**state, "__dict__": values, "__pydantic_private__": private})
        self._hold()


def _pickles(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # whatever its own code raises
        return False
    return True


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
