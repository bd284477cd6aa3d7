"""Dates in a question: the stretches of time that it speaks of, which a memory's timestamp may lie in.

What a turn says seldom repeats when it was said: "on 8 May", "last Friday" and "two months ago" are
answered by its timestamp, not by its words. Expressions are found by the vocabulary of the language and
read by dateparser; a stretch is as long as its unit (a day, a month, a year).
"""

from __future__ import annotations

import re
import threading
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib import import_module
from typing import Any

# Snowball's names of languages, as dateparser calls them.
_CODES = {
    "arabic": "ar",
    "armenian": "hy",
    "basque": "eu",
    "catalan": "ca",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hindi": "hi",
    "hungarian": "hu",
    "indonesian": "id",
    "irish": "ga",
    "italian": "it",
    "lithuanian": "lt",
    "nepali": "ne",
    "norwegian": "nb",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "serbian": "sr",
    "spanish": "es",
    "swedish": "sv",
    "tamil": "ta",
    "turkish": "tr",
    "yiddish": "yi",
}
_MONTHS = "january february march april may june july august september october november december".split()
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_UNITS = "day week fortnight month year decade".split()
_SHORTEST = 3  # letters of a name: "we" and "mo" are days to the vocabulary, and words to everyone else
_TOKEN = re.compile(r"\d+(?:[./-]\d+)+|\d+|[^\W\d_]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMERIC = re.compile(r"(?:19|20)\d\d[./-]\d{1,2}(?:[./-]\d{1,2})?|\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d")
_MOMENT = re.compile("second|minute|hour")  # "now" and "this hour" name no day
_HALF = {"week": 3.5, "month": 15.0, "year": 183.0}  # days on either side of "two weeks ago"


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that ``text[start:end]`` speaks of.

    Attributes:
        since, until: the stretch, in [since, until), aware.
        yearly: no year was named: it is meant in any year.
    """

    start: int
    end: int
    since: datetime
    until: datetime
    yearly: bool = False


class DateFinder:
    """Finds expressions of time in text of one language; safe to use from many threads.

    Args:
        language: a Snowball stemmer's name; numeric dates and years are found in any.
    """

    def __init__(self, language: str | None) -> None:
        self._code = _CODES.get(language or "", "en")
        self._lock = threading.Lock()

    def find(self, text: str, now: datetime) -> tuple[Period, ...]:
        """The periods that ``text`` speaks of, in order; relative ones count from ``now`` (aware)."""
        return tuple(
            period for tokens in self._runs(text) if (period := self._read(text, tokens, now)) is not None
        )

    def _runs(self, text: str) -> Iterator[list[re.Match[str]]]:
        """Stretches of neighbouring words that may name a date, at least one of them beyond doubt."""
        run: list[re.Match[str]] = []
        for token in _TOKEN.finditer(text):
            apart = run and text[run[-1].end() : token.start()].strip(" ,.\u00a0")
            if run and (apart or not self._fits(token.group())):
                yield from self._trimmed(text, run)
                run = []
            if self._fits(token.group()):
                run.append(token)
        yield from self._trimmed(text, run)

    def _fits(self, word: str) -> bool:
        return word[0].isdigit() or word.casefold() in self._vocabulary

    def _trimmed(self, text: str, run: list[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
        """The run without words at its ends that join others only, if it names a date at all."""
        while run and run[0].group().casefold() in self._joining:
            run = run[1:]
        while run and run[-1].group().casefold() in self._joining | self._numbers:
            run = run[:-1]
        if self._names_a_date(text, run):
            yield run

    def _names_a_date(self, text: str, run: list[re.Match[str]]) -> bool:
        words = [token.group() for token in run]
        if any(_YEAR.fullmatch(word) or _NUMERIC.fullmatch(word) for word in words):
            return True
        folded = [word.casefold() for word in words]
        if len(run) == 1 and folded[0] in self._names:
            return self._is_a_month(text, run[0])
        if any(word in self._names for word in folded) or " ".join(folded) in self._relative:
            return True
        return any(word in self._ago for word in folded) and any(word in self._units for word in folded)

    def _is_a_month(self, text: str, token: re.Match[str]) -> bool:
        """Whether a name by itself is a date: "on Sundays" is a habit, and "may" a verb unless a name."""
        word = token.group()
        if word.casefold() not in self._months or word.casefold() in self._abbreviations:
            return False
        return len(word) > _SHORTEST or (word[0].isupper() and bool(text[: token.start()].strip()))

    def _read(self, text: str, run: list[re.Match[str]], now: datetime) -> Period | None:
        while run:
            start, end = run[0].start(), run[-1].end()
            words = [token.group().casefold() for token in run]
            with self._lock:
                found = self._parser(now).get_date_data(text[start:end])
            if found.date_obj is not None:
                return self._period(start, end, words, found.date_obj, found.period, now)
            run = run[1:]  # "before 3 August": what does not belong stands in front
            if not self._names_a_date(text, run):
                return None
        return None

    def _period(
        self, start: int, end: int, words: list[str], moment: datetime, unit: str, now: datetime
    ) -> Period:
        moment = moment.replace(tzinfo=now.tzinfo)
        dated = any(_YEAR.fullmatch(word) or _NUMERIC.fullmatch(word) for word in words)
        if dated or any(word in self._months for word in words):
            return Period(start, end, *_calendar(unit, moment), yearly=not dated)
        if " ".join(words) in self._relative or unit not in _HALF:
            return Period(start, end, *_calendar(unit, moment))  # "last month" is a month of the calendar
        half = timedelta(_HALF[unit])
        return Period(start, end, moment - half, moment + half)

    # -- the vocabulary of the language ----------------------------------------------------------------

    @cached_property
    def _info(self) -> dict[str, Any]:
        module = import_module(f"dateparser.data.date_translation_data.{self._code}")
        return dict(module.info)

    def _words(self, *keys: str) -> frozenset[str]:
        """The single words that the vocabulary has for ``keys``, folded."""
        return frozenset(word.casefold() for key in keys for word in self._info.get(key, ()))

    @cached_property
    def _months(self) -> frozenset[str]:
        return frozenset(word for word in self._words(*_MONTHS) if len(word) >= _SHORTEST)

    @cached_property
    def _abbreviations(self) -> frozenset[str]:
        full = {max(self._info[key], key=len).casefold() for key in (*_MONTHS, *_WEEKDAYS)}
        return self._names - full

    @cached_property
    def _names(self) -> frozenset[str]:
        return self._months | {word for word in self._words(*_WEEKDAYS) if len(word) >= _SHORTEST}

    @cached_property
    def _units(self) -> frozenset[str]:
        return frozenset(word for word in self._words(*_UNITS) if len(word) >= _SHORTEST)

    @cached_property
    def _ago(self) -> frozenset[str]:
        return self._words("ago") - {"before"}

    @cached_property
    def _relative(self) -> frozenset[str]:
        """Phrases such as "yesterday" and "last week"."""
        kinds = self._info.get("relative-type", {}).items()
        days = (found for kind, found in kinds if not _MOMENT.search(kind))
        return frozenset(phrase.casefold() for found in days for phrase in found)

    @cached_property
    def _joining(self) -> frozenset[str]:
        """What holds the parts of a date together, such as "of" and the "th" of "8th"."""
        return self._words("pertain") | self._ordinals

    @cached_property
    def _ordinals(self) -> frozenset[str]:
        return frozenset({"st", "nd", "rd", "th"}) & self._words("skip")

    @cached_property
    def _numbers(self) -> frozenset[str]:
        pairs = [pair for entry in self._info.get("simplifications", ()) for pair in entry.items()]
        return frozenset(word.casefold() for word, value in pairs if word.isalpha() and value.isdigit())

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        phrases = (word for phrase in self._relative for word in phrase.split())
        return self._names | self._units | self._ago | self._numbers | self._joining | frozenset(phrases)

    def _parser(self, now: datetime) -> Any:
        from dateparser.date import DateDataParser

        settings = {
            "RELATIVE_BASE": now.replace(tzinfo=None),
            "PREFER_DATES_FROM": "past",
            "PREFER_DAY_OF_MONTH": "first",
            "PREFER_MONTH_OF_YEAR": "first",
        }
        return DateDataParser(languages=[self._code], settings=settings)


def _calendar(unit: str, moment: datetime) -> tuple[datetime, datetime]:
    """The day, week, month or year of the calendar that ``moment`` lies in."""
    since = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "year":
        since = since.replace(month=1, day=1)
        return since, since.replace(year=since.year + 1)
    if unit == "month":
        since = since.replace(day=1)
        return since, since + timedelta(monthrange(since.year, since.month)[1])
    if unit == "week":
        since -= timedelta(since.weekday())
        return since, since + timedelta(7)
    return since, since + timedelta(1)
