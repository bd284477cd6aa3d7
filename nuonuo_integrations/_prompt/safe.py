"""What was stored, made fit to stand inside a block: no text ends it, imitates it, or begins a line of it.

Three rules, none of which lists what an attacker may think of:

- each line of a text but its first, which follows the label, begins with `QUOTE`;
- a bracket of whatever script that opens a closing tag, whoever's, or one of the block's own forms becomes a
  parenthesis. What follows it is read as a model may read it: entities, escapes and look-alikes resolved,
  and what no one sees left out. Other brackets, as in code, stay;
- a field of a label keeps letters, digits and a little punctuation, on one line.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape

from nuonuo_integrations._prompt.marks import without_marks

QUOTE = "    | "
_LONGEST = 40  # characters of a field
_FIELD = frozenset(" -_.,'’@+#")
_READ = 300  # of what follows a bracket, as far as it shows

_ANGLES = "<＜﹤‹〈⟨〈❬❮❰⦑⧼˂ᐸ≺≪⟪《«⋖⪡"
_SQUARES = "[［【〔⟦〚﹝❲⁅⦋"
_SHUT = re.compile(r"[\]>］＞】〕⟧〛›〉⟩〉❭❯❱»》⟫﹥]|&gt;")

# Characters written in another way: entities, escapes of JSON and Python, percent codes.
_WRITTEN = (
    r"&(?:amp;)*(?:\#0*\d{1,7}|\#x0*[0-9a-f]{1,6}|[a-z]{2,31});?"
    r"|\\u(?:[0-9a-f]{4}|\{[0-9a-f]{1,6}\})|\\x[0-9a-f]{2}|%(?:25)*[0-9a-f]{2}"
)
_CHARACTER = re.compile(_WRITTEN, re.IGNORECASE)
_DIGITS = re.compile(r"[0-9a-f]+", re.IGNORECASE)
# Twins of ASCII that are drawn as nothing and that models read.
_TWINS = {0xE0000 + code: code for code in range(0x20, 0x7F)}
_OPENER = re.compile(rf"[{re.escape(_ANGLES + _SQUARES)}\U000e003c\U000e005b]|{_WRITTEN}", re.IGNORECASE)

# Blanks, controls, and letters that are drawn as nothing; a backslash escapes what follows it.
_UNSEEN = re.compile(
    r"[\s\\\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0100-\U000e01ef]+"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f]")
_LOOKS = {
    "a": "аαɑᴀ", "c": "сϲᴄ", "d": "ԁժ", "e": "еєεᴇ℮", "l": "i1іιıӏɩɪʟꞁ", "m": "мᴍ", "n": "ոηɴ",
    "o": "0оοօᴏ", "r": "гᴦʀ", "s": "ѕꜱ", "u": "υսᴜ", "y": "уγʏ", "/": "⁄∕╱⟋⧸𝈺",
}  # fmt: skip
_ALIKE = str.maketrans({like: letter for letter, likes in _LOOKS.items() for like in likes})


def body(text: str) -> str:
    """``text`` on lines that belong to its label, with no mark and no bracket that a block is made of."""
    first, *more = _defused(_unmarked(text)).strip().splitlines() or [""]
    return "\n".join([first, *(f"{QUOTE}{line}".rstrip() for line in more)])


def field(text: str) -> str:
    """``text`` as a field of a label: short, on one line, and with nothing that a label is made of."""
    kept = (char if _in_field(char) else " " for char in _unmarked(text))
    return " ".join("".join(kept).split())[:_LONGEST].rstrip()


def _in_field(char: str) -> bool:
    return char.isalnum() or char in _FIELD or unicodedata.category(char) in ("Mn", "Mc")


def _unmarked(text: str) -> str:
    return without_marks(_CONTROLS.sub("", text))


def _defused(text: str) -> str:
    """``text`` with parentheses for the brackets that begin a tag or a label of a block."""
    openers = [(match, bracket) for match in _OPENER.finditer(text) if (bracket := _opened(match[0]))]
    parts, at = [], 0
    for place, (match, bracket) in enumerate(openers):
        last = place + 1 == len(openers)
        end = len(text) if last else openers[place + 1][0].start()
        parts.append(text[at : match.start()])
        at = end
        rest = bracket[1:] + text[match.end() : end]
        if _begins_a_form(bracket[0] in _ANGLES, rest, cut=not last):
            shut = _SHUT.search(rest[:_READ])
            rest = f"{rest[: shut.start()]}){rest[shut.end() :]}" if shut else rest
            parts.append(f"({rest}")
        else:
            parts.append(text[match.start() : end])
    return "".join([*parts, text[at:]])


def _opened(written: str) -> str:
    """The bracket that is ``written``, and what else is written with it; empty where it is none."""
    char = _resolved(written).translate(_TWINS)
    return char if char and char[0] in _ANGLES + _SQUARES else ""


def _begins_a_form(angle: bool, rest: str, cut: bool) -> bool:
    """Whether a bracket and ``rest`` begin a closing tag, or one of the forms of a block.

    Args:
        cut: whether another bracket comes after ``rest``.
    """
    read = _as_read(rest)
    letters = re.sub(r"[\W_]+", "", read)
    if letters.startswith(("recalled", "nuonuo")):
        return True
    if not angle:
        return False
    closing = re.match(r"/[^/>]*(>|\Z)", read)
    # One that breaks off takes what comes next for its rest; after a blank it may be a path ("sort < /tmp").
    if closing and (closing[1] or cut or read == "/" or not rest[0].isspace()):
        return True
    return letters.startswith("memor") and (read.startswith("/") or ">" in read)


def _as_read(text: str) -> str:
    """The beginning of ``text`` as its reader takes it, whatever it is written with."""
    seen = _UNSEEN.sub("", _resolved(text.translate(_TWINS)))[:_READ]
    plain = unicodedata.normalize("NFKD", seen).casefold()
    plain = "".join(char for char in plain if unicodedata.category(char)[0] != "M")
    return _SHUT.sub(">", plain).translate(_ALIKE)


def _resolved(text: str) -> str:
    return _CHARACTER.sub(lambda match: _character(match[0]), text)


def _character(written: str) -> str:
    if written[0] == "&":
        for _ in range(written.count("&") + written.lower().count("amp;")):
            written = unescape(written)
        return written
    code = int(_DIGITS.findall(written)[-1][-6 if "{" in written else -4 if written[1] in "uU" else -2 :], 16)
    return chr(code) if code < 0x110000 else written
