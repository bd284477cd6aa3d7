"""Data sets read from the files as their authors publish them: plain, .gz or .xz.

A group is one namespace: LoCoMo's conversations, LongMemEval's haystacks, a multi-hop set's corpus, a
line of the user's own JSONL.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data import loaders
from nuonuo.evaluation.data.asked import asked_before
from nuonuo.evaluation.data.forms import Dataset, Group, Kind, Question, Roles, take

__all__ = ["Dataset", "Group", "Kind", "Question", "Roles", "load", "take"]


def load(
    path: str | Path,
    kind: Kind | None = None,
    *,
    roles: Roles = "user",
    pooled: bool = False,
    limit: int | None = None,
    asked: int = 0,
) -> Dataset:
    """Read the data set in ``path``.

    Args:
        kind: None to tell it by what the file holds.
        roles: LongMemEval: whose turns are stored.
        pooled: LongMemEval: all haystacks in one namespace.
        limit: at most this many questions, spread evenly over the file.
        asked: how often each question was asked before, in vain.

    Raises:
        InvalidInputError: no such file, or not a file of that kind.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise InvalidInputError(
            f"there is no data set at {str(path)!r}; give the path of the file you have downloaded"
        )
    raw = file.read_bytes()
    content = _parse(raw, file)
    kind = kind or _kind_of(content, file)
    try:
        if kind == "locomo":
            dataset = loaders.locomo(content)
        elif kind == "longmemeval":
            dataset = loaders.longmemeval(content, roles, pooled)
        elif kind == "multihop":
            dataset = loaders.multihop(content)
        else:
            dataset = loaders.own(content)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidInputError(
            f"{file.name} is not a {kind} file as its authors publish it ({type(error).__name__}: {error}); "
            "give another file or another kind"
        ) from error
    name = f"{file.name.split('.')[0]}{'_pooled' if pooled else ''}"
    dataset = replace(dataset, name=name, file=file.name, sha256=hashlib.sha256(raw).hexdigest())
    return asked_before(dataset if limit is None else take(dataset, limit), asked)


def _parse(raw: bytes, file: Path) -> Any:
    """The JSON in ``raw``, unpacked; of JSON lines, the list of their values."""
    try:
        if file.suffix == ".gz":
            raw = gzip.decompress(raw)
        elif file.suffix == ".xz":
            raw = lzma.decompress(raw)
        text = raw.decode()
        if ".jsonl" in file.name:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise InvalidInputError(
            f"{file.name} could not be read as JSON ({error}); expected .json or .jsonl, plain, .gz or .xz"
        ) from error


def _kind_of(content: Any, file: Path) -> Kind:
    first = content[0] if isinstance(content, list) and content else content
    if isinstance(first, dict):
        if "conversation" in first:
            return "locomo"
        if "haystack_sessions" in first:
            return "longmemeval"
        if "corpus" in first:
            return "multihop"
        if "memories" in first:
            return "jsonl"
    raise InvalidInputError(
        f"{file.name} is no data set that is known here: expected LoCoMo, LongMemEval, a multi-hop file "
        '{"corpus", "questions"}, or lines of {"memories", "questions"}'
    )
