"""LangChain documents as memories, and memories as documents."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from langchain_core.documents import Document

from nuonuo import Hit, Memory, Recall
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._engine import mended
from nuonuo_integrations._exact import as_it_was, kept
from nuonuo_integrations._named import Named

EVIDENCE_KEY = "nuonuo"
"""Where a document's metadata holds its score and evidence, apart from the caller's own fields."""

DOCUMENT_KEY = "nuonuo_document"  # it came as a document, and its metadata is the caller's alone

_OWN = ("role", "session_id", "timestamp")
_SHOWN = "shown"  # which of them the adapter put beside the caller's metadata


def identified(documents: object, ids: object) -> list[Document]:
    """``documents``, each with its id: that of ``ids``, else its own, else a new one.

    Raises:
        InvalidTypeError: no list of documents, or of ids.
        InvalidInputError: fewer or more ids than documents, or a blank one.
    """
    if isinstance(documents, (str, Document)) or not isinstance(documents, Iterable):
        raise InvalidTypeError(
            f"documents must be a list of LangChain documents, got {type(documents).__name__}"
        )
    found = [*documents]
    for at, each in enumerate(found):
        if not isinstance(each, Document):
            raise InvalidTypeError(
                f"document {at} must be a LangChain document, got {type(each).__name__} {each!r}"
            )
    given = [each.id for each in found] if ids is None else _ids(ids)
    if len(given) != len(found):
        raise InvalidInputError(f"ids must name each document once, got {len(given)} for {len(found)}")
    for at, key in enumerate(given):
        if key is not None and not key.strip():
            raise InvalidInputError(f"the id of document {at} must hold some text, got {key!r}")
    return [
        each.model_copy(update={"id": key or uuid.uuid4().hex})
        for each, key in zip(found, given, strict=True)
    ]


def _ids(ids: object) -> list[str | None]:
    """``ids`` as a list; a None in it asks for a new id."""
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise InvalidTypeError(f"ids must be a list of ids, got {type(ids).__name__} {ids!r}")
    found = [*ids]
    for each in found:
        if each is not None and not isinstance(each, str):
            raise InvalidTypeError(f"an id must be a str, got {type(each).__name__} {each!r}")
    return found


def memory_of(document: Document, named: Named, at: int) -> Memory:
    """A document as a memory; its metadata stays the caller's, whatever the names in it.

    One that `document_of` made, of a hit, is the memory that it was.

    Raises:
        InvalidInputError: metadata that cannot be written down.
    """
    metadata = dict(document.metadata)
    fields = named.fields(metadata)
    evidence = metadata.get(EVIDENCE_KEY)
    if isinstance(evidence, dict) and {"score", "confidence", "signals"} <= evidence.keys():
        del metadata[EVIDENCE_KEY]
        for name in evidence.get(_SHOWN, ()):
            if metadata.get(name) == evidence.get(name):
                metadata.pop(name, None)
        fields = {name: evidence[name] for name in _OWN if evidence.get(name) is not None} | fields
    return Memory(
        mended(document.page_content),
        metadata=kept(metadata, f"document {at}") | {DOCUMENT_KEY: True},
        id=document.id,
        **fields,
    )


def document_of(memory: Memory, hit: Hit | None = None, recall: Recall | None = None) -> Document:
    """A memory as a document: its id and text, its metadata, and for a hit why it was recalled.

    What came as a document has the metadata that it came with; a turn of a conversation shows its role,
    session and time there too, where its own metadata has no such names.
    """
    metadata = as_it_was(memory.metadata)
    own = {
        "role": memory.role,
        "session_id": memory.session_id,
        "timestamp": memory.timestamp and memory.timestamp.isoformat(),
    }
    own = {name: value for name, value in own.items() if value is not None}
    shown = [name for name in own if name not in metadata and DOCUMENT_KEY not in memory.metadata]
    metadata = {name: own[name] for name in shown} | metadata
    if hit is not None and recall is not None:
        key = EVIDENCE_KEY
        while key in metadata:  # the caller's own
            key = f"_{key}"
        metadata[key] = _why(hit, recall) | own | ({_SHOWN: shown} if shown else {})
    return Document(id=memory.id, page_content=memory.text, metadata=metadata)


def documents_of(recall: Recall) -> list[Document]:
    """The hits as documents."""
    return [document_of(hit.memory, hit, recall) for hit in recall]


def _why(hit: Hit, recall: Recall) -> dict[str, Any]:
    evidence = hit.evidence
    why = {
        "score": hit.score,
        "confidence": recall.confidence,
        "signals": dict(evidence.signals),
        "matches": [asdict(match) for match in evidence.matches],
        "path": [asdict(link) for link in evidence.path],
    }
    # As JSON has it, so that a document can be written down: lists for tuples, a copy for what is shared.
    found: dict[str, Any] = json.loads(json.dumps(why))
    return found
