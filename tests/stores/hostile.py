"""Files as a stranger might make them, opened and used to the full; runs in a process of its own.

That process may take `ROOM` bytes more than it holds once it has used the file as it was.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nuonuo import AssociativeMemory
from nuonuo.errors import NuonuoError
from nuonuo.stores import SQLiteStore
from nuonuo.stores.codec import Pages
from nuonuo.stores.doctor import examine
from nuonuo.stores.opening import open_store
from nuonuo.stores.schema import PAGE_SIZE
from nuonuo.stores.sums import Sums
from tests.fakes import SMALL, WordEmbedder

ROOM = 256 << 20
LEAD = Pages(PAGE_SIZE, Sums(b"")).lead
HEADER = 72  # bytes of traces; a block has some fewer
BLOCK = 6  # memories a block
NUMBERS = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FC00000, 70_000)  # nothing, much, less than nothing, NaN
VALUES: tuple[Any, ...] = (
    None, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 3.5, float("inf"), -1e308, "", "text", "9" * 50, b"",
    b"bytes", b"\xff" * 40, bytes(300), bytes(range(256)) * 8, "x" * 5000, "[" * 5000, '{"a":' * 5000,
)  # fmt: skip
T = TypeVar("T")


def flip(path: Path, rng: random.Random) -> None:
    """Bits and numbers anywhere in the file."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 3, 30])):
        at = rng.randrange(len(data) - 4)
        if rng.random() < 0.7:
            data[at] ^= 1 << rng.randrange(8)
        else:  # a length, or an address
            data[at : at + 4] = struct.pack(">I", rng.choice([*NUMBERS, rng.randrange(2**32)]))
    path.write_bytes(data)


def alter(path: Path, rng: random.Random) -> None:
    """Values of any type in any row of any table."""
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for _ in range(rng.choice([1, 1, 4])):
        table = rng.choice(tables)
        column = rng.choice([row[1] for row in db.execute(f"PRAGMA table_info({table})")])
        values = [value for (value,) in db.execute(f"SELECT {column} FROM {table}")]
        if not values:
            continue
        try:
            if rng.random() < 0.15:
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (rng.choice(values),))
            else:
                where = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                db.execute(where, (rng.choice(VALUES), rng.choice(values)))
        except sqlite3.Error:
            continue  # the table does not take it
    db.commit()
    db.close()


def forge(path: Path, rng: random.Random) -> None:
    """Bodies that no store wrote, whose checksums hold: who made the file knows its salt."""
    db = sqlite3.connect(path)
    (salt,) = db.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
    pages = Pages(PAGE_SIZE, Sums(salt))
    table = rng.choice(["traces", "traces", "blocks", "blocks", "blocks", "memories", "namespaces"])
    key = "id" if table in ("namespaces", "blocks") else "seq"
    rows = db.execute(f"SELECT {key}, body FROM {table}").fetchall()
    for number, body in rng.sample(rows, min(len(rows), rng.choice([1, 1, 3, 20]))):
        payload = bytearray(body[LEAD:])
        for _ in range(rng.choice([1, 1, 2, 8])):
            at = rng.randrange(min(HEADER if rng.random() < 0.4 else len(payload), len(payload) - 4))
            if rng.random() < 0.5:
                payload[at] ^= 1 << rng.randrange(8)
            else:
                at = at // 4 * 4
                payload[at : at + 4] = struct.pack("<I", rng.choice([*NUMBERS, rng.randrange(2**32)]))
        if rng.random() < 0.1:
            del payload[rng.randrange(len(payload)) :]
        db.execute(f"UPDATE {table} SET body = ? WHERE {key} = ?", (pages.pad(bytes(payload)), number))
    db.commit()
    db.close()


def attempt(call: Callable[[], T]) -> T | None:
    """What ``call`` gives, or None where it ends in an error of ours."""
    try:
        return call()
    except NuonuoError:
        return None


@contextmanager
def opened(path: Path) -> Iterator[AssociativeMemory]:
    """The memory in the file, whose blocks are small."""
    store = SQLiteStore(path, block_length=BLOCK)
    try:
        yield AssociativeMemory(store, WordEmbedder(), config=SMALL)
    finally:
        store.close()


def use(path: Path) -> None:
    """All that reads, then all that writes."""
    with opened(path) as memory:
        for space in ("home", "away"):
            ask = memory.recall
            question = "what is Rex afraid of: thunder?"
            attempt(lambda: repr(ask(question, namespace=space, where={"v": 1})))  # noqa: B023
            hits = attempt(lambda: ask("Rex the beagle", 9, namespace=space, session_id="s"))  # noqa: B023
            for hit in hits or ():
                attempt(lambda: (repr(hit.evidence), repr(hit.times), hit.passage, hit.span))  # noqa: B023
            attempt(lambda: memory.chain("thunder", 5, namespace=space))  # noqa: B023
            attempt(lambda: memory.list(namespace=space, where={"role": "user"}))  # noqa: B023
        attempt(memory.list)
        attempt(memory.stats)
        attempt(lambda: memory.export(f"{path}.jsonl"))
        attempt(lambda: memory.get(["m1", "m2"]))
        attempt(lambda: memory.update("m1", text="Rex is brave"))
        attempt(lambda: memory.revise(["m2"], lambda old: {"v": 2}))
        attempt(lambda: memory.associate("m2", "m3", 0.25))
        attempt(lambda: memory.add(["one more"], namespace="home"))
        attempt(lambda: memory.forget(session_id="s", namespace="home"))
        attempt(lambda: memory.recall("one more", namespace="home"))
    store = open_store(path)
    try:
        attempt(lambda: examine(store))
        attempt(store.delete)
    finally:
        store.close()


KINDS = {"flip": flip, "alter": alter, "forge": forge}


def main() -> None:
    """Arguments: the file as it is, where to put altered ones, one of `KINDS`, and a range of seeds."""
    import resource

    template, path, kind, first, last = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:6]
    shutil.copy(template, path)
    use(path)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))
    failed = refused = 0
    for seed in range(int(first), int(last)):
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        shutil.copy(template, path)
        KINDS[kind](path, random.Random(seed))
        try:
            use(path)
        except NuonuoError:
            refused += 1
        except BaseException:  # a MemoryError too
            failed += 1
            print("seed", seed, traceback.format_exc(limit=-3), flush=True)
    print(f"{failed} failed, {refused} refused at once", flush=True)
