"""Processes are killed, and servers crash, at random moments: what was acknowledged is there, once.

`NUONUO_CRASH_ROUNDS` asks for more rounds than a few.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo.stores import Store
from nuonuo.stores.doctor import examine
from nuonuo.stores.opening import open_store
from tests.postgres import drop_schemas, fresh_address, server

from .samples import Follower, afresh, child

ROUNDS = int(os.environ.get("NUONUO_CRASH_ROUNDS", "5"))

# Says each act before and after it, so that whoever reads knows which one was under way.
WRITING = """
import json, random, sys
from nuonuo.errors import UnknownMemoryError
from nuonuo.stores.opening import open_store
from tests.stores.samples import item
store, rng = open_store(sys.argv[1]), random.Random(sys.argv[2])
for number in range(10**9):
    keys = [f"k{n}" for n in rng.sample(range(20), rng.randint(1, 4))]
    act = rng.choice(["add", "add", "add", "forget", "associate", "revise"])
    text = f"{sys.argv[2]}-{number}"
    print(json.dumps([act, keys, text]), flush=True)
    try:
        if act == "add":
            store.insert("n", [item(key, text) for key in keys], replace=True)
        elif act == "forget":
            store.delete(ids=keys)
        elif act == "revise":
            store.revise(keys, lambda memory: {"by": text})
        elif len(keys) > 1:
            store.associate(keys[0], keys[1], 0.5)
    except UnknownMemoryError:
        pass
    print("done", flush=True)
"""

Model = tuple[dict[str, list[str]], set[tuple[str, str]]]  # id -> text, who revised it; associations


def after(model: Model, act: str, keys: list[str], text: str) -> Model:
    """What holds once an act has taken place."""
    texts, links = dict(model[0]), set(model[1])
    if act == "add":
        texts.update({key: [text, ""] for key in keys})
    elif act == "forget":
        for key in keys:
            texts.pop(key, None)
        links = {link for link in links if link[0] in texts and link[1] in texts}
    elif act == "revise":
        texts.update({key: [texts[key][0], text] for key in keys if key in texts})
    elif len(keys) > 1 and keys[0] in texts and keys[1] in texts:
        links.add((keys[0], keys[1]))
    return texts, links


def held(store: Store) -> Model:
    texts = {str(m.id): [m.text, str(m.metadata.get("by", ""))] for m in store.list()}
    return texts, {(one, other) for one, other, _ in store.associations()}


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "postgres" and "NUONUO_TEST_POSTGRES" in os.environ:
        pytest.skip("the server at NUONUO_TEST_POSTGRES is not ours to crash")
    yield fresh_address() if request.param == "postgres" else str(tmp_path / "m.db")
    drop_schemas()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_was_acknowledged_is_there(where: str) -> None:
    rng = np.random.default_rng(7)
    database = where.startswith("postgresql")
    model: Model = ({}, set())
    store = open_store(where)
    reader = Follower(store, "n")
    done = 0
    for number in range(ROUNDS):
        crash: Callable[[], Any] | None = None
        if database and number % 2:
            crash = lambda: (server().stop("immediate"), server().start())  # noqa: E731
        with child(WRITING, where, number) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline(), writer.stdout.readline()]
            time.sleep(rng.uniform(0, 0.3))
            if crash is not None:
                crash()  # the writer goes on as soon as the server is back
                time.sleep(rng.uniform(0, 0.3))
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.read().splitlines(keepends=True)
            assert writer.wait() == -signal.SIGKILL
        under_way: list[Any] | None = None
        for line in lines:
            if not line.endswith("\n"):
                break  # killed while it was said, before it was done
            if line == "done\n":
                assert under_way is not None
                model, under_way, done = after(model, *under_way), None, done + 1
            else:
                under_way = json.loads(line)
        if database:
            time.sleep(0.2)  # the server may still be busy with what the dead process had sent
        found = held(store)
        assert found in ([model] if under_way is None else [model, after(model, *under_way)])
        model = found
        reader.sync()
        assert reader.state == afresh(store, "n")
        assert examine(store) == []
        assert store.counts().memories == len(model[0])
    assert done > ROUNDS
    store.close()
    if not database:
        db = sqlite3.connect(where)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
        return
    import psycopg

    base, schema = where.rsplit("?schema=", 1)
    with psycopg.connect(base, autocommit=True) as db:
        db.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        db.execute(
            "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = %s::regnamespace",
            (schema,),
        )
