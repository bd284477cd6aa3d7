"""When each row of a namespace was said: instants, and days that are the same in every zone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray
from nuonuo.encoding.dates import Period
from nuonuo.stores.base import NO_TIME, Rows

BoolArray = npt.NDArray[np.bool_]
_Days = npt.NDArray[np.int64]

DAY = 86_400_000_000  # microseconds
STRETCHES = 4  # further than so many a timestamp is not near to a period any more
_SPARE = 2  # days: as much as a zone's clock and its days of 23 to 25 hours may be away
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Times:
    """The timestamp of each row, in microseconds since 1970; midnight in UTC for a whole day.

    A bound in time stands on a clock of its own zone: instants are compared with the instant that it is,
    whole days with what that clock shows.
    """

    def __init__(self) -> None:
        self._stamps = Growable(np.int64)
        self._days = Growable(np.bool_)  # by row: a day and no time of the day

    def __len__(self) -> int:
        return len(self._stamps)

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they have no time until they are `put`."""
        self._stamps.extend(n, NO_TIME)
        self._days.extend(n)

    def put(self, at: IntArray, rows: Rows) -> None:
        """Take in the times of ``rows`` at ``at`` (N,), which must be new or cleared."""
        self._stamps.data[at], self._days.data[at] = rows.stamps, rows.days & (rows.stamps != NO_TIME)

    def clear(self, row: int) -> None:
        """Forget ``row``."""
        self._stamps.data[row], self._days.data[row] = NO_TIME, False

    def within(self, after: datetime | None, before: datetime | None) -> BoolArray:
        """The rows (n,) in [after, before), both aware."""
        stamps = self._stamps.data
        mask = np.ones(len(stamps), bool)
        if after is not None:
            mask &= stamps >= self._bound(after)
        if before is not None:
            mask &= (stamps < self._bound(before)) & (stamps != NO_TIME)
        return mask

    def _bound(self, moment: datetime) -> npt.NDArray[np.int64]:
        return np.where(self._days.data, _shown(moment), instant(moment))

    def closeness(self, period: Period, fade: float) -> npt.NDArray[np.float32]:
        """How near each row's timestamp is to ``period`` (n,): 1 inside, less the further away.

        It halves with each stretch of ``fade`` days and the length of the period: who speaks of a month
        is less exact than who names a day. 0 beyond `STRETCHES` of them, and without a timestamp. Days
        are whole ones of the period's zone, since many a timestamp is no more than a date.
        """
        stamps, days = self._stamps.data, self._days.data
        found = np.zeros(len(stamps), np.float32)
        for midnight, length in _recurrences(period, *(self._years() if period.yearly else (0, 0))):
            reach = math.ceil(STRETCHES * (fade + length))
            bounds = _shown(midnight), instant(midnight)
            near = stamps >= min(bounds) - (reach + _SPARE) * DAY
            near &= stamps <= max(bounds) + (length + reach + _SPARE) * DAY
            at = np.flatnonzero(near)  # all others are further away
            moments, whole = stamps[at], days[at]
            day = _days_since(midnight, moments, -reach, length + reach)
            if whole.any():
                day = np.where(whole, (moments - _shown(midnight)) // DAY, day)
            ahead = np.arange(-reach - 1, length + reach + 1)  # all days that are near, and one more
            if len(ahead) < len(day):  # each day once, for all its moments
                given = _near(ahead, length, fade)[np.clip(day - ahead[0], 0, len(ahead) - 1)]
            else:
                given = _near(day, length, fade)
            found[at] = np.maximum(found[at], given)
        return found

    def _years(self) -> tuple[int, int]:
        """Those of the first and of the last timestamp; of nothing for no timestamp."""
        dated = self._stamps.data[self._stamps.data != NO_TIME]
        if not len(dated):
            return 1, 0
        return year_of(int(dated.min())), year_of(int(dated.max()))

    def state(self, row: int) -> tuple[int, bool]:
        """What is kept of ``row``: microseconds since 1970 or `NO_TIME`, and whether that is a whole day."""
        return int(self._stamps.data[row]), bool(self._days.data[row])

    def states(self, rows: IntArray) -> tuple[list[int], list[bool]]:
        """`state` of each of ``rows`` (C,): first what is kept of all, then which of that are whole days."""
        return self._stamps.data[rows].tolist(), self._days.data[rows].tolist()

    @property
    def nbytes(self) -> int:
        return self._stamps.nbytes + self._days.nbytes


def _near(days: _Days, length: int, fade: float) -> npt.NDArray[np.float32]:
    """How near each of ``days`` (D,) is to the ``length`` days from day 0 on: see `Times.closeness`."""
    away = np.maximum(np.maximum(-days, days - length + 1), 0) / (fade + length)
    near: npt.NDArray[np.float32] = (np.exp2(-away) * (away <= STRETCHES)).astype(np.float32)
    return near


def spans(period: Period, fade: float, stretches: float, first: int, last: int) -> list[tuple[int, int]]:
    """From when to when a timestamp is no more than some `Times.closeness` stretches outside of ``period``.

    Args:
        first, last: the years that timestamps are of.

    Returns:
        In microseconds since 1970, [since, until).
    """
    found = []
    for midnight, length in _recurrences(period, first, last):
        away = math.floor(stretches * (fade + length))
        found.append((_later(midnight, -away), _later(midnight, length + away)))
    return found


def stamp_at(microseconds: int) -> datetime | None:
    """The timestamp that a row's state tells."""
    return None if microseconds == NO_TIME else _EPOCH + timedelta(microseconds=microseconds)


def year_of(stamp: int) -> int:
    """The year of a timestamp in microseconds."""
    return (_EPOCH + timedelta(microseconds=stamp)).year


def instant(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _shown(moment: datetime) -> int:
    """What the clock of ``moment``'s zone shows, counted as if it were in UTC."""
    return instant(moment.replace(tzinfo=timezone.utc))


def _days_since(midnight: datetime, stamps: npt.NDArray[np.int64], first: int, last: int) -> _Days:
    """Which day after ``midnight``, in its zone, each of ``stamps`` lies in; exact in [first, last]."""
    if isinstance(midnight.tzinfo, timezone):  # of one offset: all its days are of 24 hours
        return (stamps - instant(midnight)) // DAY
    midnights = np.array([_later(midnight, day) for day in range(first, last + 1)])
    return midnights.searchsorted(stamps, side="right") - 1 + first


def _later(midnight: datetime, days: int) -> int:
    """The midnight so many days later, in microseconds; days are of 23 to 25 hours."""
    try:
        return instant(midnight + timedelta(days))
    except OverflowError:  # the end of the calendar
        return instant(midnight) + days * DAY


def _recurrences(period: Period, first: int, last: int) -> Iterator[tuple[datetime, int]]:
    """The midnight at which the period begins, in its zone, and the days that it lasts.

    One that is meant in any year comes once for each year that is near to [``first``, ``last``].
    """
    length = -((period.since - period.until) // timedelta(days=1))
    midnight = period.since.replace(hour=0, minute=0, second=0, microsecond=0)
    if not period.yearly:
        yield midnight, length
        return
    for year in range(max(first - 1, 1), min(last + 1, 9999) + 1):
        with suppress(ValueError):  # 29 February
            yield midnight.replace(year=year), length
