"""A conversation in the engine: all that was said in it, and the window, which is what is shown of it now.

The window lives in the file, so that it is the same after a restart, in another process and for every
object with this session id. It needs no record of its own: where it is not simply all of the session,
the newest record at that time carries a mark in its metadata, and the window is what the newest mark says,
then whatever came after the record that carries it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage

from nuonuo import AssociativeMemory, Memory
from nuonuo_integrations.llama_index._alignment import aligned
from nuonuo_integrations.llama_index._messages import MESSAGE_KEY, as_json, message_of

# The mark: a list with one entry a message, its id; or [id, message] where it was set in another form
# than it is stored in, such as without the tool calls that were stored with it.
WINDOW_KEY = "nuonuo_window"

_FORM_KEY = "nuonuo_form"  # never stored: says that a memory is in the form that a mark gives it

_PAGE, _PAGE_MAX = 64, 1024  # records read at a time: a long session is not read whole where less will do


class Given(NamedTuple):
    """A message that is to be shown, and what it is as a memory."""

    message: ChatMessage
    memory: Memory


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation of one namespace."""

    engine: AssociativeMemory
    namespace: str
    session_id: str

    def stored(self) -> Iterator[Memory]:
        """All that was said, the newest first; each once, also if something is said meanwhile."""
        seen: set[str | None] = set()
        offset, size = 0, _PAGE
        while page := self._newest(offset, size):
            for memory in page:
                if memory.id not in seen:
                    seen.add(memory.id)
                    yield memory
            offset, size = offset + len(page), min(2 * size, _PAGE_MAX)

    def window(self) -> Iterator[Memory]:
        """What is shown, the newest first, in the form in which it is shown."""
        stored = self.stored()
        for memory in stored:
            mark = memory.metadata.get(WINDOW_KEY)
            if mark is not None:
                yield from self._marked(mark)
                return
            yield memory

    def append(self, memories: Sequence[Memory]) -> None:
        """Store ``memories``, all or none; they are shown after what is shown now."""
        if not memories:
            return
        first, newest = memories[0], next(iter(self._newest(0, 1)), None)
        if newest is not None and newest.metadata.get(WINDOW_KEY) == []:
            # An empty window's mark stands on what is no longer shown; whoever forgets that forgets it too.
            first = replace(first, id=uuid4().hex)
            first = _with(first, [first.id])
        self.engine.add([first, *memories[1:]], namespace=self.namespace)

    def show(self, given: Sequence[Given]) -> None:
        """Make ``given`` the window; what of it is not stored yet is stored, and nothing is deleted."""
        known = self._known([each.memory for each in given])
        shown = [
            replace(each.memory, id=uuid4().hex) if old is None else _as_set(old, each.message)
            for each, old in zip(given, known, strict=True)
        ]
        new = [memory for memory, old in zip(shown, known, strict=True) if old is None]
        if shown[len(shown) - len(new) :] == new and self._is_window(shown[: len(shown) - len(new)]):
            self.engine.add(new, namespace=self.namespace)  # the window goes on
            return
        mark = [_entry(memory) for memory in shown]
        if new:
            self.engine.add([*new[:-1], _with(new[-1], mark)], namespace=self.namespace)
            return
        for newest in self._newest(0, 1):
            assert newest.id is not None
            self.engine.update(newest.id, metadata=_with(newest, mark).metadata, namespace=self.namespace)

    def _known(self, given: Sequence[Memory]) -> list[Memory | None]:
        """What each of ``given`` is stored as; None for what is new.

        What is shown now is looked at first, then all that was said. What a history tells after the newest
        message stored is new, though the same words may have been said long before.
        """
        best: list[Memory | None] = [None] * len(given)
        for newest_first in (self.window(), self.stored()):
            found, explained = _found(given, newest_first)
            if sum(each is not None for each in found) > sum(each is not None for each in best):
                best = found
            if explained:
                break
        return best

    def _is_window(self, memories: Sequence[Memory]) -> bool:
        return all(one == other for one, other in zip_longest(self.window(), reversed(memories)))

    def _marked(self, mark: Sequence[Any]) -> Iterator[Memory]:
        entries = [(entry, None) if isinstance(entry, str) else tuple(entry) for entry in reversed(mark)]
        for at in range(0, len(entries), _PAGE):
            page = entries[at : at + _PAGE]
            memories = self.engine.get([id for id, _ in page], namespace=self.namespace)
            for memory, (_, form) in zip(memories, page, strict=True):
                if memory is not None:  # it was forgotten since
                    yield memory if form is None else _in_form(memory, form)

    def _newest(self, offset: int, limit: int) -> list[Memory]:
        return self.engine.list(
            namespace=self.namespace,
            session_id=self.session_id,
            newest_first=True,
            offset=offset,
            limit=limit,
        )


def _found(given: Sequence[Memory], newest_first: Iterator[Memory]) -> tuple[list[Memory | None], bool]:
    """What each of ``given`` is stored as, and whether looking further back could tell nothing more.

    It could not where all is found, nor where all is found but what follows the newest message.
    """
    wanted = {(memory.role, memory.text) for memory in given}
    found: list[Memory | None] = [None] * len(given)
    newest = next(newest_first, None)
    if not given or newest is None:
        return found, not given
    read: list[Memory] = []
    rest, size = chain([newest], newest_first), max(_PAGE, 2 * len(given))
    while page := list(islice(rest, size)):
        read.extend(memory for memory in page if (memory.role, memory.text) in wanted)
        found = aligned(given, read[::-1])
        known = [memory for memory in found if memory is not None]
        if known == found or (known == found[: len(known)] and known and known[-1] is newest):
            return found, True
        size *= 2
    return found, False


def _with(memory: Memory, mark: Sequence[Any]) -> Memory:
    return replace(memory, metadata={**memory.metadata, WINDOW_KEY: list(mark)})


def _entry(memory: Memory) -> Any:
    """What a mark says of ``memory``."""
    return [memory.id, memory.metadata[MESSAGE_KEY]] if _FORM_KEY in memory.metadata else memory.id


def _as_set(memory: Memory, message: ChatMessage) -> Memory:
    """``memory`` in the form of ``message``, which says the same."""
    return memory if message_of(memory) == message else _in_form(memory, as_json(message))


def _in_form(memory: Memory, form: Any) -> Memory:
    return replace(memory, metadata={**memory.metadata, MESSAGE_KEY: form, _FORM_KEY: True})
