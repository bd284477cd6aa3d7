"""Blobs: what stands in a text and is none: base64, hex, a picture in a data URI, a line of dashes.

No word of a blob means anything, and there is no end to them. So an encoder is shown the beginning of a blob
alone, and its words are known as they are written, in no other form.
"""

from __future__ import annotations

import re
from bisect import bisect_right

LEAST = 1024  # characters: no word, no hash and no address is that long
_LINE = 60  # characters of one line of a blob, which mail and keys break at 64 or 76
_SIGNS = r"[A-Za-z0-9+/=_-]"
_BLOB = re.compile(rf"(?<!{_SIGNS}){_SIGNS}{{{_LINE},}}(?:(?:\\[rn]|[\s\"',>]){{1,16}}{_SIGNS}{{{_LINE},}})*")


class Blobs:
    """The blobs of ``text``; most texts have none.

    Attributes:
        spans: where they begin and end, in order.
    """

    def __init__(self, text: str) -> None:
        found = _BLOB.finditer(text) if len(text) >= LEAST else ()
        self.spans = [match.span() for match in found if match.end() - match.start() >= LEAST]

    def __contains__(self, at: int) -> bool:
        """Whether the character ``at`` stands in one of them."""
        last = bisect_right(self.spans, (at, at + 1)) - 1 if self.spans else -1
        return last >= 0 and self.spans[last][0] <= at < self.spans[last][1]
