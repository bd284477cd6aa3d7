"""After any history, a reader that followed it sees what one sees that starts now, in every store."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuonuo.errors import InvalidInputError, UnknownMemoryError
from nuonuo.records import Memory
from nuonuo.stores import InMemoryStore, SQLiteStore, Store
from tests.postgres import drop_schemas, fresh_address

from .samples import Follower, afresh, item, traces

SPACES = ("n", "m")
keys = st.sampled_from("abcdef")
spaces = st.sampled_from(SPACES)
sessions = st.sampled_from([None, "s", "t"])
weights = st.sampled_from([0.0, 0.5, 1.0])
operations = st.one_of(
    st.tuples(st.just("insert"), spaces, st.lists(keys, min_size=1, max_size=3, unique=True), sessions),
    st.tuples(st.just("replace"), spaces, keys, sessions),
    st.tuples(st.just("upsert"), spaces, st.lists(keys, min_size=1, max_size=3, unique=True), sessions),
    st.tuples(st.just("revise"), st.lists(keys, min_size=1, max_size=3), st.booleans()),
    st.tuples(st.just("delete"), st.lists(keys, min_size=1, max_size=3)),
    st.tuples(st.just("end"), spaces, sessions),
    st.tuples(st.just("associate"), keys, keys, weights),
    st.tuples(st.just("follow"), spaces),
)


@dataclass
class Run:
    """One store, the operations done to it, and what they gave."""

    store: Store
    gave: list[object] = field(default_factory=list)
    readers: dict[str, Follower] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.readers = {space: Follower(self.store, space) for space in SPACES}

    def do(self, number: int, operation: tuple[object, ...]) -> None:
        self.gave.append([self.store.namespaces(prefix, limit=1) for prefix in ("", "n", "no")])
        try:
            self.gave.append(self._do(number, *operation))
        except (InvalidInputError, UnknownMemoryError) as error:
            self.gave.append(type(error))

    def _do(self, number: int, name: object, *args: object) -> object:
        text = f"text {number}"
        match name, args:
            case ("insert" | "upsert") as verb, (str(space), list(new), session):
                items = [item(key, text, seed=number, session_id=session) for key in new]
                return self.store.insert(space, items, replace=verb == "upsert")
            case "revise", (list(ids), keep):
                told = self.store.revise(ids, lambda memory: {"was": memory.text} if keep else None)
                return [memory.id for memory in told]
            case "replace", (str(space), str(key), session):
                memory = Memory(text, id=key, namespace=space, session_id=session)  # type: ignore[arg-type]
                self.store.replace(memory, traces(number))
            case "delete", (list(ids),):
                return self.store.delete(ids=ids)
            case "end", (str(space), session):
                return self.store.delete(namespace=space, session_id=session)  # type: ignore[arg-type]
            case "associate", (str(source), str(target), float(weight)):
                self.store.associate(source, target, weight)
            case _, (str(space),):
                self.readers[space].sync()
        return None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(operations, max_size=25), st.sampled_from([1, 2, 3, 128]))
def test_following_is_starting_afresh(history: list[tuple[object, ...]], block: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        in_file = SQLiteStore(Path(folder) / "m.db", journal_length=4, block_length=block)
        same_in_both(history, [Run(in_file), Run(InMemoryStore(journal_length=4))])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(operations, max_size=25))
def test_following_in_postgresql_is_starting_afresh(history: list[tuple[object, ...]]) -> None:
    address = fresh_address()
    from nuonuo.stores import PostgresStore

    in_database = PostgresStore(address, journal_length=4)
    same_in_both(history, [Run(in_database), Run(InMemoryStore(journal_length=4))])
    drop_schemas()


def same_in_both(history: list[tuple[object, ...]], runs: list[Run]) -> None:
    """Do ``history`` in two stores."""
    for run in runs:
        for number, operation in enumerate(history):
            run.do(number, operation)
    for space in SPACES:
        for run in runs:
            run.readers[space].sync()
            assert run.readers[space].state == afresh(run.store, space)
        assert runs[0].readers[space].state == runs[1].readers[space].state
    first, second = runs
    assert first.gave == second.gave
    assert first.store.list() == second.store.list()
    assert [*first.store.associations()] == [*second.store.associations()]
    assert first.store.namespaces() == second.store.namespaces()
    for run in runs:
        run.store.close()
