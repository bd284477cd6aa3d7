"""Dates in questions: which expressions are found, what they stand for, and what they do to recall."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Memory, MemoryConfig, VectorEmbedder
from nuonuo.encoding.dates import MOST, DateFinder, Period
from nuonuo.index.filters import Fields
from tests.fakes import WordEmbedder, indexed

NOW = datetime(2023, 7, 20, 12, tzinfo=timezone.utc)  # a Thursday


def found(text: str, language: str | None = "english") -> list[tuple[str, str, str, bool]]:
    return [
        (text[p.start : p.end], f"{p.since:%Y-%m-%d}", f"{p.until:%Y-%m-%d}", p.yearly)
        for p in DateFinder(language).find(text, NOW)
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("What did she show on October 13, 2022?", ("October 13, 2022", "2022-10-13", "2022-10-14", False)),
        ("as mentioned on 3 June, 2023", ("3 June, 2023", "2023-06-03", "2023-06-04", False)),
        ("on 8th December, 2022", ("8th December, 2022", "2022-12-08", "2022-12-09", False)),
        ("the week before August 3, 2022", ("August 3, 2022", "2022-08-03", "2022-08-04", False)),
        ("in the first half of September 2022", ("September 2022", "2022-09-01", "2022-10-01", False)),
        ("How often in 2021?", ("2021", "2021-01-01", "2022-01-01", False)),
        ("on 2023-05-06", ("2023-05-06", "2023-05-06", "2023-05-07", False)),
        ("camping in July", ("July", "2023-07-01", "2023-08-01", True)),
        ("and what was it in May?", ("May", "2023-05-01", "2023-06-01", True)),
        ("what did I buy yesterday?", ("yesterday", "2023-07-19", "2023-07-20", False)),
        ("what happened last Saturday?", ("last Saturday", "2023-07-15", "2023-07-16", False)),
        ("and last week?", ("last week", "2023-07-10", "2023-07-17", False)),
        ("and last month?", ("last month", "2023-06-01", "2023-07-01", False)),
        ("What did we eat on 8 May 2022 14:30?", ("8 May 2022", "2022-05-08", "2022-05-09", False)),
        ("in 2022, 3 friends came", ("2022", "2022-01-01", "2023-01-01", False)),
        ("In May, 20 people came", ("May", "2023-05-01", "2023-06-01", True)),
        ("What was it last March?", ("March", "2023-03-01", "2023-04-01", False)),
        ("we met 10 days ago", ("10 days ago", "2023-07-10", "2023-07-11", False)),
    ],
)
def test_an_expression_is_found_with_the_stretch_it_stands_for(
    text: str, wanted: tuple[str, str, str, bool]
) -> None:
    assert found(text) == [wanted]


def test_weeks_and_months_ago_leave_room_on_both_sides() -> None:
    (weeks,) = DateFinder("english").find("three weeks ago", NOW)
    assert weeks.since < datetime(2023, 6, 29, 12, tzinfo=timezone.utc) < weeks.until
    assert (weeks.until - weeks.since).days == 7
    (months,) = DateFinder("english").find("two months ago", NOW)
    assert (months.until - months.since).days == 30


def test_two_dates_are_two_periods() -> None:
    text = "What was on 3 May 2022, on August 15, and in 2020 and 2021?"
    assert [each[0] for each in found(text)] == ["3 May 2022", "August 15", "2020", "2021"]


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("between August 11 and August 15 2022", "2022-08-11", "2022-08-16"),
        ("between 2019 and 2021", "2019-01-01", "2022-01-01"),
        ("December 2021 - March 2022", "2021-12-01", "2022-04-01"),
        ("in the last two weeks", "2023-07-06", "2023-07-20"),
        ("over the past month", "2023-06-20", "2023-07-20"),
    ],
)
def test_from_one_date_to_another_is_one_period(text: str, since: str, until: str) -> None:
    ((_, *rest),) = found(text)
    assert rest == [since, until, False]


def test_a_question_of_nothing_but_numbers_takes_no_time_to_speak_of() -> None:
    for text in ("1 " * 20_000 + "2019", "may " * 20_000, "one " * 20_000 + "days ago"):
        assert len(found(text)) <= 1
    assert len(found("in 2020 or " * 20_000)) == MOST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "May I ask what you did?",
        "what may happen",
        "She sat in the sun with 3 cats.",
        "I go there on Sundays and every Monday.",
        "What is she doing now?",
        "2 hours ago it was 14:30",
        "Take 5 of the 7 eggs.",
        "Hi Bob! May I ask what June said to April?",
        "may 3 people share it, or march 10 times?",
        "version 1.2.24 of 8/5/22, in room 2024 for 2000 dollars at 1920x1080",
        "on December 31, 9999",
        "What was on 31 June 2022?",
        "What was my last name before I changed it?",
        "How many days had passed since then?",
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("german", "Was war am 3. Juni 2022?", ("3. Juni 2022", "2022-06-03", "2022-06-04", False)),
        ("german", "und gestern?", ("gestern", "2023-07-19", "2023-07-20", False)),
        ("spanish", "¿Qué pasó en marzo de 2022?", ("marzo de 2022", "2022-03-01", "2022-04-01", False)),
        ("french", "Que faisait-elle en juin 2022 ?", ("juin 2022", "2022-06-01", "2022-07-01", False)),
        ("german", "vor zwei Wochen", ("vor zwei Wochen", "2023-07-03", "2023-07-10", False)),
        ("spanish", "hace 2 semanas", ("hace 2 semanas", "2023-07-03", "2023-07-10", False)),
        (None, "on 2022-05-06", ("2022-05-06", "2022-05-06", "2022-05-07", False)),
    ],
)
def test_other_languages(language: str | None, text: str, wanted: tuple[str, str, str, bool]) -> None:
    assert found(text, language) == [wanted]


def test_closeness_is_one_inside_and_halves_with_the_length_of_the_period() -> None:
    stamps = ["2023-05-31", "2023-06-01", "2023-06-30T23:00", "2023-07-31", "2024-06-10", None]
    moments = [
        None if stamp is None else datetime.fromisoformat(stamp).replace(tzinfo=timezone.utc)
        for stamp in stamps
    ]
    fields = indexed(Fields(), [Memory("x", timestamp=moment) for moment in moments])
    june = Period(0, 0, datetime(2023, 6, 1, tzinfo=timezone.utc), datetime(2023, 7, 1, tzinfo=timezone.utc))
    near = fields.closeness(june, fade=1.0)
    assert near.tolist() == pytest.approx([2 ** (-1 / 31), 1, 1, 0.5, 0, 0], abs=1e-6)
    each_june = Period(0, 0, june.since, june.until, yearly=True)
    assert fields.closeness(each_june, fade=1.0).tolist()[4] == 1


@pytest.mark.parametrize("text", ["Wie heißen die 3 Katzen?", "Guten Morgen!", "mit 3 Freunden"])
def test_german_articles_are_no_tuesdays(text: str) -> None:
    assert found(text, "german") == []


def test_the_end_of_the_calendar_is_no_error() -> None:
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        memory.add(Memory("for ever and ever", timestamp="9999-12-31"))
        memory.add(Memory("for long", timestamp="0001-01-01"))
        for query in ("hello in December?", "hello this year", "hello on 31 December", "hello yesterday"):
            for now in ("9999-12-31", "0001-01-01", None):
                assert len(memory.recall(query, now=now)) == 2


def test_the_next_day_is_not_the_day_that_was_asked_for() -> None:
    with AssociativeMemory(embedder=WordEmbedder()) as memory:
        for day in ("2022-05-09", "2022-05-11", "2022-05-10", "2022-05-12"):
            memory.add(Memory("Ann read a book.", timestamp=day))
        best = memory.recall("What did Ann read on 10 May 2022?", 1)[0]
        assert best.memory.timestamp is not None and best.memory.timestamp.day == 10


def test_without_token_vectors_a_date_counts_too() -> None:
    vectors = VectorEmbedder(lambda texts: np.ones((len(texts), 4)), name="same", dimension=4)
    with AssociativeMemory(embedder=vectors) as memory:
        for day in range(1, 29):
            memory.add(Memory("nothing new", timestamp=f"2022-05-{day:02}"))
        best = memory.recall("And on 10 May 2022?", 1)[0]
        assert best.memory.timestamp is not None and best.memory.timestamp.day == 10
        assert {match.source for match in best.evidence.matches} == {"timestamp"}


def diary(**config: object) -> AssociativeMemory:
    memory = AssociativeMemory(embedder=WordEmbedder(), config=MemoryConfig(**config))  # type: ignore[arg-type]
    for month in range(1, 13):
        memory.add(
            Memory(f"Ann: I finished a book again, number {month}.", timestamp=f"2022-{month:02}-10"),
            session_id=f"s{month}",
        )
    return memory


def test_a_memory_of_the_day_that_was_named_comes_first() -> None:
    with diary() as memory:
        hit = memory.recall("Which book did Ann finish on 10 May 2022?", 3)[0]
        assert hit.memory.text.endswith("number 5.")
        (match,) = [m for m in hit.evidence.matches if m.word == "May"]
        assert (match.source, match.answer, match.similarity) == ("timestamp", "2022-05-10", 1.0)
        assert memory.recall("Which book did Ann finish in October?", 1)[0].memory.text.endswith("10.")


def test_relative_dates_count_from_now() -> None:
    with diary() as memory:
        for now, number in (("2022-04-01", "3"), ("2022-09-05", "8")):
            hit = memory.recall("Which book did Ann finish last month?", 1, now=now)[0]
            assert hit.memory.text.endswith(f"number {number}.")


def test_without_date_cues_a_date_is_no_more_than_words() -> None:
    with diary(date_cues=False) as memory:
        hits = memory.recall("Which book did Ann finish on 10 May 2022?", 12)
        assert not [m for hit in hits for m in hit.evidence.matches if m.source == "timestamp"]


def test_a_date_on_which_nothing_was_stored_changes_nothing() -> None:
    with diary() as memory, diary(date_cues=False) as other:
        query = "Which book did Ann finish on 3 March 1999?"
        assert [h.memory.text for h in memory.recall(query)] == [h.memory.text for h in other.recall(query)]
