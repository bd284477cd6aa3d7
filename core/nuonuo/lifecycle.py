"""The life of an engine: opened and closed by ``with``, copied as itself, pickled as where its memory is."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, TypeVar

from nuonuo.errors import InvalidTypeError
from nuonuo.stores import Store
from nuonuo.stores.opening import origin_of

Self = TypeVar("Self", bound="Lifecycle")


class Lifecycle(ABC):
    """What `AssociativeMemory` is as an object of Python, whatever it holds.

    Attributes:
        _store: where the truth is kept. _given: the options that it was made with, by name.
    """

    _store: Store
    _given: dict[str, Any]

    @abstractmethod
    def close(self) -> None:
        """Release what is held; closing twice is no error."""

    @abstractmethod
    async def aclose(self) -> None:
        """Async twin of `close`."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __copy__(self: Self) -> Self:
        return self

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        """Itself: what is copied around it goes on sharing the one engine of its file."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the path of its file or its address, with the options that it was opened with.

        Raises:
            InvalidTypeError: it lives in RAM, its address has a password, or an option cannot be pickled.
        """
        origin = origin_of(self._store)
        try:
            pickle.dumps(self._given)
        except Exception as error:  # whatever an option's own code raises
            raise InvalidTypeError(
                f"one of the options {[*self._given]} of this memory cannot be pickled ({error}); give an "
                "embedder and a paraphrase made of named functions, or none and open the file anew"
            ) from error
        return _opened, (type(self), origin, self._given)


def _opened(kind: Any, path: str, given: dict[str, Any]) -> Any:
    return kind.open(path, **given)
