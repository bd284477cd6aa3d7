"""Paraphrases from a file of tab-separated pairs with a label: the forms of MRPC, STS-B and QQP.

Columns are found by the names in the first line, whatever their case, order and number:

    MRPC    Quality, #1 String, #2 String        same where Quality is 1
    STS-B   sentence1, sentence2, score          same where the score, 0 to 5, is at least 4
    QQP     question1, question2, is_duplicate   same where is_duplicate is 1

A file without such a line is read as ``first text, second text, label``, a label of 0 or 1; where it has two
columns every pair counts as the same.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from nuonuo.errors import InvalidInputError
from nuonuo.research.material.pairs import Pairs

# The columns of the first text, the second and the label, and from which label on pairs mean the same.
FORMS: dict[str, tuple[str, str, str, float]] = {
    "MRPC": ("#1 string", "#2 string", "quality", 1.0),
    "STS-B": ("sentence1", "sentence2", "score", 4.0),
    "QQP": ("question1", "question2", "is_duplicate", 1.0),
    "GLUE": ("sentence1", "sentence2", "label", 1.0),
}


def read_pairs(path: str | Path) -> Pairs:
    """The pairs of a file, plain or .gz, whose label says that they mean the same; each first text once.

    Raises:
        InvalidInputError: no such file, a line with too few columns, a label that is no number, or no pair.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise InvalidInputError(
            f"there is no file of pairs at {str(path)!r}; give tab-separated pairs with a label"
        )
    raw = file.read_bytes()
    try:
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, ValueError) as error:
        raise InvalidInputError(
            f"{file.name} could not be read as text ({error}); it must be UTF-8"
        ) from error
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not lines:
        raise InvalidInputError(f"{file.name} is empty; expected tab-separated pairs with a label")
    form, places, least, body = _columns(lines, file.name)
    first: dict[str, str] = {}
    for number, line in enumerate(body, len(lines) - len(body) + 1):
        cells = line.split("\t")
        if len(cells) <= max(places):
            raise InvalidInputError(
                f"line {number} of {file.name} has {len(cells)} columns, expected at least {max(places) + 1} "
                f"({form}); part them by tabs"
            )
        one, other = cells[places[0]].strip(), cells[places[1]].strip()
        if (
            one
            and other
            and one != other
            and (len(places) < 3 or _label(cells[places[2]], number, file) >= least)
        ):
            first.setdefault(one, other)
    if not first:
        raise InvalidInputError(
            f"{file.name} ({form}) holds no pair whose label is {least:g} or more; check the label's column"
        )
    topics = tuple(str(at) for at in range(len(first)))
    return Pairs(tuple(first), tuple(first.values()), topics, f"{file.name} ({form})")


def _columns(lines: list[str], name: str) -> tuple[str, list[int], float, list[str]]:
    """The form, the places of the texts and of the label, the least label, and the lines that follow."""
    header = [cell.strip().lower() for cell in lines[0].split("\t")]
    for form, (one, other, label, least) in FORMS.items():
        if {one, other, label} <= {*header}:
            return form, [header.index(one), header.index(other), header.index(label)], least, lines[1:]
    if len(header) < 2:
        forms = "; ".join(f"{form}: {', '.join(columns[:3])}" for form, columns in FORMS.items())
        raise InvalidInputError(
            f"{name} is not made of tab-separated pairs: its first line has one column. Known names of "
            f"columns: {forms}"
        )
    return "no names of columns", [0, 1] if len(header) == 2 else [0, 1, 2], 1.0, lines


def _label(cell: str, number: int, file: Path) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InvalidInputError(
            f"line {number} of {file.name} has the label {cell!r}, expected a number; is it another column?"
        ) from None
