"""Dates in a question: the stretches of time that it speaks of, which a memory's timestamp may lie in.

What a turn says seldom repeats when it was said: "on 8 May", "last Friday" and "two months ago" are
answered by its timestamp, not by its words. What is a date is decided here, by shapes over the
vocabulary of the language, strictly: a number, a weekday or a first name is none. dateparser has that
vocabulary, and reads what was found. A stretch is as long as its unit (a day, a month, a year).
"""

from __future__ import annotations

import re
import threading
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from nuonuo.encoding.plain_dates import plain, vocabulary

MOST = 8  # periods of one question
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
_UNITS = "day week month year".split()
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"
_CLOCK = r"(?![\d:]|\s*[ap]\.?m\b)"
# A first name, a verb and a page number may look like a month or a year: in English one by itself is
# a date only after one of these. Elsewhere months are no names.
_BEFORE_MONTH = "in|since|until|till|during|of|from|late|early|mid|last|this|before|after|between|and"
_BEFORE_YEAR = "in|since|until|till|during|by|of|from|late|early|mid|before|after|between|year"
_VERBS = frozenset({"may", "march", "mar"})  # English words that are months only if written as names
_NUMBERS = re.compile(rf"^\d{{1,2}}[./]\d{{1,2}}[./]{_YEAR}$")
_ALIKE = {"couple of": "2", "few": "3"}


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
        language: a Snowball stemmer's name; English months where None or unknown to dateparser.
    """

    def __init__(self, language: str | None) -> None:
        self._code = _CODES.get(language or "", "en")
        self._lock = threading.Lock()

    def find(self, text: str, now: datetime) -> tuple[Period, ...]:
        """The periods that ``text`` speaks of, in order; relative ones count from ``now`` (aware).

        At most the first `MOST`; the time it takes is proportional to the text.
        """
        found: list[Period] = []
        for period in islice(self._periods(text, now), MOST):
            if found and self._is_range(text, found[-1], period):
                found[-1] = _joined(found[-1], period)
            else:
                found.append(period)
        return tuple(found)

    def _periods(self, text: str, now: datetime) -> Iterator[Period]:
        if not self._hint.search(text):
            return
        for match in self._expression.finditer(text):
            kind = str(match.lastgroup)
            start, end = match.span(kind)
            words = text[start:end]
            if kind == "dated" and self._is_doubtful(words):
                continue
            try:
                if kind == "lately":
                    yield self._lately(start, end, words.casefold(), now)
                elif (read := self._read(words, now)) is not None:
                    yield self._period(match, *read)
            except (OverflowError, ValueError):
                continue  # beyond the calendar

    def _period(self, match: re.Match[str], moment: datetime, unit: str) -> Period:
        """What ``match`` stands for, read as ``moment``."""
        kind = str(match.lastgroup)
        start, end = match.span(kind)
        if kind == "ago" and unit != "day":  # "two weeks ago" leaves room on both sides
            half = timedelta(_DAYS.get(unit, 1) / 2)
            return Period(start, end, moment - half, moment + half)
        if kind in ("dated", "month"):
            named = re.search(_YEAR, match.group(kind)) is not None
            last = match.group().casefold().startswith(("last", "this"))
            return Period(start, end, *_calendar(unit, moment), yearly=not (named or last))
        return Period(start, end, *_calendar(unit, moment))

    def _lately(self, start: int, end: int, words: str, now: datetime) -> Period:
        """The "last three weeks" end now."""
        match = self._count.search(words)
        if match is None:
            raise ValueError(words)
        number = self._numbers.get(match[1] or "1", match[1] or "1")
        unit = next(unit for unit in _UNITS if match[2] in self._unit_words(unit))
        return Period(start, end, now - timedelta(int(number) * _DAYS[unit]), now)

    def _read(self, words: str, now: datetime) -> tuple[datetime, str] | None:
        """The moment that ``words`` mean, and of what unit it is."""
        found = plain(words, now) if self._code == "en" else None
        return found or self._parsed(words, now)

    def _parsed(self, words: str, now: datetime) -> tuple[datetime, str] | None:
        """`_read`, by dateparser."""
        from dateparser.date import DateDataParser

        settings = {
            "RELATIVE_BASE": now.replace(tzinfo=None),
            "PREFER_DATES_FROM": "past",
            "PREFER_DAY_OF_MONTH": "first",
            "PREFER_MONTH_OF_YEAR": "first",
        }
        for alike, number in _ALIKE.items():
            words = re.sub(rf"\b{alike}\b", number, words, flags=re.IGNORECASE)
        for order in self._orders(words):
            with self._lock:
                parser = DateDataParser(languages=[self._code], settings={**settings, **order})
                found = parser.get_date_data(words)
            if found.date_obj is not None:
                return found.date_obj.replace(tzinfo=now.tzinfo), str(found.period)
        return None

    def _orders(self, words: str) -> Sequence[Mapping[str, str]]:
        """What stands first in a date of numbers that ends in the year: the day, but for American slashes.

        Where a language writes the year first, nothing is said of one that ends in it; dots are European.
        """
        if not _NUMBERS.search(words) or ("." not in words and self._info.get("date_order") != "YMD"):
            return ({},)
        return ({"DATE_ORDER": "DMY"}, {})

    def _is_doubtful(self, words: str) -> bool:
        """Whether a day without a year may be none: "may 3 people", Spanish "mar 2" (Tuesday)."""
        if re.search(_YEAR, words):
            return False
        names = re.findall(r"[^\W\d_]+", words)
        if self._code == "en":
            return any(name in _VERBS for name in names)
        return not any(name.casefold() in self._full_months for name in names)

    def _is_range(self, text: str, first: Period, second: Period) -> bool:
        before = re.search(r"(\w+)\s*$", text[max(first.start - 20, 0) : first.start])
        between = text[first.end : second.start].strip().casefold()
        opened = before is not None and before[1].casefold() in ("between", "from")
        return first.since < second.until and (
            between in ("-", "\u2013") or (opened and between in ("and", "to"))
        )

    # -- what a date looks like -------------------------------------------------------------------

    @cached_property
    def _hint(self) -> re.Pattern[str]:
        """What every date has one of: a quick no for most questions."""
        names = _any([*self._months, *self._relative, *self._ago])
        lately = rf"|\b{self._recent}\b" if self._code == "en" else ""
        return re.compile(rf"{_YEAR}|\b(?:{names})\b{lately}", re.IGNORECASE)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        month, full = _any(self._months), _any(self._full_months)
        of = f"(?:(?:{_any(self._words('pertain') | {'of'})})\\s+)?"
        year = rf"(?:,?\s+{of}{_YEAR}\b)?"
        dated = (
            rf"(?<![\d./-]){_YEAR}[-/.](?:0?[1-9]|1[0-2])(?:[-/.]{_DAY})?(?![\d./-]*\d)",
            rf"(?<![\w./-])\d{{1,2}}[./]\d{{1,2}}[./]{_YEAR}(?![\w/])",
            rf"(?<![\w.,:]){_DAY}(?:st|nd|rd|th|er|\u00ba|\.)?\s+{of}(?:{month})\b\.?{year}",
            rf"\b(?:{month})\.?\s+(?:the\s+)?{_DAY}(?:st|nd|rd|th)?\b{_CLOCK}(?!,?\s*\d{{5,}}|,\s*[3-9]\d{{3}}){year}",
            rf"\b(?:{month})\.?,?\s+{of}{_YEAR}\b",
        )
        counted = self._counted
        ago = _any(self._ago)
        kinds = {
            "dated": "|".join(dated),
            "relative": rf"\b(?:{_any(self._relative)})\b",
            "ago": rf"(?<!half )\b{counted}\s+(?:{ago})\b|\b(?:{ago})\s+{counted}\b",
        }
        if self._code == "en":
            kinds["lately"] = rf"\b{self._recent}\b"
        named = [rf"(?P<{kind}>{shape})" for kind, shape in kinds.items()]
        standing = r"(?![\w%\u20ac$]|[.,/-]\d)"  # 2000$ is no year, nor is 2000.5
        alone = rf"\b(?!\.?\s+(?:the\s+)?{_DAY}(?:st|nd|rd|th)?\b{_CLOCK}|\.?,?\s+{of}{_YEAR}\b)"
        if self._code == "en":
            named.append(rf"\b(?:{_BEFORE_MONTH})\s+(?P<month>{full}){alone}")
            listed = r"(?<=\d{4})(?:,\s+|\s+(?:and|or|to)\s+)"  # "in 2020 and 2021"
            named.append(rf"(?:\b(?:{_BEFORE_YEAR})\s+|{listed})(?P<year>{_YEAR}){standing}")
        else:
            named.append(rf"\b(?P<month>{full}){alone}")
            named.append(rf"(?<![\w.,:#$\u20ac-])(?P<year>{_YEAR}){standing}")
        return re.compile("|".join(named), re.IGNORECASE)

    @property
    def _counted(self) -> str:
        """So many days, weeks, months or years."""
        return rf"(?:\d{{1,3}}|{_any(self._numbers)})\s+(?:{self._any_unit})"

    @property
    def _recent(self) -> str:
        """The "last three weeks", in English."""
        return rf"(?:last|past|previous)\s+(?:{self._counted}|{self._any_unit})"

    @property
    def _any_unit(self) -> str:
        return _any(word for unit in _UNITS for word in self._unit_words(unit))

    @cached_property
    def _count(self) -> re.Pattern[str]:
        return re.compile(rf"(?:({_any(self._numbers)}|\d{{1,3}})\s+)?({self._any_unit})$")

    # -- the vocabulary of the language -----------------------------------------------------------

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        return vocabulary(self._code)

    def _words(self, *keys: str) -> set[str]:
        """The words that the vocabulary has for ``keys``, folded."""
        return {word.casefold() for key in keys for word in self._info.get(key) or () if word.strip()}

    @cached_property
    def _months(self) -> set[str]:
        return {word for word in self._words(*_MONTHS) if len(word) > 2}

    @cached_property
    def _full_months(self) -> set[str]:
        return {max(self._info[key], key=len).casefold() for key in _MONTHS if self._info.get(key)}

    def _unit_words(self, unit: str) -> set[str]:
        return {word for word in self._words(unit) if len(word) > 2}

    @cached_property
    def _ago(self) -> set[str]:
        return self._words("ago") - {"before"}

    @cached_property
    def _numbers(self) -> Mapping[str, str]:
        pairs = [pair for entry in self._info.get("simplifications") or () for pair in entry.items()]
        return _ALIKE | {word: value for word, value in pairs if word.isalpha() and value.isdigit()}

    @cached_property
    def _relative(self) -> set[str]:
        """Phrases such as "yesterday" and "last week", of days that were."""
        past = re.compile(r"\d (?:day|week|month|year) ago|last ")
        kinds = (self._info.get("relative-type") or {}).items()
        return {phrase.casefold() for kind, found in kinds if past.match(kind) for phrase in found}


def _any(words: Iterable[str]) -> str:
    """A pattern for any of ``words``, the longest first; for none of them one that never matches."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) or "(?!)"


def _joined(first: Period, second: Period) -> Period:
    """From the one to the other; a year that only the second has is meant for both."""
    since = first.since.replace(year=second.since.year) if first.yearly and not second.yearly else first.since
    if since > second.since:
        since = since.replace(year=since.year - 1)
    return replace(first, end=second.end, since=since, until=second.until, yearly=second.yearly)


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
