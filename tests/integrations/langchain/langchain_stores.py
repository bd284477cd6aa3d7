"""NuonuoStore beside LangGraph's own InMemoryStore, and a few items."""

from __future__ import annotations

from typing import Any

from langchain_samples import new_embedder
from langchain_words import SMALL, Words
from langgraph.store.base import Item, SearchItem
from langgraph.store.memory import InMemoryStore

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoStore

ALICE, BOB, DOCS = ("users", "alice"), ("users", "bob"), ("docs", "users", "v1")
ITEMS: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [
    (ALICE, "dog", {"text": "a beagle called Rex", "n": 1, "tags": ["pet"], "meta": {"by": "me", "at": 3}}),
    (ALICE, "code", {"text": "the garage code is 4471", "n": 2, "tags": ["home", "key"], "done": True}),
    (ALICE, "trees", {"text": "two apple trees", "n": 3.5, "role": "gardener", "done": False}),
    (ALICE, "role", {"text": "my sister paints boats", "n": -1, "session_id": "s", "none": None}),
    (BOB, "dog", {"text": "a poodle called Bella", "n": 1, "text2": "Bella likes apples"}),
    (DOCS, "dog", {"text": "how to keep a beagle", "n": 7}),
]


def new_store(**options: Any) -> NuonuoStore:
    return NuonuoStore(new_engine(), **options)


def in_memory() -> InMemoryStore:
    return InMemoryStore(index={"dims": 64, "embed": Words()})


def new_engine() -> AssociativeMemory:
    return AssociativeMemory(embedder=new_embedder(), config=SMALL)


def shown(result: Any) -> Any:
    """A result without times and scores, which are each store's own."""
    if isinstance(result, list):
        return [shown(each) for each in result]
    if isinstance(result, Item):
        return (isinstance(result, SearchItem), result.namespace, result.key, result.value)
    return result


def by_place(found: list[SearchItem]) -> list[Any]:
    """The order of namespaces in a search without a query is each store's own."""
    return sorted(shown(found), key=lambda item: item[1:3])


def both_stores() -> tuple[NuonuoStore, InMemoryStore]:
    """One of each, with the same items."""
    stores = new_store(), in_memory()
    for store in stores:
        for namespace, key, value in ITEMS:
            store.put(namespace, key, value)
    return stores
