"""What every store promises."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from nuonuo.errors import EmbedderMismatchError, InvalidInputError, StoreClosedError, UnknownMemoryError
from nuonuo.records import Memory
from nuonuo.stores import START, Identity, InMemoryStore, Store
from nuonuo.traces import Words

from .conftest import Make
from .samples import Follower, afresh, arrays, each, item, traces

MOMENT = datetime(2026, 11, 21, 7, 8, 9, 123456, tzinfo=timezone.utc)
FULL = Memory(
    "Rex \0 is 'afraid' of \"thunder\" 雷 🐶 \ud800",
    role="user",
    timestamp=MOMENT,
    metadata={"a": [1, 2.5, None, {"b": "ü"}], "c": True},
    cues=("what scares Rex?", ""),
    session_id="2026-11-21",
    id="m1",
    namespace="user-42",
    paraphrases=("Rex fürchtet Donner", "\ud800"),
)


@pytest.mark.parametrize(
    "memory",
    [
        FULL,
        replace(FULL, paraphrases=()),
        replace(FULL, timestamp=MOMENT.replace(hour=0, minute=0, second=0, microsecond=0), all_day=True),
        Memory(
            "x", id="m1", namespace="n", all_day=True, timestamp=datetime(2026, 1, 1, tzinfo=timezone.utc)
        ),
        Memory("x", id="m1", namespace=""),
        replace(FULL, text="y" * 70_000),
    ],
)
def test_what_is_stored_comes_back(store: Store, memory: Memory) -> None:
    (seq,) = store.insert(memory.namespace, [(memory, traces())])
    assert store.get(["m1"]) == [memory]
    assert store.get_seqs(memory.namespace, [seq]) == [memory]
    assert store.list() == [memory]
    ((number, stored, _),) = each(store.changes(memory.namespace, START).added)
    assert (number, stored) == (seq, memory)


@pytest.mark.parametrize("windows", [0, 1, 3])
@pytest.mark.parametrize("tokens", [0, 1, 200])
def test_traces_come_back(store: Store, windows: int, tokens: int) -> None:
    kept = traces(7, windows=windows, tokens=tokens)
    store.insert("n", [(Memory("x", id="a"), kept)])
    ((_, _, back),) = each(store.changes("n", START).added)
    assert arrays(back) == arrays(kept)


def test_a_memory_comes_back_with_its_traces(store: Store) -> None:
    kept = [item(key, seed=seed, metadata={"n": seed}) for seed, key in enumerate("abc")]
    store.insert("n", kept)
    store.delete(ids=["b"])
    found = store.traced(["c", "b", "a", "none"])
    assert [None if one is None else one[0].metadata["n"] for one in found] == [2, None, 0, None]
    for one, (_, given) in zip((found[2], found[0]), (kept[0], kept[2]), strict=True):
        assert one is not None and arrays(one[1]) == arrays(given)
    assert store.traced([]) == []


def refreshed_by_twos(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Store.refresh` take two memories at a time, where it does anything."""
    if not isinstance(store, InMemoryStore):
        there = "postgres.refreshing" if "postgres" in type(store).__module__ else "renewal"
        monkeypatch.setattr(sys.modules[f"nuonuo.stores.{there}"], "STEP", 2)


def test_words_of_older_rules_are_worked_out_anew_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    refreshed_by_twos(store, monkeypatch)
    kept = [item(key, seed=seed) for seed, key in enumerate("abc")]
    store.insert("n", kept)
    new = traces(9).words

    def words(memory: Memory) -> Words:
        return replace(new, length=ord(memory.id or ""))

    lasts = not isinstance(store, InMemoryStore)  # what does not last is left to its readers
    assert store.refresh(7, words) == 3 * lasts
    assert store.refresh(7, words) == 0
    for (memory, given), one in zip(kept, store.traced(["a", "b", "c"]), strict=True):
        wanted = replace(given, words=words(memory), lexicon=7, older=True) if lasts else given
        assert one is not None and arrays(one[1]) == arrays(wanted)


