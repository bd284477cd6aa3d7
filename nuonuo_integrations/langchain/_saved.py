"""What an agent's run said, in the memory: stored once, and rewritten where the message was."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import NAMESPACE_OID, uuid4, uuid5

from langchain_core.messages import AnyMessage, BaseMessage

from nuonuo import AssociativeMemory, Memory
from nuonuo_integrations.langchain._messages import role_of, turn_of
from nuonuo_integrations.langchain._turn import last_said

logger = logging.getLogger(__name__)

Due = Sequence[tuple[BaseMessage, str]]  # messages, each with the namespace that it belongs to


def id_of(namespace: str, thread: str, message_id: str) -> str:
    """The id of a thread's message as a memory."""
    return uuid5(NAMESPACE_OID, json.dumps([namespace, thread, message_id])).hex


def digest(text: str) -> str:
    """Tells whether a text is another than it was, and nothing of either."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def ids_of(due: Due) -> dict[str, str]:
    """The ids of messages, each with its namespace."""
    return {str(message.id): namespace for message, namespace in due if message.id}


def save(memory: AssociativeMemory, due: Due, thread: str | None) -> None:
    """Store messages in their order, those of one namespace all or none; what is stored stays as it is."""
    session = thread or uuid4().hex  # a run without a thread is a conversation of its own
    for namespace in dict.fromkeys(namespace for _, namespace in due):
        messages = [message for message, place in due if place == namespace]
        memory.add(_new(memory, _memories(messages, namespace, thread, session)), namespace=namespace)


def follow(
    memory: AssociativeMemory,
    saved: Mapping[str, str],
    left: Mapping[str, str],
    messages: Sequence[AnyMessage],
    thread: str,
) -> None:
    """Rewrite in the memory what another middleware rewrote after it was stored.

    Args:
        saved: ids of the messages that the last run stored, each with its namespace.
        left: the `digest` of the text that each of them had then, by the id of its memory.
        messages: as they are now.
    """
    edited = {message.id for message in last_said(messages)}  # by the user, who says it anew
    for message in messages:
        namespace = saved.get(str(message.id))
        if namespace is None or message.id in edited:
            continue
        id = id_of(namespace, thread, str(message.id))
        now = digest(str(message.text))
        if left.get(id, now) == now:
            continue
        rewritten = turn_of(str(message.text), role_of(message), thread, id)
        if rewritten is None:
            memory.forget(ids=[id])
        elif memory.get([id])[0] is not None:
            memory.update(id, text=rewritten.text)
        logger.warning(
            "message %r of thread %r was rewritten after it was stored, and in the memory only now; "
            "put NuonuoMiddleware first in the agent's list, so that it stores last",
            message.id,
            thread,
        )


def _memories(
    messages: Iterable[BaseMessage], namespace: str, thread: str | None, session: str
) -> list[Memory]:
    made = (
        turn_of(
            str(message.text),
            role_of(message),
            session,
            id_of(namespace, thread, message.id) if thread and message.id else None,
        )
        for message in messages
    )
    return [memory for memory in made if memory is not None]


def _new(memory: AssociativeMemory, memories: list[Memory]) -> list[Memory]:
    # A run that is resumed or replayed comes by here again with the same messages.
    known = {each.id: each for each in memory.get([m.id for m in memories if m.id]) if each is not None}
    new = []
    for each in memories:
        stored = known.get(each.id)
        if stored is None:
            new.append(each)
        elif stored.text != each.text:  # the message was edited: both were said
            new.append(replace(each, id=None))
    return new
