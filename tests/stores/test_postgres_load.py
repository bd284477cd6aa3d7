"""Four processes of four threads on one database: nothing is lost, doubled or torn."""

from __future__ import annotations

import json

import pytest

from nuonuo.stores.opening import open_store
from tests.postgres import drop_schemas, fresh_address

from .samples import Follower, afresh, child

pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

WORKING = """
import json, random, sys
from concurrent.futures import ThreadPoolExecutor
from nuonuo.stores.opening import open_store
from tests.stores.samples import Follower, afresh, item
store = open_store(sys.argv[1] + "&pool=3")

def work(number):
    rng, mine = random.Random(number), {}
    readers = [Follower(store, f"n{space}") for space in range(3)]
    for turn in range(25):
        space, key = rng.randrange(3), f"{number}-{turn}"
        store.insert(f"n{space}", [item(key, key), item(key + "+", key)])
        mine[key] = mine[key + "+"] = key
        if turn % 3 == 0:
            store.associate(key, key + "+", 0.5)
        if turn % 4 == 1:
            gone = rng.choice([*mine])
            assert store.delete(ids=[gone]) == 1
            del mine[gone]
        if turn % 5 == 2:
            changed = rng.choice([*mine])
            mine[changed] = "changed"
            (old,) = store.get([changed])
            store.insert(old.namespace, [item(changed, "changed")], replace=True)
        readers[space].sync()
    for reader in readers:
        reader.sync()
    return mine

with ThreadPoolExecutor(4) as pool:
    kept = [*pool.map(work, range(4 * int(sys.argv[2]), 4 * int(sys.argv[2]) + 4))]
print(json.dumps({key: text for each in kept for key, text in each.items()}), flush=True)
store.close()
"""


def test_four_processes_of_four_threads() -> None:
    address = fresh_address()
    store = open_store(address)
    readers = [Follower(store, f"n{space}") for space in range(3)]
    others = [child(WORKING, address, number) for number in range(4)]
    expected: dict[str, str] = {}
    for other in others:
        for reader in readers:
            reader.sync()
        told, _ = other.communicate(timeout=200)
        assert other.returncode == 0
        expected.update(json.loads(told))
    assert {str(m.id): m.text for m in store.list()} == expected
    for reader in readers:
        reader.sync()
        assert reader.state == afresh(store, reader.namespace)
    store.close()
    drop_schemas()
