"""Async twins of the engine's methods."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def twin(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]:
    """The async twin of a method: the same work in a thread, so that the event loop goes on."""

    async def made(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio  # here, since it takes a sixth of the time that importing the engine does

        return await asyncio.to_thread(method, self, *args, **kwargs)

    made.__name__ = f"a{method.__name__}"
    made.__qualname__ = f"AssociativeMemory.a{method.__name__}"
    made.__doc__ = f"Async twin of `{method.__name__}`, run in a thread."
    return made
