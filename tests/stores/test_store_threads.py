"""Any store from many threads at once."""

from __future__ import annotations

from nuonuo.stores import Store
from tests.threads import THREADS, at_once

from .samples import Follower, item


def test_eight_threads_at_once(store: Store) -> None:
    rounds = 12

    def work(number: int) -> None:
        space = f"n{number % 3}"
        reader = Follower(store, space)
        for i in range(rounds):
            keys = [f"{number}-{i}-{j}" for j in range(3)]
            store.insert(space, [item(key) for key in keys])
            store.associate(keys[0], keys[1], 1.0)
            reader.sync()
            assert store.delete(ids=keys[2:]) == 1
            assert [m and m.id for m in store.get(keys)] == [*keys[:2], None]
            assert len(store.list(namespace=space, limit=2)) == 2
        reader.sync()

    at_once(work)
    expected = {f"{n}-{i}-{j}" for n in range(THREADS) for i in range(rounds) for j in range(2)}
    assert {m.id for m in store.list()} == expected
    assert store.counts().associations == THREADS * rounds
