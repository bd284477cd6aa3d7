"""Marks: short codes that prove themselves, so that what bears one was injected and not written by chance.

A mark has ten characters of an alphabet of 32. The last six are a checksum of the first four: any program
knows a mark for one, after a restart and in another process too, and a text has one by chance once in a
billion words. The first four say what the mark stands for:

- in a label, which words follow it: so an echo is known to its last word, however a model sets it;
- in the tags, all that the block holds, under a secret of this process: no stored text can name them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from hashlib import blake2b

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u, which are misread
_SECRET = os.urandom(32)
_MARK = re.compile(r"(?<![^\W_])[0-9a-hjkmnp-tv-z]{10}(?![^\W_])", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W_]+")


def mark_of_block(content: str) -> str:
    """The mark of the tags around ``content``: the same for the same content as long as the process lives."""
    return _signed(_head(blake2b(_bytes(content), key=_SECRET).digest()))


def mark_of_words(text: str) -> str:
    """The mark of a label that the words of ``text`` follow."""
    return _signed(_head(blake2b(_bytes("".join(word for word, _ in _words(text, 0, len(text))))).digest()))


def marks(text: str) -> Iterator[re.Match[str]]:
    """Where marks stand in ``text``, of whatever injection; in capitals too, as some models write them."""
    return (match for match in _MARK.finditer(text) if _is_mark(match[0]))


def without_marks(text: str) -> str:
    """``text`` with an ellipsis for each mark in it."""
    return _MARK.sub(lambda match: "…" if _is_mark(match[0]) else match[0], text)


def end_of_words(mark: str, text: str, start: int, end: int) -> int | None:
    """Where in ``text[start:end]`` the words end that ``mark`` stands for; None where it holds others."""
    head, said = mark.casefold()[:4], blake2b()
    if _head(said.digest()) == head:
        return start
    for word, stop in _words(text, start, end):
        said.update(_bytes(word))
        if _head(said.digest()) == head:
            return stop
    return None


def _words(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    """What is read of a text, whatever its case, spacing and marks are made; each word with its end."""
    for match in _LETTERS.finditer(text, start, end):
        yield unicodedata.normalize("NFKC", match[0]).casefold(), match.end()


def _is_mark(text: str) -> bool:
    found = text.casefold()
    return _signed(found[:4]) == found


def _signed(head: str) -> str:
    return head + _letters(blake2b(head.encode(), person=b"nuonuo mark").digest(), 6)


def _head(digest: bytes) -> str:
    return _letters(digest, 4)


def _letters(digest: bytes, count: int) -> str:
    number = int.from_bytes(digest[:8], "little")
    return "".join(_ALPHABET[number >> 5 * at & 31] for at in range(count))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
