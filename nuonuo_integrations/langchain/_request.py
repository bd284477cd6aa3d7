"""What is recalled, inside the system message of a model call."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from langchain.agents.middleware.types import ModelRequest
from langchain_core.messages import SystemMessage

_SYSTEM = ("system_message", "system_prompt")


class Recalling(ModelRequest[Any]):
    """A request that keeps what was recalled in its system message.

    A middleware further in, such as LangChain's ``dynamic_prompt``, replaces the whole system message: what
    was recalled is put into the new one too.
    """

    recalled: str

    @classmethod
    def of(cls, request: ModelRequest[Any], recalled: str) -> ModelRequest[Any]:
        """``request`` with ``recalled`` in it; itself where nothing was recalled."""
        if not recalled:
            return request
        made = cls._made(request, recalled)
        made._append(recalled)
        if isinstance(request, Recalling):  # of another memory: both stay
            object.__setattr__(made, "recalled", f"{request.recalled}\n\n{recalled}")
        return made

    def override(self, **overrides: Any) -> ModelRequest[Any]:
        made = self._made(ModelRequest(**_values(self)).override(**overrides), self.recalled)
        made._keep()
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _SYSTEM:
            self._keep()

    @classmethod
    def _made(cls, request: ModelRequest[Any], recalled: str) -> Recalling:
        made = cls(**_values(request))
        object.__setattr__(made, "recalled", recalled)
        return made

    def _keep(self) -> None:
        system = self.system_message
        # Told by its first line: somebody may have changed the rest, a redaction say.
        if system is None or self.recalled.partition("\n")[0] not in str(system.text):
            self._append(self.recalled)

    def _append(self, recalled: str) -> None:
        object.__setattr__(self, "system_message", _with(self.system_message, recalled))


def _values(request: ModelRequest[Any]) -> dict[str, Any]:
    return {each.name: getattr(request, each.name) for each in fields(ModelRequest)}


def _with(system: SystemMessage | None, recalled: str) -> SystemMessage:
    if system is None:
        return SystemMessage(recalled)
    if isinstance(system.content, str):
        content: Any = f"{system.content}\n\n{recalled}" if system.content else recalled
    else:
        content = [*system.content, {"type": "text", "text": recalled}]
    return system.model_copy(update={"content": content})
