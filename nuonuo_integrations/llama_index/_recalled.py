"""What was recalled for a question, as far as a prompt still lacks it and has room for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from nuonuo import AssociativeMemory, Recall
from nuonuo_integrations._prompt import fit
from nuonuo_integrations.llama_index._messages import Tokenizer


def as_stored_now(memory: AssociativeMemory, recall: Recall, namespace: str) -> Recall:
    """A kept recall with what was forgotten or changed since: what is forgotten is shown nowhere."""
    stored = memory.get([str(hit.memory.id) for hit in recall], namespace=namespace)
    hits = [replace(hit, memory=now) for hit, now in zip(recall, stored, strict=True) if now is not None]
    return replace(recall, hits=tuple(hits))


def fitted(recall: Recall, room: float | None, tokenizer: Tokenizer, zone: tzinfo) -> str:
    """The marked text of the best hits that fit into ``room`` tokens (None: of all); empty for none."""
    return fit(recall, room, lambda text: len(tokenizer(text)), timezone=zone)
