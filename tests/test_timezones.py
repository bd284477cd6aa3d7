"""Whose day it is: relative dates, filters and what is shown, in the zone of the one who asks."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory
from nuonuo.encoding.dates import DateFinder, Period
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.filters import Conditions, Fields
from nuonuo.times import is_day, local_of, zone_of
from tests.fakes import SMALL, Opened, WordEmbedder, fresh, indexed, texts

NEW_YORK = "America/New_York"
ZONES = [timezone.utc, timezone(timedelta(hours=-5)), ZoneInfo(NEW_YORK), ZoneInfo("Asia/Kathmandu")]
HOUR = timedelta(hours=1)


def garden(**settings: Any) -> AssociativeMemory:
    """What was planted, told when the clocks of New York showed it: UTC is four hours ahead."""
    memory = fresh(**settings)
    memory.add(
        [
            Memory("I planted beans", timestamp="2026-06-01T21:00-04:00"),  # in UTC the next day
            Memory("I planted leeks", timestamp="2026-06-02T09:00-04:00"),
            Memory("I planted peas", timestamp="2026-05-31T23:30-04:00"),
        ]
    )
    return memory


@pytest.mark.parametrize(
    ("engine", "now"),
    [
        (None, "2026-06-02T20:00-04:00"),
        (None, datetime(2026, 6, 2, 20, tzinfo=ZoneInfo(NEW_YORK))),
        (NEW_YORK, "2026-06-03T00:00Z"),
        (NEW_YORK, "2026-06-02T20:00"),  # what names no offset is told in the engine's zone
        ("-04:00", 1780444800),
        (ZoneInfo(NEW_YORK), datetime(2026, 6, 2, 20)),
    ],
)
def test_yesterday_is_that_of_the_one_who_asks(engine: Any, now: Any) -> None:
    memory = garden(timezone=engine)
    found = memory.recall("What did I plant yesterday?", 3, now=now)
    assert found[0].memory.text == "I planted beans"
    (match,) = [match for match in found[0].evidence.matches if match.source == "timestamp"]
    assert (match.answer, match.similarity) == ("2026-06-01", 1.0)
    told = found[0].memory.when(found.timezone)
    assert told is not None and told.isoformat() == "2026-06-01T21:00:00-04:00"
    assert memory.recall("What did I plant on 31 May 2026?", 1, now=now)[0].memory.text == "I planted peas"


def test_without_a_zone_days_are_those_of_utc() -> None:
    found = garden().recall("What did I plant yesterday?", 1, now="2026-06-02T20:00")
    assert (found[0].memory.text, found.timezone) == ("I planted peas", timezone.utc)


@pytest.mark.parametrize("zone", ["-11:00", NEW_YORK, "UTC", "Asia/Kathmandu", "+14:00"])
@pytest.mark.parametrize("day", ["2026-06-01", date(2026, 6, 1), datetime(2026, 6, 1)])
def test_a_day_stays_that_day_in_every_zone(opened: Opened, tmp_path: Path, zone: str, day: Any) -> None:
    memory, other = opened(timezone=zone), opened(timezone=zone)
    memory.add(["beans", "more beans"], timestamp=day)
    memory.add(Memory("leeks", timestamp="2026-06-02"))  # type: ignore[arg-type]
    memory.add([Memory("peas", timestamp="2026-05-31")], role="user")  # type: ignore[arg-type]
    memory.export(tmp_path / "dump.jsonl")
    other.load_export(tmp_path / "dump.jsonl")
    assert other.list() == memory.list()
    again = opened(timezone=zone)
    again.add(memory.list())
    for each in (memory, other, again):
        stored = each.list()[0]
        assert (stored.timestamp, stored.all_day) == (datetime(2026, 6, 1, tzinfo=timezone.utc), True)
        told = stored.when(zone_of(zone) or timezone.utc)
        assert told is not None and told.replace(tzinfo=None) == datetime(2026, 6, 1)
        found = each.recall("What was yesterday?", 4, now="2026-06-02T12:00")
        whole = {hit.memory.text for hit in found for m in hit.evidence.matches if m.similarity == 1.0}
        assert whole == {"beans", "more beans"}
        assert sorted(texts(each.recall("x", 9, after="2026-06-01", before="2026-06-02"))) == [
            "beans",
            "more beans",
        ]
        assert each.forget(before="2026-06-01") == 1
        assert [left.text for left in each.list()] == ["beans", "more beans", "leeks"]


def test_midnight_with_an_offset_is_an_instant(memory: AssociativeMemory) -> None:
    ids = memory.add("leeks", timestamp="2026-06-02T00:00Z") + memory.add("peas", timestamp="2026-06-02")
    assert [each.all_day for each in memory.list()] == [False, True]
    memory.update(ids[0], timestamp="2026-06-03")
    memory.update(ids[1], timestamp=datetime(2026, 6, 3, tzinfo=timezone.utc))
    assert [each.all_day for each in memory.list()] == [True, False]
    memory.update(ids[0], text="garlic")
    assert memory.list()[0].all_day
    memory.update(ids[0], timestamp=None)
    assert (memory.list()[0].timestamp, memory.list()[0].all_day) == (None, False)


def test_bounds_are_read_in_the_engines_zone(opened: Opened) -> None:
    memory = opened(timezone=NEW_YORK)
    memory.add(["beans"], timestamp="2026-06-01T21:00")  # in New York
    assert memory.list()[0].timestamp == datetime(2026, 6, 2, 1, tzinfo=timezone.utc)
    assert texts(memory.recall("beans", after="2026-06-01", before="2026-06-02")) == ["beans"]
    assert texts(memory.recall("beans", after="2026-06-02T00:00Z", before="2026-06-03T00:00Z")) == ["beans"]
    assert texts(memory.recall("beans", after="2026-06-02")) == []
    assert memory.forget(before="2026-06-01T21:00") == 0
    assert memory.forget(before="2026-06-02") == 1


STAMPS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 15)).map(
    lambda t: t.replace(tzinfo=timezone.utc)
)

NINTH = datetime(2026, 3, 9, 4, tzinfo=timezone.utc)  # midnight in New York, a day after its clocks changed


@settings(deadline=None, max_examples=200)
@example([(NINTH, False)], datetime(2026, 3, 2, tzinfo=timezone.utc), ZoneInfo(NEW_YORK))
@given(st.lists(st.tuples(STAMPS, st.booleans()), min_size=1, max_size=8), STAMPS, st.sampled_from(ZONES))
def test_closeness_counts_the_days_of_the_zone(
    rows: list[tuple[datetime, bool]], now: datetime, zone: tzinfo
) -> None:
    memories, days = list[Memory](), list[date]()
    for stamp, whole in rows:
        kept = stamp.replace(hour=0, minute=0, second=0, microsecond=0) if whole else stamp
        memory = Memory("x", timestamp=kept, all_day=whole)
        memories.append(memory)
        told = memory.when(zone)
        assert told is not None
        days.append(told.date())
    fields = indexed(Fields(), memories)
    here = now.astimezone(zone)
    (period,) = DateFinder("english").find("what was yesterday?", here)
    asked = here.date() - timedelta(1)
    away = [abs((day - asked).days) for day in days]
    near = fields.closeness(period, 1.0).tolist()
    assert near == pytest.approx([2 ** (-d / 2) if d <= 8 else 0 for d in away], abs=1e-6)
    times = 1 + 20 // len(rows)
    crowd = indexed(Fields(), memories * times)  # more than there are days, each of which is worked out once
    assert crowd.closeness(period, 1.0).tolist() == near * times
    alive = np.ones(len(rows), bool)
    mask = fields.mask(alive, Conditions(after=period.since, before=period.until))
    assert mask.tolist() == [day == asked for day in days]


def test_days_of_the_change_of_clocks_are_days() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = [datetime(2026, 3, 28, 22, 30, tzinfo=timezone.utc) + n * HOUR for n in range(26)]
    fields = indexed(Fields(), [Memory("x", timestamp=stamp) for stamp in hours])
    short = Period(0, 0, datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 30, tzinfo=berlin))
    inside = fields.closeness(short, 1.0) == 1
    assert inside.tolist() == [stamp.astimezone(berlin).day == 29 for stamp in hours]
    assert inside.sum() == 23


@pytest.mark.parametrize("language", ["german", "swedish", "hungarian", "french", "english", None])
def test_dots_are_day_month_year(language: str | None) -> None:
    now = datetime(2026, 7, 20, tzinfo=timezone.utc)
    for text, day in (("1.4.2026", 1), ("on 01.04.2026", 1), ("13.4.2026", 13)):
        (period,) = DateFinder(language).find(text, now)
        assert (period.since.date(), period.until - period.since) == (date(2026, 4, day), timedelta(1))


@pytest.mark.parametrize(
    ("language", "month"), [("english", 1), (None, 1), ("german", 4), ("spanish", 4), ("swedish", 4)]
)
def test_slashes_are_read_as_the_language_has_them(language: str | None, month: int) -> None:
    now = datetime(2026, 7, 20, tzinfo=timezone.utc)
    (period,) = DateFinder(language).find("1/4/2026", now)
    assert period.since.date() == (date(2026, 1, 4) if month == 1 else date(2026, 4, 1))


@pytest.mark.parametrize(
    ("zone", "error"),
    [
        ("Atlantis/Port", InvalidInputError),
        ("+25:00", InvalidInputError),
        ("", InvalidInputError),
        (5, InvalidTypeError),
    ],
)
def test_a_zone_that_is_none(tmp_path: Path, zone: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="timezone"):
        AssociativeMemory.open(tmp_path / "m.db", embedder=WordEmbedder(), config=SMALL, timezone=zone)
    with pytest.raises(error, match="timezone"):
        fresh(timezone=zone)


def test_what_is_a_day() -> None:
    assert all(is_day(each) for each in ("2026-06-01", date(2026, 6, 1), datetime(2026, 6, 1)))
    others: list[Any] = [
        "2026-06-01T00:00",
        "soon",
        "",
        0,
        None,
        datetime(2026, 6, 1, 1),
        "2026-06-01T00:00Z",
    ]
    assert not any(is_day(each) for each in (*others, datetime(2026, 6, 1, tzinfo=timezone.utc)))
    assert local_of("2026-06-01", "x", ZoneInfo(NEW_YORK)) == datetime(2026, 6, 1, 4, tzinfo=timezone.utc)
