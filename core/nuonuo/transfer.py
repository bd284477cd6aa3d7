"""Export and import: memories and associations as JSON lines that outlive any one embedder.

The first line names the format; then one line a memory, by order of arrival; then one line an
association. Vectors are left out: they are made again by the embedder that imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nuonuo.errors import InvalidInputError
from nuonuo.records import Memory
from nuonuo.stores import Store

if TYPE_CHECKING:
    from nuonuo.memory import AssociativeMemory

FORMAT = {"format": "nuonuo-export", "version": 1}
BATCH = 256


def export(store: Store, path: str, namespace: str | None) -> int:
    """Write what ``store`` holds (of ``namespace``) to ``path``; a file there is replaced only when all is written."""
    count = 0
    partial = f"{path}.partial"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(json.dumps(FORMAT) + "\n")
            while batch := store.list(namespace=namespace, limit=BATCH, offset=count):
                for memory in batch:
                    file.write(json.dumps({"memory": _record(memory)}, ensure_ascii=False) + "\n")
                count += len(batch)
            for source, target, weight in store.associations(namespace):
                file.write(json.dumps({"association": [source, target, weight]}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.remove(partial)
        raise
    return count


def load(memory: AssociativeMemory, path: str) -> int:
    """Add what the export at ``path`` holds; the whole file is checked before the first is stored."""
    records = [record for _, record in _lines(path) if isinstance(record, Memory)]
    taken = [
        id
        for id, stored in zip(
            (str(record.id) for record in records),
            memory.get([str(record.id) for record in records]),
            strict=True,
        )
        if stored is not None
    ]
    if taken:
        raise InvalidInputError(
            f"{path} holds {len(taken)} memories whose ids are already stored, {taken[0]!r} first; forget them first"
        )
    start = 0
    while start < len(records):
        end = start + 1  # one namespace a batch: `add` is atomic within it
        while (
            end < len(records) and end - start < BATCH and records[end].namespace == records[start].namespace
        ):
            end += 1
        memory.add(records[start:end], namespace=records[start].namespace)
        start = end
    for _, record in _lines(path):
        if not isinstance(record, Memory):
            memory.associate(*record)
    return len(records)


def _record(memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "namespace": memory.namespace,
        "session_id": memory.session_id,
        "role": memory.role,
        "timestamp": None if memory.timestamp is None else memory.timestamp.isoformat(),
        "text": memory.text,
        "cues": list(memory.cues),
        "metadata": dict(memory.metadata),
    }


def _lines(path: str) -> Iterator[tuple[int, Memory | tuple[str, str, float]]]:
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                value = json.loads(line)
                if number == 1:
                    if value != FORMAT:
                        raise ValueError(f"expected {FORMAT}")
                elif "memory" in value:
                    fields: dict[str, Any] = dict(value["memory"])
                    fields["cues"] = tuple(fields.get("cues", ()))
                    yield number, Memory(**fields)
                else:
                    source, target, weight = value["association"]
                    yield number, (source, target, weight)
            except (ValueError, TypeError, KeyError) as error:
                raise InvalidInputError(
                    f"line {number} of {path} is not what export() writes ({error}): {line[:80]!r}; nothing was added"
                ) from error
