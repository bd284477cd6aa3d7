"""A question that the sample facts answer, one that they do not, and the confidence that a prompt states."""

from __future__ import annotations

import re

UNSAID = "Which opera did we hear in Vienna?"
SAID = "What is the garage code?"


def confidence(prompt: str | None) -> float:
    """The confidence in the block that was injected into ``prompt``; 0 where none was."""
    found = re.search(r'confidence="([0-9.]+)"', prompt or "")
    return float(found[1]) if found else 0.0
