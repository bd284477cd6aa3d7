"""The short forms of `nuonuo bench soak`: processes of threads at once, and a chat that goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.clock import resident_bytes
from nuonuo.evaluation.reliability import crowd as crowds
from nuonuo.evaluation.reliability.acts import SPACES, opened
from nuonuo.evaluation.reliability.chat import JOURNAL, KEPT, TURNS, Plan
from nuonuo.evaluation.reliability.crowd import CHECKS, COUNTED, LOST, READ, TORN, Member, crowd
from nuonuo.evaluation.reliability.latency import RATIO, Latency
from nuonuo.evaluation.reliability.places import FilePlace, Place
from nuonuo.evaluation.reliability.results import soak_table
from nuonuo.evaluation.reliability.soak import MEASURES, soak, trend
from nuonuo.records import Memory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_processes_of_threads_lose_and_double_nothing(where: Place) -> None:
    found = crowd(where, workers=2, threads=3, seconds=3, seed=1)
    assert found["failed"] == []
    assert found["calls"] >= 2 * 3  # how many there are of a loaded machine's seconds is no test's business
    assert all(found["checks"][what] for what in CHECKS)
    assert {"add", "recall", "revise", "get"} <= {*found["latency"]}
    assert found["latency"]["add"]["ms_p50"] <= found["latency"]["add"]["ms_p99"]


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    memory = opened(str(tmp_path / "m.db"))
    for space in SPACES:
        memory.add(Memory("what all add to", id=crowds.counter(space), metadata={"n": 0}), namespace=space)
    yield Member(memory, "me", ["me"], 1)
    memory.close()


def test_a_crowd_notices_what_is_wrong(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    member._act("add")
    ((first, text),) = member.kept.items()
    member._memory.update(first, text="half of a write")
    monkeypatch.setattr(crowds, "pairs_of", lambda thread: [first])
    member._act("look at a pair")
    assert member.failed == [f"{TORN}: {first}"]
    member._act("recall")
    assert member.failed[1:] == []  # the other of the two says it still
    member._memory.forget(ids=[first])
    member._act("forget")
    assert member.failed[1:] == [f"{LOST}: {first}: 1 were there to forget"]
    member.kept[first] = text
    member._act("recall")
    assert member.failed[2:] == [f"{READ}: {first}"]
    monkeypatch.setattr(member, "_act", lambda kind: 1 / 0)
    member.work(0.01)
    assert "ZeroDivisionError" in member.failed[-1]


def test_a_crowd_notices_what_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "latency": {},
        "kept": {"a home": "a"},
        "counted": {"home": 2},
        "checks": {},
        "failed": [],
    }
    monkeypatch.setattr(crowds, "_run", lambda *given: [told])
    failed = crowd(FilePlace(tmp_path), workers=1, threads=1, seconds=1)["failed"]
    assert failed == [f"{LOST}: a home", f"{LOST}: a home +", f"{COUNTED}: home: 0 of 2"]


@pytest.mark.parametrize("given", [{"workers": 0}, {"threads": 0}, {"seconds": 0}])
def test_nobody_is_no_crowd(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="a crowd takes"):
        crowd(FilePlace(tmp_path), **given)


def test_a_chat_is_looked_at_from_time_to_time(where: Place) -> None:
    told: list[int] = []
    plan = Plan(seconds=4, rate=0, users=2, every=0.5)
    found = soak(where, plan, lambda what, count: told.append(count))
    samples = found["samples"]
    assert len(samples) == sum(told) >= 6
    assert found["turns"] >= samples[-1]["turns"] > 0
    # What is forgotten makes room for what is said, and the journal keeps its bound.
    assert all(each["memories"] <= 2 * (KEPT + 1) * 2 * TURNS for each in samples)
    assert all(0 < each["journal_rows"] <= 2 * 2 * JOURNAL + 50 for each in samples[1:])
    assert {*found["measures"]} == {*MEASURES}
    if resident_bytes() is not None:
        assert found["measures"]["resident_bytes"]["min"] > 10_000_000
    header, rows = soak_table(found)
    assert len(rows) >= 8 and all(len(row) == len(header) for row in rows)


def sampled(values: list[float]) -> list[dict[str, Any]]:
    return [{"seconds": 10.0 * (at + 1), "handles": value} for at, value in enumerate(values)]


def test_what_grows_is_not_flat() -> None:
    flat = trend(sampled([30] + [7.0] * 20), "handles")
    assert flat is not None and flat["flat"] and flat["max"] == 7  # the first one is of the warm-up
    assert abs(flat["slope_per_hour"]) < 1e-9
    grown = trend(sampled([7.0] * 14 + [8.0] * 7), "handles")
    assert grown is not None and not grown["flat"] and grown["slope_per_hour"] > 0
    assert trend(sampled([7.0]), "handles") is None


def test_a_chat_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="at least four samples"):
        soak(FilePlace(tmp_path), Plan(seconds=4, every=2))
    place = FilePlace(tmp_path)
    Path(place.where).write_bytes(b"no database at all")
    with pytest.raises(NuonuoError, match=r"the process that chats failed: .*not a NuoNuo database"):
        soak(place, Plan(seconds=4, every=0.5))


def test_latencies_of_many_add_up() -> None:
    one, other = Latency(), Latency()
    for _ in range(99):
        one.clock("call", lambda: None)
    with pytest.raises(ZeroDivisionError):
        other.clock("call", lambda: 1 / 0)
    other._counts["call"] = [0] * 300 + [1] + [0] * 119
    one.merge(other.counts)
    told = one.to_json()["call"]
    assert told["calls"] == 100
    assert told["ms_p50"] < 1 < told["ms_max"] == pytest.approx(0.01 * RATIO**300.5, rel=1e-3)
    assert told["ms_p99"] < told["ms_max"]
