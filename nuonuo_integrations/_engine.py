"""What every adapter asks of the engine: to be given one or to open it, to recall what is not shown yet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypedDict
from uuid import UUID

from nuonuo import AssociativeMemory, Hit, Recall
from nuonuo.checks import count_of
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.where import check_where
from nuonuo_integrations._shared import Holder, engine_of

__all__ = [
    "MIN_CONFIDENCE",
    "SILENT_KEY",
    "Holder",
    "Place",
    "audible",
    "check_options",
    "confidence_of",
    "engine_of",
    "flag_of",
    "label_of",
    "mended",
    "place_of",
    "recall_unshown",
    "session_of",
]

SILENT_KEY = "nuonuo_silent"  # kept for the record, never recalled: instructions, bare tool calls

# Below this confidence a memory has nothing on what was said, and a prompt is shown nothing. It is low, since
# a question that is put in other words than its answer may have little: to thirty notes of a line each "What
# does my sibling do for a living?" has 0.007 where a note tells of a sister, "hi" 0.00004. To thirty longer
# turns "Thanks!" has 0.003; questions of the development sets whose evidence is found have 0.02 and more.
MIN_CONFIDENCE = 0.005

_WORD = re.compile(r"\w+")


def label_of(value: object, name: str, *, quoted: bool = False) -> str:
    """``value`` as the name of a session, a namespace or a thread: a text, a whole number or a UUID.

    Args:
        quoted: a name of nothing but blanks is quoted, since the engine has no blank names, and no error.

    Raises:
        InvalidTypeError: None or anything else: it would mean everybody's.
        InvalidInputError: a blank name.
    """
    if not isinstance(value, (str, int, UUID)) or isinstance(value, bool):
        raise InvalidTypeError(f"{name} must be a str, got {type(value).__name__} {value!r}")
    text = mended(str(value))
    if text.strip():
        return text
    if quoted:
        return json.dumps(text)
    raise InvalidInputError(f"{name} must hold some text, got {value!r}")


class Place(TypedDict):
    """A session and its namespace, as the engine's methods take them."""

    namespace: str
    session_id: str


def place_of(namespace: object, session_id: object) -> Place:
    """Both, looked at for each call anew: without one of them the call would be everybody's."""
    return Place(namespace=label_of(namespace, "namespace"), session_id=label_of(session_id, "session_id"))


def mended(text: str) -> str:
    """``text`` with the halves of its characters put together; a half without its other is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def check_options(
    *,
    k: object,
    where: Mapping[str, Any] | None = None,
    max_tokens: object = None,
    token_counter: object = None,
    on_error: object = "log",
) -> None:
    """Tell at once what would fail at the first question.

    Raises:
        InvalidTypeError, InvalidInputError: an option that means nothing.
    """
    count_of(k, "k", 1)
    check_where(where)
    if max_tokens is not None:
        count_of(max_tokens, "max_tokens", 1)
    if token_counter is not None and not callable(token_counter):
        raise InvalidTypeError(
            f"token_counter must be a callable from a text to its tokens, got {token_counter!r}; "
            "of a model, give model.get_num_tokens"
        )
    if on_error not in ("log", "raise"):
        raise InvalidInputError(f"on_error must be 'log' or 'raise', got {on_error!r}")


def audible(where: Mapping[str, Any] | None, also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A filter for what may be recalled and meets ``where`` and ``also``.

    Raises:
        InvalidTypeError, InvalidInputError: one of them is no filter.
        InvalidInputError: both name one field, where one may be meant to stand for the other.
    """
    check_where(where)
    check_where(also)
    where, also = where or {}, also or {}
    twice = sorted(name for name in set(where) & set(also) if not name.startswith("$"))
    if twice:
        raise InvalidInputError(
            f"the filters of the adapter and of the call both name {twice}; name each field in one of them, "
            'or ask for both by "$and"'
        )
    return {SILENT_KEY: {"$ne": True}, "$and": [where, also]}


def session_of(session_id: str | None) -> dict[str, Any]:
    """A filter for one session; None for what stands in none. A ``session_id`` in metadata names none."""
    return {"$record": {"session_id": session_id}}


def confidence_of(value: object) -> float:
    """``value`` as a least confidence.

    Raises:
        InvalidTypeError: no number. InvalidInputError: not in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(f"min_confidence must be a number, got {type(value).__name__} {value!r}")
    if not 0 <= value <= 1:
        raise InvalidInputError(f"min_confidence must be in [0, 1], got {value!r}; 0 lets everything through")
    return float(value)


def flag_of(value: object, name: str) -> bool:
    """``value`` as a yes or no.

    Raises:
        InvalidTypeError: anything but True and False; "no" would be taken for a yes.
    """
    if not isinstance(value, bool):
        raise InvalidTypeError(f"{name} must be True or False, got {type(value).__name__} {value!r}")
    return value


def recall_unshown(
    memory: AssociativeMemory,
    query: str,
    k: int,
    *,
    exclude: Collection[str] = (),
    shown: Callable[[Hit], bool] | None = None,
    min_confidence: float = 0.0,
    **conditions: Any,
) -> Recall:
    """The best ``k`` hits among what the prompt does not show yet; fewer only where fewer exist.

    What is shown takes no part at all, in the confidence neither. A memory that repeats the query word
    for word (it was asked before, or is stored already) answers nothing: it is no hit and gives no
    confidence, but it still evokes what was said next to it, such as the answer given then.

    Args:
        exclude: ids of what is shown.
        shown: whether a hit is shown, where its id does not tell.
        min_confidence: with less confidence than this there are no hits, and the confidence alone is told.
        conditions: as for `AssociativeMemory.recall`.
    """
    query = mended(query)
    if not query.strip():
        return Recall(query, (), 0.0)
    left_out = set(exclude)
    wanted = k
    while True:
        recall = memory.recall(query, wanted, exclude=left_out, **conditions)
        repeated = {str(hit.memory.id) for hit in recall if _same_words(hit.memory.text, query)}
        others = [hit for hit in recall if hit.memory.id not in repeated]
        seen = {str(hit.memory.id) for hit in others if shown is not None and shown(hit)}
        if not seen and (len(others) >= k or len(recall) < wanted):
            break
        left_out |= seen
        wanted *= 2
    confidence = recall.confidence
    if repeated:
        left_out |= repeated
        confidence = recall_unshown(memory, query, k, exclude=left_out, shown=shown, **conditions).confidence
    hits = tuple(others[:k]) if confidence >= min_confidence else ()
    return replace(recall, hits=hits, confidence=confidence)


def _same_words(text: str, other: str) -> bool:
    first, second = text.casefold(), other.casefold()
    return (_WORD.findall(first) or first.split()) == (_WORD.findall(second) or second.split())
