"""A reader that is far behind is told page by page, and others write meanwhile."""

from __future__ import annotations

import pytest

from nuonuo.records import Memory
from nuonuo.stores import Store

from .conftest import Make
from .samples import Follower, afresh, item, traces


@pytest.fixture
def paged(make: Make) -> Store:
    return make(page_length=2)


@pytest.mark.parametrize("known", [0, 1, 2])
@pytest.mark.parametrize("pages", [1, 2])
def test_what_is_written_between_two_pages_is_told(paged: Store, known: int, pages: int) -> None:
    keys = "abcdefgh"
    reader = Follower(paged, "n")
    paged.insert("n", [item(key) for key in keys[:known]])
    if known == 2:
        paged.associate("a", "b", 1.0)
        paged.associate("b", "a", 1.0)
    reader.sync()
    paged.insert("n", [item(key) for key in keys[known:]])
    paged.associate("a", "h", 0.25)
    paged.associate("h", "a", 0.5)
    paged.associate("c", "d", 0.75)
    for _ in range(pages):
        changes = reader._page()
        assert len(changes.added or ()) <= 2
        assert not changes.associations  # their targets may not be there yet
    assert not reader.cursor.whole
    paged.associate("a", "b", 0)
    paged.associate("a", "g", 1.0)
    paged.replace(Memory("rewritten", id="a", namespace="n"), traces(3))
    paged.replace(Memory("rewritten", id="h", namespace="n"), traces(4))
    paged.delete(ids=["d", "f"])
    paged.insert("n", [item("i")])
    reader.sync()
    assert reader.cursor.whole
    assert reader.state == afresh(paged, "n")
    assert len(reader.rows) == 7
    assert sorted(map(len, reader.associations.values())) == ([1, 1, 2] if known == 2 else [1, 2])


def test_a_namespace_that_ends_between_two_pages(paged: Store) -> None:
    paged.insert("n", [item(key) for key in "abcde"])
    reader = Follower(paged, "n")
    reader._page()
    paged.delete(namespace="n")
    paged.insert("n", [item(key) for key in "xyz"])
    assert [m.id for m, _ in reader.rows.values()] == ["a", "b"]
    reader.sync()
    assert [m.id for m, _ in reader.rows.values()] == ["x", "y", "z"]
    paged.close()
