"""What an operation on a store may hold; every complaint says what to do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    Op,
    PutOp,
    SearchOp,
    tokenize_path,
)

from nuonuo.checks import count_of, encodable
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.langchain._items import Path
from nuonuo_integrations.langchain._store_filters import checked
from nuonuo_integrations.langchain._store_ttl import minutes_of

Method = TypeVar("Method", bound=Callable[..., Any])


class NamespaceError(InvalidInputError, InvalidNamespaceError):
    """A namespace that cannot be one: LangGraph's error and ours."""


def check_op(op: Op) -> None:
    """Raise unless ``op`` can be done.

    Raises:
        InvalidTypeError, InvalidInputError: what is wrong with it. NamespaceError: its namespace.
    """
    if isinstance(op, (GetOp, PutOp)):
        check_namespace(op.namespace, "namespace")
        if not isinstance(op.key, str):
            raise InvalidTypeError(f"key must be a str, got {type(op.key).__name__} {op.key!r}")
        encodable(op.key, "key")
        if isinstance(op, PutOp):
            if op.index is not None and op.index is not False:
                fields_of(op.index, "index")
            if op.ttl is not None:
                minutes_of(op.ttl, "ttl")
    elif isinstance(op, SearchOp):
        check_namespace(op.namespace_prefix, "namespace_prefix")
        count_of(op.limit, "limit", 0)
        count_of(op.offset, "offset", 0)
        if op.query is not None and not isinstance(op.query, str):
            raise InvalidTypeError(f"query must be a str, got {type(op.query).__name__} {op.query!r}")
        checked(op.filter)
    elif isinstance(op, ListNamespacesOp):
        count_of(op.limit, "limit", 0)
        count_of(op.offset, "offset", 0)
        if op.max_depth is not None:
            count_of(op.max_depth, "max_depth", 0)
        for condition in op.match_conditions or ():
            if condition.match_type not in ("prefix", "suffix"):
                raise InvalidInputError(
                    f"match_type must be 'prefix' or 'suffix', got {condition.match_type!r}"
                )
            check_namespace(condition.path, condition.match_type)
    else:
        raise InvalidInputError(
            f"expected a GetOp, SearchOp, PutOp or ListNamespacesOp, got {type(op).__name__} {op!r}"
        )


def check_namespace(path: object, name: str) -> Path:
    """``path`` as a tuple, by LangGraph's own rules for its labels.

    Raises:
        InvalidTypeError: no tuple of labels; a str would be taken apart letter by letter.
        NamespaceError: a label that is no str, is empty, or holds a period or a NUL.
    """
    if not isinstance(path, (tuple, list)):
        hint = f"; write ({path!r},)" if isinstance(path, str) else ""
        raise InvalidTypeError(
            f"{name} must be a tuple of labels such as ('users', 'nell'), "
            f"got {type(path).__name__} {path!r}{hint}"
        )
    for label in path:
        if not isinstance(label, str) or not label or "." in label or "\x00" in label:
            raise NamespaceError(
                f"{name} has the label {label!r}; a label is a str that is not empty and holds neither "
                f"a period nor a NUL, got {path!r}"
            )
        encodable(label, f"the label {label!r} of {name}")
    return tuple(path)


def fields_of(fields: object, name: str) -> list[str]:
    """Paths in a value, as LangGraph writes them.

    Raises:
        InvalidTypeError, InvalidInputError: no list of str, or a path that could never meet anything.
    """
    if not isinstance(fields, Sequence) or isinstance(fields, (str, bytes)):
        hint = f"; write [{fields!r}]" if isinstance(fields, str) else ""
        raise InvalidTypeError(
            f"{name} must be a list of paths in a value, got {type(fields).__name__} {fields!r}{hint}"
        )
    for path in fields:
        if not isinstance(path, str):
            raise InvalidTypeError(f"a path of {name} must be a str, got {type(path).__name__} {path!r}")
        if path != "$" and not _is_path(path):
            raise InvalidInputError(
                f"{name} has the path {path!r}; paths are written 'text', 'meta.by', 'tags[*]', 'tags[0]', "
                "'{title,text}', and '$' alone is the whole value"
            )
    return list(fields)


def _is_path(path: str) -> bool:
    if not path.strip() or path.startswith(("$.", "$[")):
        return False
    for token in tokenize_path(path):
        inside = token[1:-1].strip()
        if token.startswith("[") and not (
            token.endswith("]") and (inside == "*" or inside.lstrip("-").isdigit())
        ):
            return False
        if token.startswith("{") and not (token.endswith("}") and inside):
            return False
    return True


def asked(method: Method) -> Method:
    """``method`` of `BaseStore`, whose namespaces and key are looked at before LangGraph takes them apart.

    A read puts off the end of an item where it is told to: by the call, or else by the store's ``ttl``.
    """
    names = [*inspect.signature(method).parameters]

    def look(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        for name in ("namespace", "namespace_prefix", "prefix", "suffix"):
            if name in given and not (given[name] is None and name in ("prefix", "suffix")):
                check_namespace(given[name], name)
        if "key" in given and given["key"] is None:
            raise InvalidTypeError("key must be a str, got None")
        if "refresh_ttl" in names and given.get("refresh_ttl") is None:
            kwargs["refresh_ttl"] = bool((args[0].ttl_config or {}).get("refresh_on_read", False))

    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def twin(*args: Any, **kwargs: Any) -> Any:
            look(args, kwargs)
            return await method(*args, **kwargs)

        return cast(Method, twin)

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        look(args, kwargs)
        return method(*args, **kwargs)

    return cast(Method, call)
