"""Which namespace a call means, where that is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from nuonuo.errors import InvalidInputError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo.stores import Store

SHOWN = 10


def of_session(store: Store, namespace: str | None, session_id: str | None) -> str | None:
    """The namespace of a call that may name a session: a session alone is one of "default".

    Two tenants may both have a session "1": to name one without the other's wall reads and forgets in
    "default" alone. Where only others have it, nothing would be found, and what should be gone would stay.

    Raises:
        InvalidInputError: ``namespace`` is None, and only other namespaces than "default" have the session.
    """
    if namespace is not None or session_id is None:
        return namespace
    here = store.list(namespace=DEFAULT_NAMESPACE, session_id=session_id, limit=1)
    if not here and store.list(session_id=session_id, limit=1):
        raise InvalidInputError(
            f"the session {session_id!r} is not in the namespace {DEFAULT_NAMESPACE!r}, which is meant where "
            "none is named, but in another one; name it with namespace="
        )
    return DEFAULT_NAMESPACE


def must_exist(namespace: str, names: Sequence[str], where: str) -> None:
    """Raise `InvalidInputError` unless ``namespace`` is one of ``names``, those of the file ``where``."""
    if namespace in names:
        return
    if not names:
        raise InvalidInputError(f"{where} holds no memories yet")
    folded = {name.casefold(): name for name in names}
    near = [folded[each] for each in get_close_matches(namespace.casefold(), [*folded], SHOWN)]
    shown = near or names[:SHOWN]
    more = "" if near or len(names) <= SHOWN else f" and {len(names) - SHOWN:,} more"
    raise InvalidInputError(
        f"there is no namespace {namespace!r} in {where}; {'near it' if near else 'there'}: "
        f"{', '.join(map(repr, shown))}{more}"
    )