def test_words_that_were_worked_out_in_part_are_not_taken_for_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted by the rules of another language, and opened again by those from before."""
    refreshed_by_twos(store, monkeypatch)
    store.insert("n", [item(key, seed=seed) for seed, key in enumerate("abcd")])
    store.refresh(7, lambda memory: traces(7).words)

    told: list[Memory] = []

    def interrupted(memory: Memory) -> Words:
        told.append(memory)
        if len(told) == 4:
            raise KeyboardInterrupt
        return traces(8).words

    if isinstance(store, InMemoryStore):
        pytest.skip("it leaves that to its readers")
    with pytest.raises(KeyboardInterrupt):
        store.refresh(8, interrupted)
    written = [kept.lexicon for _, _, kept in store.scan(0, 9)].count(8)
    assert 0 < written < 4
    assert store.refresh(7, lambda memory: traces(7).words) == written
    assert store.refresh(7, lambda memory: traces(7).words) == 0
    assert {kept.lexicon for _, _, kept in store.scan(0, 9)} == {7}


def test_traces_that_do_not_fit_together_are_refused(store: Store) -> None:
    good = traces()
    bad = replace(good, parts=np.zeros(3, np.int32))
    with pytest.raises(InvalidInputError, match="parts"):
        store.insert("n", [(Memory("x", id="a"), bad)])
    assert store.counts().memories == 0


@pytest.mark.parametrize("hours", [-5, 0, 9])
def test_timestamps_are_moments(store: Store, hours: int) -> None:
    local = MOMENT.astimezone(timezone(timedelta(hours=hours)))
    store.insert("n", [item("a", timestamp=local), item("b", timestamp=MOMENT.replace(tzinfo=None))])
    store.insert("n", [item("c", timestamp=datetime(1, 1, 1, tzinfo=timezone.utc))])
    stamps = [m.timestamp for m in store.list()]
    assert stamps == [MOMENT, MOMENT, datetime(1, 1, 1, tzinfo=timezone.utc)]
    assert all(stamp is not None and stamp.tzinfo is timezone.utc for stamp in stamps)


def test_a_caller_cannot_change_what_is_stored(store: Store) -> None:
    metadata: dict[str, Any] = {"list": [1]}
    store.insert("n", [item("a", metadata=metadata)])
    metadata["list"].append(2)
    (first,) = store.get(["a"])
    assert first is not None
    first.metadata["list"].append(3)
    assert [m and m.metadata for m in store.get(["a"])] == [{"list": [1]}]


def test_whole_days_are_before_what_the_clock_of_the_zone_shows(store: Store) -> None:
    midnight = datetime(2026, 6, 1, tzinfo=timezone.utc)
    for hours in (-5, 0, 5):
        limit = midnight.replace(tzinfo=timezone(timedelta(hours=hours)))  # the day begins there
        stamps = {
            "day": midnight,
            "eve": midnight - timedelta(1),
            "before": limit - timedelta(hours=1),
            "at": limit,
        }
        for key, stamp in stamps.items():
            store.insert("n", [item(key, timestamp=stamp, all_day=key in ("day", "eve"))])
        assert store.delete(before=limit, ids=["day", "at"]) == 0
        assert store.delete(before=limit) == 2
        assert {m.id for m in store.list()} == {"day", "at"}
        store.delete()


def test_seqs_ascend_and_never_come_twice(store: Store) -> None:
    seen: list[int] = []
    for i in range(4):
        seen += store.insert(f"n{i % 2}", [item(f"{i}-{j}") for j in range(3)])
        assert store.delete(ids=[f"{i}-2"]) == 1  # the highest
    store.delete()
    seen += store.insert("n0", [item("last")])
    assert seen == sorted(set(seen))
    assert store.insert("n0", []) == []


@pytest.mark.parametrize("clash", [["new", "old"], ["new", "new"], ["new", "elsewhere"]])
def test_insert_takes_all_or_none(store: Store, clash: list[str]) -> None:
    store.insert("n", [item("old")])
    store.insert("m", [item("elsewhere")])
    before = store.version()
    with pytest.raises(InvalidInputError, match=repr(clash[1])):
        store.insert("n", [item(key) for key in clash])
    assert store.get(["new"]) == [None]
    assert store.counts().memories == 2
    assert store.version() == before


def test_insert_in_the_place_of_what_is_stored(store: Store) -> None:
    old = store.insert("n", [item("a"), item("b", session_id="s", timestamp=MOMENT)])
    store.associate("a", "b", 0.5)
    follower = Follower(store, "n")
    follower.sync()
    seqs = store.insert("n", [item("c"), item("b", "other", seed=9, role="user")], replace=True)
    assert seqs[1] == old[1] and seqs[0] > old[1]
    assert [(m.id, m.text, m.role, m.session_id, m.timestamp) for m in store.list()] == [
        ("a", "a text", None, None, None),
        ("b", "other", "user", None, None),
        ("c", "a text", None, None, None),
    ]
    assert store.list(session_id="s") == []
    assert [*store.associations()] == [("a", "b", 0.5)]
    follower.sync()
    fresh = Follower(store, "n")
    fresh.sync()
    assert {seq: row[0] for seq, row in follower.rows.items()} == {s: r[0] for s, r in fresh.rows.items()}
    assert store.insert("n", [item("a", "alone")], replace=True) == [old[0]]


@pytest.mark.parametrize("clash", [["new", "new"], ["old", "elsewhere"], ["old", "old"]])
def test_insert_replaces_all_or_none_and_in_its_own_namespace(store: Store, clash: list[str]) -> None:
    store.insert("n", [item("old")])
    store.insert("m", [item("elsewhere")])
    before = store.version()
    with pytest.raises(InvalidInputError, match=repr(clash[1])):
        store.insert("n", [item(key, "other") for key in clash], replace=True)
    assert [m.text for m in store.list()] == ["a text", "a text"]
    assert store.version() == before


def test_insert_keeps_each_in_its_own_namespace(store: Store) -> None:
    seqs = store.insert(None, [item(key, namespace=key[0]) for key in ("a1", "b1", "a2", "c1", "b2")])
    assert seqs == sorted(seqs)
    assert [(m.id, m.namespace) for m in store.list()] == [
        ("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c"), ("b2", "b"),
    ]  # fmt: skip
    followers = {name: Follower(store, name) for name in "abc"}
    for name, follower in followers.items():
        assert [m.id for _, m, _ in each(follower.sync().added)] == [m.id for m in store.list(namespace=name)]
    more = store.insert(None, [item("c2", namespace="c"), item("a3", namespace="a")])
    assert [[seq for seq, _, _ in each(followers[name].sync().added)] for name in "abc"] == [
        more[1:],
        [],
        more[:1],
    ]
    for name, follower in followers.items():
        assert follower.state == afresh(store, name)


@pytest.mark.parametrize("bad", [item("b", namespace=None), item("a2", namespace="n")])
def test_insert_into_several_namespaces_takes_all_or_none(store: Store, bad: Any) -> None:
    store.insert("m", [item("a2")])
    with pytest.raises(InvalidInputError):
        store.insert(None, [item("a1", namespace="new"), bad])
    assert (store.namespaces(), store.counts().memories) == (["m"], 1)


@pytest.mark.parametrize("key", [None, ""])
def test_insert_wants_an_id(store: Store, key: str | None) -> None:
    with pytest.raises(InvalidInputError, match="id"):
        store.insert("n", [(Memory("x", id=key), traces())])


def test_metadata_must_be_json(store: Store) -> None:
    with pytest.raises(InvalidInputError, match="JSON"):
        store.insert("n", [item("a", metadata={"a": float("nan")})])
    assert store.counts().memories == 0


def test_replace_keeps_the_seq(store: Store) -> None:
    seqs = store.insert("n", [item("a"), item("b", session_id="s", timestamp=MOMENT), item("c")])
    changed = Memory("other", id="b", namespace="n", role="user", session_id="t")
    store.replace(changed, traces(9, tokens=40))
    assert [m.id for m in store.list()] == ["a", "b", "c"]
    assert store.get_seqs("n", seqs)[1] == changed
    assert store.list(session_id="s") == []
    assert store.list(session_id="t") == [changed]
    assert arrays([*each(store.changes("n", START).added)][1][2]) == arrays(traces(9, tokens=40))


@pytest.mark.parametrize(("key", "namespace"), [("x", "n"), ("a", "m"), ("b", "n"), ("a", "nowhere")])
def test_replace_of_what_is_not_there(store: Store, key: str, namespace: str) -> None:
    store.insert("n", [item("a")])
    store.insert("m", [item("b")])
    with pytest.raises(UnknownMemoryError, match=repr(key)):
        store.replace(Memory("x", id=key, namespace=namespace), traces())
    assert [m.text for m in store.list()] == ["a text", "a text"]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"namespace": "n"}, "ef"),
        ({"session_id": "s"}, "bcdf"),
        ({"before": MOMENT}, "bcdf"),
        ({"before": MOMENT + timedelta(microseconds=1)}, "cdf"),
        ({"ids": ["a", "e", "nothing", "a"]}, "bcdf"),
        ({"ids": []}, "abcdef"),
        ({"namespace": "n", "session_id": "s"}, "bcdef"),
        ({"namespace": "n", "ids": ["b", "e"]}, "acdef"),
        ({"namespace": "n", "ids": ["a", "b"], "before": MOMENT}, "bcdef"),
        ({"namespace": "nowhere"}, "abcdef"),
        ({"session_id": "nowhere"}, "abcdef"),
        ({}, ""),
    ],
)
def test_delete_meets_every_condition(store: Store, conditions: dict[str, Any], left: str) -> None:
    early = MOMENT - timedelta(days=1)
    store.insert(
        "n",
        [
            item("a", session_id="s", timestamp=early),
            item("b", session_id="t", timestamp=MOMENT),
            item("c"),
            item("d", timestamp=MOMENT + timedelta(days=1)),
        ],
    )
    store.insert("m", [item("e", session_id="s", timestamp=early), item("f")])
    assert store.delete(**conditions) == 6 - len(left)
    assert "".join(m.id or "" for m in store.list()) == left
    assert store.counts().memories == len(left)


def test_namespaces_are_walls(store: Store) -> None:
    (a,) = store.insert("n", [item("a", session_id="s")])
    (b,) = store.insert("m", [item("b", session_id="s")])
    assert store.namespaces() == ["m", "n"]
    assert store.get_seqs("n", [b, a, 99])[0] is None
    assert [m and m.id for m in store.get_seqs("n", [b, a, 99])] == [None, "a", None]
    assert store.get(["a", "b"], namespace="m")[0] is None
    assert [m.id for m in store.list(namespace="n", session_id="s")] == ["a"]
    assert [m.id for _, m, _ in each(store.changes("m", START).added)] == ["b"]
    store.delete(namespace="m")
    assert store.namespaces() == ["n"]


def test_list_by_order_of_arrival(store: Store) -> None:
    store.insert("n", [item(f"{i}", session_id=f"s{i % 2}") for i in range(7)])
    store.insert("m", [item("7", session_id="s1")])
    store.replace(Memory("changed", id="2", namespace="n", session_id="s0"), traces())

    def ids(**options: Any) -> str:
        return "".join(m.id or "" for m in store.list(**options))

    assert ids() == "01234567"
    assert ids(newest_first=True) == "76543210"
    assert ids(namespace="n", limit=3) == "012"
    assert ids(namespace="n", limit=3, offset=5) == "56"
    assert ids(session_id="s1") == "1357"
    assert ids(namespace="n", session_id="s1", newest_first=True, offset=1) == "31"
    assert ids(limit=0) == ids(offset=9) == ids(namespace="nowhere") == ""


def test_get_in_any_order_and_number(store: Store) -> None:
    keys = [f"k{i}" for i in range(1200)]  # more than SQLite takes parameters at once
    seqs = store.insert("n", [item(key) for key in keys])
    assert [m and m.id for m in store.get([*reversed(keys), "none"])] == [*reversed(keys), None]
    assert [m and m.id for m in store.get_seqs("n", seqs[::-1])] == keys[::-1]
    assert store.get([]) == store.get_seqs("n", []) == []
    for some in (seqs, seqs[500::-1], seqs[7:3:-2], [seqs[-1] + 1, seqs[5]], []):
        assert store.get_seqs("n", some, epoch=store.position("n").epoch) == store.get_seqs("n", some)
    assert store.delete(ids=keys[:1100]) == 1100


def test_associations_are_set_changed_and_removed(store: Store) -> None:
    a, b, c = store.insert("n", [item("a"), item("b"), item("c")])
    store.associate("a", "b", 0.5)
    store.associate("a", "c", 1)
    store.associate("b", "a", 0.25)
    store.associate("a", "b", 0.75)
    assert [*store.associations()] == [("a", "b", 0.75), ("a", "c", 1.0), ("b", "a", 0.25)]
    assert store.changes("n", START).associations == {a: {b: 0.75, c: 1.0}, b: {a: 0.25}}
    store.associate("a", "c", 0)
    store.associate("c", "a", 0)
    assert store.counts().associations == 2
    assert [*store.associations("nowhere")] == []
    store.delete(ids=["b"])
    assert [*store.associations("n")] == []
    assert store.counts().associations == 0


@pytest.mark.parametrize(
    ("pair", "weight", "error"),
    [
        (("a", "x"), 1.0, UnknownMemoryError),
        (("x", "a"), 0.0, UnknownMemoryError),
        (("a", "a"), 1.0, InvalidInputError),
        (("a", "other"), 1.0, InvalidInputError),
        (("a", "b"), -1.0, InvalidInputError),
        (("a", "b"), float("nan"), InvalidInputError),
        (("a", "b"), float("inf"), InvalidInputError),
    ],
)
def test_associations_that_cannot_be(
    store: Store, pair: tuple[str, str], weight: float, error: type[Exception]
) -> None:
    store.insert("n", [item("a"), item("b")])
    store.insert("m", [item("other")])
    with pytest.raises(error):
        store.associate(*pair, weight)
    assert [*store.associations()] == []


def test_changes_say_what_happened(store: Store) -> None:
    reader = Follower(store, "n")
    assert reader.sync().cursor == START
    a, b, c = store.insert("n", [item("a"), item("b"), item("c")])
    store.insert("other", [item("z")])
    assert [seq for seq, _, _ in each(reader.sync().added)] == [a, b, c]
    nothing = reader.sync()
    assert not (nothing.reset)
    assert not (nothing.added)
    assert not (nothing.updated)
    assert not (nothing.deleted)
    assert not (nothing.associations)
    store.associate("a", "b", 0.5)
    store.replace(Memory("b2", id="b", namespace="n"), traces())
    store.delete(ids=["b", "c"])
    (d,) = store.insert("n", [item("d")])
    store.replace(Memory("d2", id="d", namespace="n"), traces())
    store.insert("n", [item("e")])
    store.delete(ids=["e"])
    changes = reader.sync()
    assert not changes.reset
    assert not changes.updated
    assert set(changes.deleted) == {b, c}
    assert [(seq, m.text) for seq, m, _ in each(changes.added)] == [(d, "d2")]
    assert changes.associations == {a: {}}
    assert reader.state == afresh(store, "n")


def test_a_new_life_resets_its_readers(store: Store) -> None:
    store.insert("n", [item("a")])
    reader = Follower(store, "n")
    reader.sync()
    store.delete(namespace="n")
    stale = reader.cursor
    assert reader.sync()
    assert reader.cursor == START
    assert not reader.rows
    store.insert("n", [item("b")])
    changes = store.changes("n", stale)
    assert changes.reset
    assert [m.id for _, m, _ in each(changes.added)] == ["b"]
    assert changes.cursor.epoch != stale.epoch
    assert not store.changes("n", START).reset


def test_a_reader_that_lags_too_far_starts_afresh(make: Make) -> None:
    store = make(journal_length=5)
    store.insert("n", [item("a"), item("b")])
    store.insert("quiet", [item("c"), item("d")])
    store.associate("c", "d", 1.0)
    readers = {name: Follower(store, name) for name in ("n", "quiet")}
    for reader in readers.values():
        reader.sync()
    store.associate("c", "d", 0.5)
    readers["quiet"].sync()
    for i in range(30):
        store.associate("a", "b", 1 + i)
    assert readers["n"].sync().reset
    assert not readers["quiet"].sync().reset  # nothing of its own was lost
    assert all(reader.state == afresh(store, name) for name, reader in readers.items())


def test_version_changes_with_every_write(store: Store) -> None:
    versions = [store.version()]
    assert store.version() == versions[0]
    for write in (
        lambda: store.claim(Identity("e", 3, None, "s")),
        lambda: store.insert("n", [item("a"), item("b")]),
        lambda: store.replace(Memory("y", id="a", namespace="n"), traces()),
        lambda: store.associate("a", "b", 1.0),
        lambda: store.delete(ids=["a"]),
    ):
        write()
        versions.append(store.version())
    assert len(set(versions)) == len(versions)


def test_identity_is_claimed_once(store: Store) -> None:
    mine = Identity("MiniLM", 384, "MiniLM", "wta:16384:50:0")
    store.claim(mine)
    store.claim(mine)
    version = store.version()
    for other in (replace(mine, embedder="other-model"), replace(mine, dimension=3)):
        with pytest.raises(EmbedderMismatchError, match=rf"MiniLM.*{other.embedder}.*{other.dimension}"):
            store.claim(other)
    assert store.version() == version
    store.claim(mine)


def test_a_closed_store_says_so(store: Store) -> None:
    store.insert("n", [item("a"), item("b")])
    store.close()
    store.close()
    for call in (
        lambda: store.claim(Identity("e", 3, None, "s")),
        lambda: store.insert("n", [item("c")]),
        lambda: store.insert("n", []),
        lambda: store.replace(Memory("y", id="a", namespace="n"), traces()),
        lambda: store.delete(namespace="n"),
        lambda: store.associate("a", "b", 1.0),
        lambda: store.changes("n", START),
        store.version,
        lambda: store.get(["a"]),
        lambda: store.get_seqs("n", [1]),
        lambda: store.get_seqs("n", []),
        lambda: store.get_seqs("n", [1], epoch=1),
        store.list,
        lambda: [*store.associations()],
        store.namespaces,
        store.counts,
    ):
        with pytest.raises(StoreClosedError):
            call()
