"""Export and import: memories and associations as JSON lines that outlive any one embedder.

The first line names the format; then one line a memory, by order of arrival; then one line an
association. Vectors are left out: they are made again by the embedder that imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from nuonuo import checks
from nuonuo.errors import FileError, InvalidInputError
from nuonuo.records import Memory
from nuonuo.stores import Store
from nuonuo.stores.checks import across_namespaces, check_association

FORMAT = {"format": "nuonuo-export", "version": 1}
BATCH = 256


def export(store: Store, path: str, namespace: str | None) -> int:
    """Write what ``store`` holds (of ``namespace``) to ``path``, which changes once all is written.

    Raises:
        FileError: it cannot be written; one that was there stays as it was.
    """
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
    except BaseException as error:
        if os.path.isfile(partial):
            os.remove(partial)
        if isinstance(error, OSError):
            raise _trouble(path, "written", error) from error
        raise
    return count


@dataclass(frozen=True, slots=True)
class Export:
    """What an export holds.

    Attributes:
        memories: complete records, by order of arrival.
        associations: (source id, target id, weight).
    """

    memories: list[Memory]
    associations: list[tuple[str, str, float]]

    def batches(self) -> Iterator[list[Memory]]:
        """The memories in order, at most `BATCH` at once."""
        memories = iter(self.memories)
        while batch := list(islice(memories, BATCH)):
            yield batch


def read(path: str, store: Store) -> Export:
    """What the export at ``path`` holds, once all of it has proved to be usable for ``store``.

    Raises:
        InvalidInputError: the file is no export, or an id in it is already stored.
        FileError: it cannot be read.
    """
    memories, associations = _read(path)
    stored = store.get([str(memory.id) for memory in memories])
    taken = [memory.id for memory in stored if memory is not None]
    if taken:
        raise InvalidInputError(
            f"{path} holds {len(taken)} memories whose ids are already stored, {taken[0]!r} first; "
            "forget them before"
        )
    return Export(memories, associations)


def _trouble(path: str, done: str, error: OSError) -> FileError:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        todo = "it is a folder; give the path of a file in it"
    elif not os.path.isdir(folder):
        todo = f"the folder {folder!r} does not exist; create it"
    else:
        todo = f"{error.strerror or error}; check the path, its permissions and the room on the disk"
    found = FileError(f"{path!r} cannot be {done}: {todo}")
    found.errno = error.errno
    return found


def _record(memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "namespace": memory.namespace,
        "session_id": memory.session_id,
        "role": memory.role,
        "timestamp": memory.timestamp and _iso(memory.timestamp, memory.all_day),
        "text": memory.text,
        "cues": list(memory.cues),
        "paraphrases": list(memory.paraphrases),
        "metadata": dict(memory.metadata),
    }


def _iso(stamp: datetime, all_day: bool) -> str:
    return stamp.date().isoformat() if all_day else stamp.isoformat()


def _read(path: str) -> tuple[list[Memory], list[tuple[str, str, float]]]:
    """The memories and associations of the export at ``path``, once all of it has proved to be usable."""
    records: dict[str, Memory] = {}
    associations: list[tuple[str, str, float]] = []
    number, line = 0, b""
    try:
        file = open(path, "rb")  # noqa: SIM115  it is closed below
    except OSError as error:
        raise _trouble(path, "read", error) from error
    with file:
        try:
            for number, line in enumerate(file, 1):
                value = json.loads(line)
                if number == 1:
                    if value != FORMAT:
                        raise ValueError(f"expected {FORMAT}")
                elif "memory" in value:
                    record = _memory(**value["memory"])
                    if str(record.id) in records:
                        raise ValueError(f"the id {record.id!r} stands twice")
                    records[str(record.id)] = record
                else:
                    associations.append(_association(value["association"], records))
            if not number:
                raise ValueError("it is empty")
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInputError(
                f"line {number} of {path} is not what export() writes ({error}): {line[:80]!r}; "
                "nothing was added"
            ) from error
    return [*records.values()], associations


def _memory(*, id: str, namespace: str, **fields: Any) -> Memory:
    """One memory's line as a record that `add` takes."""
    label = checks.label_of(namespace, "namespace")
    (memory,) = checks.memories_of(Memory(**fields, id=checks.label_of(id, "id"), namespace=label))
    return memory


def _association(value: Any, records: Mapping[str, Memory]) -> tuple[str, str, float]:
    """One association's line, if `associate` takes it; its memories stand before it in the file."""
    source, target, weight = value
    check_association(source, target, checks.weight_of(weight))
    if records[source].namespace != records[target].namespace:
        raise across_namespaces(source, target)
    return source, target, weight
