"""Whatever namespaces, sessions, roles, ids and filters are called: nothing of one is seen from another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import NuonuoError
from nuonuo.stores import Store
from tests.fakes import SMALL, WordEmbedder

from .samples import afresh

NAMES = st.one_of(
    st.sampled_from(
        [
            "a", "A", "á", "ａ", "a ", " a", "a\0", "a\0b", "a\nb", "a%", "_", "%", "a" * 300, "a" * 301,
            "a'--", "'; DROP TABLE memories; --", '"a"', "E'a'", "\\", "\\x61", "NULL",
            "$1", "%s", "%(x)s", "{a}", "雷", "🐶",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip),
)  # fmt: skip
SETTINGS = {"deadline": None, "suppress_health_check": [*HealthCheck]}


@settings(max_examples=15, **SETTINGS)  # type: ignore[arg-type]
@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), NAMES, NAMES)
def test_nothing_crosses_a_wall(store: Store, names: list[str], session: str, value: str) -> None:
    names = [name for name in names if name.strip()]
    memory = AssociativeMemory(store, WordEmbedder(), config=SMALL)
    store.delete()
    ids: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        secret = f"secret{place}"
        ids[name] = memory.add(
            [
                Memory(
                    f"{secret} the dog fears thunder {value}", id=f"{place} {value}", metadata={"v": value}
                ),
                Memory(f"{secret} the code is 4471", metadata={value: place}),
            ],
            namespace=name,
            session_id=session,
            role=value if value.strip() else "user",
        )
        memory.associate(*ids[name], 0.5)
    assert sorted(memory.namespaces()) == sorted(names)
    for place, name in enumerate(names):
        others = [f"secret{other}" for other in range(len(names)) if other != place]

        def told(what: Any, others: list[str] = others) -> None:
            assert not any(other in f"{what!r}" for other in others)

        for question in ("dog thunder", "secret0 secret1 secret2 secret3", value):
            recall = memory.recall(question, 10, namespace=name)
            told([hit.memory for hit in recall])  # its evidence names words of the question
            assert len(recall) == 2
        told([*memory.recall("thunder", namespace=name, session_id=session, where={"v": value})])
        told(memory.chain("thunder", hops=4, namespace=name))
        told(memory.list(namespace=name))
        told(memory.list(namespace=name, where={"role": value}))
        told(afresh(store, name)[0])
        assert [m.id for m in store.list(namespace=name, session_id=session)] == ids[name]
        assert [*store.associations(name)] == [(*ids[name], 0.5)]
        foreign = ids[names[place - 1]][0]
        assert memory.get([foreign], namespace=name) == [None]
        with pytest.raises(NuonuoError) as caught:
            memory.associate(ids[name][0], foreign)
        told(caught.value)
        with pytest.raises(NuonuoError) as caught:
            memory.update(foreign, text="x", namespace=name)
        told(caught.value)
    memory.forget(namespace=names[0], session_id=session)
    assert sorted(memory.namespaces()) == sorted(names[1:])
    assert memory.stats().memories == 2 * len(names) - 2


def test_names_of_a_megabyte(store: Store) -> None:
    memory = AssociativeMemory(store, WordEmbedder(), config=SMALL)
    long = "n" * 1_000_000
    memory.add("thunder one", namespace=long + "1", session_id=long)
    memory.add(Memory("thunder two", id=long), namespace=long + "2", session_id=long)
    assert [h.memory.text for h in memory.recall("thunder", namespace=long + "1")] == ["thunder one"]
    assert [m.text for m in memory.list(namespace=long + "2", session_id=long)] == ["thunder two"]
    assert memory.namespaces(long) == [long + "1", long + "2"]
    assert memory.forget(ids=[long]) == 1
    assert memory.namespaces() == [long + "1"]
