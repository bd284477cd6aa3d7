"""Words that people write in several forms: compounds, numbers in groups, codes of letters and digits.

"e-mail" and "email", "0171 234 5678" and "01712345678", "1,250" and "1250", "MH 370" and "MH370" mean the
same. What is written apart has a joined form beside its words, and a code its pieces: one of them is what
the other writer wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

OTHER = "\x1f"  # before a form that stands in a text only as another form of what is written there
LEAST_DIGITS = 4  # shorter numbers in groups ("2 30") are rarely one number

_COMPOUND = re.compile(r"(?<!\w)[^\W_]+(?:[-\u2010\u2011_&][^\W_]+){1,4}(?!\w)|(?<!\w)(?:[^\W\d_]\.){2,}")
# Groups of digits with one sign between two of them; a blank parts numbers too, so that it joins long groups.
_NUMBER = re.compile(
    r"(?<![\w.])\+?\(?\d+\)?(?:(?:[-\u2010\u2011./,'\u2019]|[ \u00a0\u202f](?=\(?\d\d))\(?\d+\)?)+(?!\w)"
)
_GROUPED = re.compile(r"(?<!\w)[A-Z]{1,3}\d\d(?: [\dA-Z]{2,4}){2,}(?!\w)")  # an IBAN, a VAT number
# What is found faster than what it is a part of: most texts have no such sign, or no digit.
_JOINT = re.compile(r"[-\u2010\u2011_&]|\.[^\W\d_]\.")
_DIGIT = re.compile(r"\d")
_CENTS = re.compile(r"[.,]\d{1,2}$")
_PIECE = re.compile(r"\d+|[^\W\d_]+")


def joined(text: str) -> Iterator[tuple[int, int, str]]:
    """What stands apart in ``text`` and may be written as one word: start, end, and that word; by start."""
    reached = 0
    patterns = (
        *((_GROUPED, _NUMBER) if _DIGIT.search(text) else ()),
        *((_COMPOUND,) if _JOINT.search(text) else ()),
    )
    found = [match.span() for pattern in patterns for match in pattern.finditer(text)]
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if start >= reached and (form := _form(text[start:end])):
            yield start, end, form
            reached = end


def pieces(word: str) -> tuple[str, ...]:
    """The letters and the digits of a code ("mh370": "mh", "370"); nothing for a word of one kind."""
    found = tuple(_PIECE.findall(word))
    return found if len(found) > 1 and any(each[0].isdigit() for each in found) else ()


def _form(written: str) -> str:
    whole = re.sub(r"[\W_]+", "", written)
    if not whole.isdigit():
        return whole if len(whole) > 1 else ""
    if _CENTS.search(written):  # an amount: its cents are no part of the number that it is known by
        whole = re.sub(r"\W+", "", _CENTS.sub("", written))
        return whole if len(whole) >= LEAST_DIGITS and not written.isdigit() else ""
    return whole if len(whole) >= LEAST_DIGITS else ""
