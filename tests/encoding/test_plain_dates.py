"""What is read without dateparser is read as dateparser reads it."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest

from nuonuo.encoding.dates import _CODES, DateFinder
from nuonuo.encoding.plain_dates import plain, vocabulary

NOWS = [
    datetime(2024, 5, 1, tzinfo=timezone.utc),
    datetime(2024, 2, 29, 23, 59, tzinfo=ZoneInfo("Asia/Tokyo")),
    datetime(2023, 12, 31, 12, tzinfo=timezone(timedelta(hours=-8))),
    datetime(2025, 1, 1, 0, 0, 1, tzinfo=ZoneInfo("Europe/Berlin")),
]
SHAPES = [
    "{m}", "{m} 2023", "{m}, 1999", "{m} of 2031", "{s}. 2021", "{s} 2021",
    "8 {m}", "1st of {m}", "31 {m}", "28th {s}.", "9 {m} 2023", "22nd of {m}, 2022", "29 {m} 2023",
    "30 {s} of 2024", "{m} 8", "{m} the 1st", "{s}. 3rd", "{s} 31", "{m} 29", "{m} 12, 2023", "{s} 30th 2024",
    "{m} 2nd, of 2020",
]  # fmt: skip
NUMBERS = ["2023", "1950", "2040", "2023-05-08", "2023-5-8", "2024-02", "2023-12", "2023-02-30", "2023-13"]
MONTHS = "January february MARCH April may June July August September October November December".split()


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_it_reads_what_dateparser_reads(now: datetime) -> None:
    finder = DateFinder("english")
    asked = [shape.format(m=month, s=month[:3]) for shape in SHAPES for month in MONTHS] + NUMBERS
    read = {words: plain(words, now) for words in asked}
    assert sum(found is not None for found in read.values()) > 200
    for words, found in read.items():
        assert found is None or found == finder._parsed(words, now), words


@pytest.mark.parametrize(
    "words", ["yesterday", "two weeks ago", "8.5.2023", "maybe", "31 April", "29 February"]
)
def test_it_leaves_the_rest_alone(words: str) -> None:
    assert plain(words, NOWS[0]) is None


@pytest.mark.parametrize("code", sorted({*_CODES.values()}))
def test_the_vocabulary_is_that_of_the_library(code: str) -> None:
    assert vocabulary(code) == import_module(f"dateparser.data.date_translation_data.{code}").info


def test_a_month_and_a_year_are_found_without_the_library() -> None:
    script = """
import sys
from datetime import datetime, timezone
from nuonuo.encoding.dates import DateFinder
found = DateFinder("english").find("What did we do in May 2023?", datetime(2024, 1, 1, tzinfo=timezone.utc))
print(found[0].since.isoformat(), "dateparser" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["2023-05-01T00:00:00+00:00", "False"]
