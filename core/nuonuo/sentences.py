"""Text to sentences, in any script: what else of a text is worth a cue of its own.

A turn says several things at once, and one vector of the whole blurs them. Each sentence is a cue by
itself; a long text gives a few stretches of sentences, so that its cues stay bounded.
"""

from __future__ import annotations

import re

# After ., ! or ? and white space; after their full-width kin even without; after a line break.
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？｡])|\n+|(?<=[।؟۔])\s*")
MOST = 8
SHORTEST = 12  # bytes of UTF-8, so that it asks fewer characters of scripts that say more with each


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, at most `MOST` stretches of them; none where there is only one."""
    parts = [part.strip() for part in _END.split(text)]
    parts = [part for part in parts if part]
    if len(parts) > MOST:
        share = len(parts) / MOST
        parts = [" ".join(parts[round(i * share) : round((i + 1) * share)]) for i in range(MOST)]
    if len(parts) < 2:
        return []
    return [part for part in parts if len(part.encode()) >= SHORTEST]
