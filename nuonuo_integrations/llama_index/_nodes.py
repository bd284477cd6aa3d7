"""LlamaIndex nodes as memories and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node
from pydantic_core import PydanticSerializationError, to_jsonable_python

from nuonuo import Hit, Memory, Recall
from nuonuo_integrations._engine import mended
from nuonuo_integrations._exact import as_it_was, kept
from nuonuo_integrations._named import Named

EVIDENCE_KEY = "nuonuo"
SOURCE_KEY = "nuonuo_source"  # the document that a node was made of
HASH_KEY = "nuonuo_source_hash"  # and its hash then

_CONTENT_KEY, _TYPE_KEY = "_node_content", "_node_type"
_ADDED_KEY = "nuonuo_added"  # which of `_SOURCE_NAMES` the node's own metadata had not
_SOURCE_NAMES = ("ref_doc_id", "doc_id", "document_id")  # LlamaIndex's stores let filters name it so
_HEAVY = {"metadata", "text", "text_resource", "embedding"}
_OWN = ("role", "session_id", "timestamp")
_SHOWN = "shown"


def source_of(node: BaseNode) -> str:
    """The id of the document that ``node`` was made of; its own where it is a document itself."""
    return node.ref_doc_id or node.node_id


def memory_of(
    node: BaseNode, named: Named, hashes: Mapping[str, str], session_id: str | None = None
) -> Memory:
    """``node`` as a memory: its text, its metadata, and what else it takes to make it again.

    The metadata that LlamaIndex would embed with the text becomes a cue, so that it too evokes the node.
    One that `node_of` made, of a hit, is the memory that it was.

    Args:
        hashes: by id, the hashes of the documents that nodes are made of.
        session_id: of a node that names none.

    Raises:
        InvalidInputError: metadata that cannot be written down.
    """
    metadata, evidence = dict(node.metadata), node.metadata.get(EVIDENCE_KEY)
    own: dict[str, Any] = {} if session_id is None else {"session_id": session_id}
    if isinstance(evidence, dict) and {"confidence", "signals"} <= evidence.keys():
        own |= {name: evidence[name] for name in _OWN if evidence.get(name) is not None}
        hidden = {EVIDENCE_KEY, *evidence.get(_SHOWN, ())}
        metadata = {name: value for name, value in metadata.items() if name not in hidden}
        node = node.model_copy(
            update={
                "metadata": metadata,
                "excluded_llm_metadata_keys": [n for n in node.excluded_llm_metadata_keys if n not in hidden],
                "excluded_embed_metadata_keys": [
                    n for n in node.excluded_embed_metadata_keys if n not in hidden
                ],
            }
        )
    found = kept(metadata, f"the node {node.node_id!r}")
    source = source_of(node)
    added = [name for name in _SOURCE_NAMES if node.ref_doc_id and name not in metadata]
    found |= dict.fromkeys(added, source) | {_ADDED_KEY: added, SOURCE_KEY: source}
    hash_ = hashes.get(source) or (node.source_node.hash if node.source_node else None)
    found |= {_CONTENT_KEY: _content(node), _TYPE_KEY: node.class_name(), HASH_KEY: hash_}
    cue = mended(node.get_metadata_str(mode=MetadataMode.EMBED)).strip()
    return Memory(
        mended(node.get_content(metadata_mode=MetadataMode.NONE)),
        metadata=found,
        cues=(cue,) if cue else (),
        id=node.node_id,
        **(own | named.fields(metadata)),
    )


def node_of(hit: Hit, recall: Recall) -> NodeWithScore:
    """A hit as a node with its score, and its evidence where no prompt shows it."""
    memory, node = hit.memory, _node(hit.memory)
    own = _own(memory)
    came_as_node = _CONTENT_KEY in memory.metadata
    shown = [] if came_as_node else [name for name in own if name not in metadata_of(memory)]
    key = EVIDENCE_KEY
    while key in node.metadata:  # the caller's own
        key = f"_{key}"
    node.metadata[key] = _evidence(hit, recall) | own | ({_SHOWN: shown} if shown else {})
    hidden = [key, *(["session_id"] if "session_id" in shown else [])]
    node.metadata |= {name: own[name] for name in hidden[1:]}
    node.excluded_llm_metadata_keys = [*node.excluded_llm_metadata_keys, *hidden]
    node.excluded_embed_metadata_keys = [*node.excluded_embed_metadata_keys, *hidden]
    return NodeWithScore(node=node, score=hit.score)


def metadata_of(memory: Memory) -> dict[str, Any]:
    """The metadata of the node that ``memory`` was made of, or the memory's own."""
    added = memory.metadata.get(_ADDED_KEY, [])
    return {name: value for name, value in as_it_was(memory.metadata).items() if name not in added}


def _node(memory: Memory) -> BaseNode:
    if _CONTENT_KEY in memory.metadata:
        node = metadata_dict_to_node(dict(memory.metadata), text=memory.text)
        node.metadata = metadata_of(memory)
        if _ADDED_KEY not in memory.metadata and node.metadata.get("ref_doc_id") == node.ref_doc_id:
            node.metadata.pop("ref_doc_id", None)  # an older version put it there
        return node
    own = {name: value for name, value in _own(memory).items() if name != "session_id"}
    # An embedding of the text is an embedding of what was said, not of when.
    return TextNode(
        id_=memory.id or "",
        text=memory.text,
        metadata={**own, **metadata_of(memory)},
        excluded_embed_metadata_keys=["role", "timestamp"],
    )


def _content(node: BaseNode) -> str:
    try:
        fields = node.model_dump(mode="json", exclude=_HEAVY)
    except PydanticSerializationError:  # a copy of the document's metadata: its numbers of NumPy's and such
        fields = to_jsonable_python(node.model_dump(exclude=_HEAVY), fallback=str)
    return json.dumps({name: value for name, value in fields.items() if name not in _HEAVY})


def _own(memory: Memory) -> dict[str, str]:
    when = memory.timestamp.isoformat() if memory.timestamp else None
    found = {"role": memory.role, "session_id": memory.session_id, "timestamp": when}
    return {name: value for name, value in found.items() if value is not None}


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
