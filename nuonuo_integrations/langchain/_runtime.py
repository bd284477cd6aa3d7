"""Whose run it is, in which conversation, and who called it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langgraph.config import get_config
from langgraph.runtime import Runtime

from nuonuo.errors import InvalidInputError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import label_of

NamespaceOf = Callable[[Runtime[Any]], str]

_USER = ("user_id", "langgraph_auth_user_id")  # the caller's word, then that of LangGraph's own server
_TOOLS = "tools"  # the node in which an agent calls its tools


def namespace_of(runtime: Runtime[Any], given: str | NamespaceOf | None) -> str:
    """The namespace of a run: ``given``, or that of the user whom its context or its config names.

    Raises:
        InvalidInputError, InvalidTypeError: a context that names no user, or a user that is no name.
    """
    if callable(given):
        return label_of(given(runtime), "what namespace= returned")
    if given is not None:
        return given
    context = runtime.context
    user = context.get("user_id") if isinstance(context, Mapping) else getattr(context, "user_id", None)
    configurable = _config().get("configurable", {})
    for name in _USER:
        user = configurable.get(name) if user is None else user
    if user is not None:
        return label_of(user, "user_id")
    if context is None and "user_id" not in configurable:
        return DEFAULT_NAMESPACE
    raise InvalidInputError(
        f"the run names no user_id, so whose memory is it? its context is {context!r}, and its config's "
        f"configurable has {'user_id=None' if 'user_id' in configurable else 'none'}; "
        "add user_id to it or to the config's configurable, or say NuonuoMiddleware(namespace=...)"
    )


def thread_of(runtime: Runtime[Any]) -> str | None:
    """The id of the running thread as text, as LangGraph makes it; None for a run without one."""
    info = runtime.execution_info
    thread = info.thread_id if info is not None else None
    if thread is None or thread == "":
        return None
    return label_of(str(thread), "thread_id", quoted=True)


def inside_tool(runtime: Runtime[Any]) -> bool:
    """Whether a tool of another agent runs this one: what it is told is a model's word, no user's."""
    info = runtime.execution_info
    own = (info.checkpoint_ns if info is not None else "").split("|")[:-1]
    # Under a thread of its own the agent no longer stands inside its caller; the metadata still tell.
    callers = str(_config().get("metadata", {}).get("checkpoint_ns") or "").split("|")
    return any(place.partition(":")[0] == _TOOLS for place in (*own, *callers))


def _config() -> Mapping[str, Any]:
    try:
        return get_config()
    except RuntimeError:  # called outside of a graph
        return {}
