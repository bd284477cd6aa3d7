"""How what is recalled is shown: who said it, when in whose days, how often, and by what association."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from nuonuo import Evidence, Hit, Link, Memory, Recall, Telling
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._prompt import NOTE, fit, render, zone_for, zone_of
from tests.fakes import fresh
from tests.integrations.prompts import WHEN, linked, parsed, recall_of, unmarked

CHAIN = (Link("a", "b", "content", 0.5, ("rex", "park")),)
RECALL = Recall(
    "What scares my dog?",
    (
        Hit(Memory("I adopted Rex.\nHe is a beagle.", "user", WHEN, id="a"), 1.0, Evidence({})),
        Hit(Memory("Rex fears thunder.", role="assistant", id="b"), 0.9, Evidence({}, path=CHAIN)),
        Hit(Memory("It rained.", id="c"), 0.8, Evidence({}, path=(Link("b", "c", "temporal", 1.0),))),
        Hit(Memory("Ana paints.", id="d"), 0.7, Evidence({}, path=(Link("x", "d", "explicit", 1.0),))),
        Hit(Memory("Boats.", id="e"), 0.6, Evidence({}, path=(Link("d", "e", "explicit", 1.0),))),
    ),
    0.934,
)
SHOWN = f"""\
<recalled_memories confidence="0.93">
{NOTE}
[recalled 1 | user | 2026-03-04] I adopted Rex.
    | He is a beagle.
[recalled 2 | assistant | shares "rex" with 1] Rex fears thunder.
[recalled 3 | note | said next to 2] It rained.
[recalled 4 | note] Ana paints.
[recalled 5 | note | associated with 4] Boats.
</recalled_memories>"""


def test_each_memory_is_shown_with_who_when_and_by_what_chain() -> None:
    assert unmarked(render(RECALL)) == SHOWN
    assert render(RECALL) == render(RECALL)  # a prompt that is built twice can be cached


def test_of_a_way_of_two_steps_each_hit_tells_its_own() -> None:
    one = Link("a", "b", "name", 1.0, ("Tamsin Okafor",))
    two = Link("b", "c", "name", 1.0, ("Pia Holm",))
    labels = [label for label, _ in parsed(render(linked((), (one,), (one, two))))]
    told = ['has the name "Tamsin Okafor" from 1', 'has the name "Pia Holm" from 2']
    assert labels == ["note", *(f"note | {each}" for each in told)]


def test_nothing_recalled_is_nothing_shown() -> None:
    assert render(Recall("what?", (), 0.0)) == ""
    assert fit(Recall("what?", (), 0.0), 100) == ""


# -- associations -------------------------------------------------------------------------------------


def shares(source: str, target: str, *words: str) -> Link:
    return Link(source, target, "content", 0.5, words)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("Rex", "park"), ["Rex"]),  # the rarest comes first
        (("The", "at", "Rex"), ["Rex"]),
        (("The", "at"), []),
        (("'s", "I", "don't"), []),
        (("und", "Der", "nicht"), []),
        (("les", "Avec"), []),
        (("4471", "the"), ["4471"]),
        (("Straße", "die"), ["Straße"]),
        (("咖啡",), ["咖啡"]),
        ((), []),
    ],
)
def test_the_rarest_word_is_named_and_no_function_word(words: tuple[str, ...], shown: list[str]) -> None:
    (_, (label, _)) = parsed(render(linked((), (shares("a", "b", *words),))))
    assert label == " | ".join(["note", *(f'shares "{word}" with 1' for word in shown)])


@pytest.mark.parametrize("kind", ["content", "temporal", "explicit"])
def test_a_pair_is_told_of_once(kind: str) -> None:
    def link(source: str, target: str) -> Link:
        return Link(source, target, kind, 0.5, ("Rex",))  # type: ignore[arg-type]

    both = parsed(render(linked((link("b", "a"),), (link("a", "b"),), (link("b", "c"),))))
    assert [label.count("with") + label.count("next") for label, _ in both] == [0, 1, 1]
    (only, _) = parsed(render(linked((link("b", "a"),), ())))
    assert only[0].endswith(" 2")  # told where it is known


def test_two_kinds_between_one_pair_are_two_things() -> None:
    recall = linked((shares("b", "a", "Rex"),), (Link("a", "b", "temporal", 1.0),))
    assert [label for label, _ in parsed(render(recall))] == [
        'note | shares "Rex" with 2',
        "note | said next to 1",
    ]


# -- how often ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ((), ""),
        ((WHEN,), ""),
        ((WHEN, WHEN + timedelta(days=58), WHEN), " | said 3 times, last 2026-05-01"),
        ((WHEN, None), " | said 2 times, last 2026-03-04"),
        ((None, None), " | said 2 times"),
    ],
)
def test_what_was_said_often_is_told_with_when_last(times: tuple[datetime | None, ...], shown: str) -> None:
    told = tuple(Telling(str(at), time) for at, time in enumerate(times))
    hit = Hit(Memory("Hello.", "user", WHEN), 1.0, Evidence({}), told)
    ((label, _),) = parsed(render(Recall("hi", (hit,), 0.5)))
    assert label == f"user | 2026-03-04{shown}"


# -- in whose days ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "date"),
    [
        (None, "2026-03-04"),
        ("UTC", "2026-03-04"),
        ("Asia/Tokyo", "2026-03-05"),
        ("America/Lima", "2026-03-04"),
        ("+05:30", "2026-03-05"),
        ("UTC-19:00", "2026-03-03"),
        (ZoneInfo("Pacific/Kiritimati"), "2026-03-05"),
        (timezone(timedelta(hours=5, minutes=29)), "2026-03-04"),
    ],
)
def test_dates_are_those_of_the_zone(zone: tzinfo | str | None, date: str) -> None:
    recall = recall_of("Rex.", role="user", timestamp=WHEN)
    assert f"| {date} |" in render(recall, timezone=zone)
    assert f"| {date} |" in fit(recall, 1000, timezone=zone)
    assert zone_of(str(zone_of(zone))).utcoffset(WHEN) == zone_of(zone).utcoffset(WHEN)  # can be written down


def test_the_ends_of_the_calendar_have_a_date_too() -> None:
    first = datetime(1, 1, 1, tzinfo=timezone.utc)
    assert "| 0001-01-01 |" in render(recall_of("Rex.", timestamp=first), timezone="-10:00")


def test_a_recall_may_bring_its_zone_and_a_day_is_that_day_everywhere() -> None:
    memories = Memory("Rex.", timestamp=WHEN), Memory("Ana.", timestamp=WHEN, all_day=True)
    hits = tuple(Hit(memory, 1.0, Evidence({})) for memory in memories)
    recall = Recall("what?", hits, 0.5, ZoneInfo("Asia/Tokyo"))
    for text in (render(recall), fit(recall, 1000)):
        assert [label for label, _ in parsed(text)] == ["note | 2026-03-05", "note | 2026-03-04"]
    assert "| 2026-03-05 |" not in render(recall, timezone="UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+99:00", "../etc/passwd"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInputError, match="timezone"):
        zone_of(zone)
    with pytest.raises(InvalidTypeError, match="timezone"):
        zone_of(3)


def test_an_adapter_has_its_own_zone_else_its_engines() -> None:
    class Engine:
        timezone = "Asia/Tokyo"

    assert zone_for(Engine(), None) == ZoneInfo("Asia/Tokyo")
    assert zone_for(Engine(), "America/Lima") == ZoneInfo("America/Lima")
    assert zone_for(fresh(), None) is not None
