"""Hits as LangChain documents."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from langchain_core.documents import Document

from nuonuo import Hit, Recall

EVIDENCE_KEY = "nuonuo"
"""Where a document's metadata holds its score and evidence, apart from the caller's own fields."""


def document_of(hit: Hit, recall: Recall) -> Document:
    """A hit as a document: its id and text, its own metadata, and why it was recalled."""
    memory, evidence = hit.memory, hit.evidence
    said = {
        "role": memory.role,
        "session_id": memory.session_id,
        "timestamp": memory.timestamp and memory.timestamp.isoformat(),
    }
    why = {
        "score": hit.score,
        "confidence": recall.confidence,
        "signals": dict(evidence.signals),
        "matches": [asdict(match) for match in evidence.matches],
        "path": [asdict(link) for link in evidence.path],
    }
    metadata: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    # As JSON has it, so that a document can be written down: lists for tuples, a copy for what is shared.
    metadata |= json.loads(json.dumps({**memory.metadata, EVIDENCE_KEY: why}))
    return Document(id=memory.id, page_content=memory.text, metadata=metadata)
