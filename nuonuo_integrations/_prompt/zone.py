"""In whose days a prompt tells when something was said."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from nuonuo.errors import InvalidInputError, InvalidTypeError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)")


def zone_of(value: object) -> tzinfo:
    """A time zone, its name ("Europe/Lisbon") or an offset ("+02:00"); UTC for None.

    Raises:
        InvalidInputError: no zone of that name is known here. InvalidTypeError: nothing of these.
    """
    if value is None:
        return timezone.utc
    if isinstance(value, tzinfo):
        return value
    if not isinstance(value, str):
        raise InvalidTypeError(
            "timezone must be a tzinfo or a name such as 'Europe/Lisbon', "
            f"got {type(value).__name__} {value!r}"
        )
    offset = _OFFSET.fullmatch(value)
    try:
        if offset:
            length = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            return timezone(-length if offset[1] == "-" else length)
        return timezone.utc if value == "UTC" else ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise InvalidInputError(
            f"timezone {value!r} is not known here; expected a name such as 'Europe/Lisbon' "
            "(pip install tzdata where the system has none) or an offset such as '+02:00'"
        ) from error


def zone_for(memory: object, own: tzinfo | str | None) -> tzinfo:
    """The zone of an adapter: its own, else that of its engine, else UTC."""
    if own is None:
        own = getattr(memory, "timezone", None) or getattr(getattr(memory, "config", None), "timezone", None)
    return zone_of(own)


def date_of(told: Any, zone: tzinfo) -> str | None:
    """The day in ``zone`` of a memory, or of one of the times that it was told, as 2026-03-04; None for none.

    What is of a day and of no time of it is of that day everywhere; a time without a zone is one of UTC.
    """
    moment: datetime | None = told.timestamp
    if moment is None:
        return None
    if getattr(told, "all_day", False):
        return moment.date().isoformat()
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    try:
        return aware.astimezone(zone).date().isoformat()
    except OverflowError:  # the first or last day that a calendar has
        return aware.date().isoformat()
