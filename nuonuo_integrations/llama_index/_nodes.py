"""LlamaIndex nodes as memories and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from nuonuo import Hit, Memory, Recall
from nuonuo_integrations._engine import SILENT_KEY
from nuonuo_integrations.llama_index._messages import MESSAGE_KEY
from nuonuo_integrations.llama_index._session import WINDOW_KEY

EVIDENCE_KEY = "nuonuo"

_CONTENT_KEY, _TYPE_KEY, _SOURCE_KEY = "_node_content", "_node_type", "ref_doc_id"
_INTERNAL = {_CONTENT_KEY, _TYPE_KEY, MESSAGE_KEY, WINDOW_KEY, SILENT_KEY}


def memory_of(node: BaseNode) -> Memory:
    """``node`` as a memory: its text, its metadata, and what else it takes to make it again.

    The metadata that LlamaIndex would embed with the text becomes a cue, so that it too evokes the node.
    """
    fields = node.model_dump(mode="json")
    metadata = fields.pop("metadata")
    for heavy in ("text", "text_resource", "embedding"):
        fields.pop(heavy, None)
    if node.ref_doc_id is not None:
        metadata.setdefault(_SOURCE_KEY, node.ref_doc_id)
    metadata |= {_CONTENT_KEY: json.dumps(fields, ensure_ascii=False), _TYPE_KEY: node.class_name()}
    cue = node.get_metadata_str(mode=MetadataMode.EMBED).strip()
    return Memory(
        node.get_content(metadata_mode=MetadataMode.NONE),
        metadata=metadata,
        cues=(cue,) if cue else (),
        id=node.node_id,
    )


def node_of(hit: Hit, recall: Recall) -> NodeWithScore:
    """A hit as a node with its score, and its evidence where no prompt shows it."""
    node = _node(hit.memory)
    node.metadata[EVIDENCE_KEY] = _evidence(hit, recall)
    hidden = [EVIDENCE_KEY]
    if hit.memory.session_id is not None and "session_id" not in node.metadata:
        node.metadata["session_id"] = hit.memory.session_id
        hidden.append("session_id")
    node.excluded_llm_metadata_keys = [*node.excluded_llm_metadata_keys, *hidden]
    node.excluded_embed_metadata_keys = [*node.excluded_embed_metadata_keys, *hidden]
    return NodeWithScore(node=node, score=hit.score)


def _node(memory: Memory) -> BaseNode:
    metadata = {key: value for key, value in memory.metadata.items() if key not in _INTERNAL}
    if _CONTENT_KEY in memory.metadata:
        node = metadata_dict_to_node(dict(memory.metadata), text=memory.text)
        if metadata.get(_SOURCE_KEY) == node.ref_doc_id:
            metadata.pop(_SOURCE_KEY, None)
        node.metadata = metadata
        return node
    said = {"role": memory.role, "timestamp": memory.timestamp and memory.timestamp.isoformat()}
    metadata = {**{key: value for key, value in said.items() if value is not None}, **metadata}
    # An embedding of the text is an embedding of what was said, not of when.
    return TextNode(
        id_=memory.id or "", text=memory.text, metadata=metadata, excluded_embed_metadata_keys=list(said)
    )


def _evidence(hit: Hit, recall: Recall) -> dict[str, Any]:
    evidence = hit.evidence
    found: dict[str, Any] = json.loads(
        json.dumps(
            {
                "confidence": recall.confidence,
                "signals": dict(evidence.signals),
                "matches": [asdict(match) for match in evidence.matches],
                "path": [asdict(link) for link in evidence.path],
            }
        )
    )
    return found
