"""Points in time and days as callers give them, and the zone in which a day is one.

A timestamp is an instant, kept in UTC. What names a day and no time of the day ("2026-06-01") is that day
in whatever zone it is looked at (`Memory.all_day`).
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from nuonuo.errors import InvalidInputError, InvalidTypeError

Moment = datetime | date | str | int | float

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)")  # as a tzinfo writes itself too


def local_of(value: object, name: str, zone: tzinfo | None = None) -> datetime | None:
    """``value`` as an aware datetime, in ``zone``, or where that is None in the offset that it names itself.

    Args:
        value: a datetime, a date (its midnight), an ISO 8601 string, or seconds since 1970. What names no
            offset is read in ``zone``, in UTC where that is None.

    Raises:
        InvalidTypeError, InvalidInputError: it is no point in time.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            value = datetime.fromtimestamp(value, timezone.utc)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                return value.replace(tzinfo=zone or timezone.utc)
            return value if zone is None else value.astimezone(zone)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInputError(
            f"{name} is no point in time that can be kept: {value!r} ({error})"
        ) from error
    raise InvalidTypeError(
        f"{name} must be a datetime, an ISO 8601 str or finite seconds since 1970, "
        f"got {type(value).__name__} {value!r}"
    )


def moment_of(value: object, name: str, zone: tzinfo | None = None) -> datetime | None:
    """The instant that `local_of` gives, in UTC."""
    found = local_of(value, name, zone)
    try:
        return None if found is None else found.astimezone(timezone.utc)
    except OverflowError as error:
        raise InvalidInputError(
            f"{name} is no point in time that can be kept: {value!r} ({error})"
        ) from error


def is_day(value: object) -> bool:
    """Whether ``value`` names a day and no time of the day: "2026-06-01", a date, a naive midnight."""
    if isinstance(value, str):
        try:
            date.fromisoformat(value)
        except ValueError:
            return False
        return True
    if isinstance(value, datetime):
        return value.tzinfo is None and value == datetime(value.year, value.month, value.day)
    return isinstance(value, date)


def stamp_of(value: object, all_day: bool, name: str, zone: tzinfo | None) -> tuple[datetime | None, bool]:
    """A timestamp as it is kept, and whether it stands for the whole day: then it is midnight in UTC."""
    if not (all_day or is_day(value)):
        return moment_of(value, name, zone), False
    found = local_of(value, name)
    if found is None:
        return None, False
    return datetime(found.year, found.month, found.day, tzinfo=timezone.utc), True


def zone_of(value: object) -> tzinfo | None:
    """A zone from a tzinfo, a name of the IANA database ("Europe/Berlin"), or an offset ("+02:00").

    Raises:
        InvalidTypeError, InvalidInputError: it is none that is known here.
    """
    if value is None or isinstance(value, tzinfo):
        return value
    if not isinstance(value, str):
        raise InvalidTypeError(
            f"timezone must be a tzinfo or a str such as 'Europe/Berlin' or '+02:00', got {value!r}"
        )
    try:
        if match := _OFFSET.fullmatch(value):
            offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
            return timezone(-offset if match[1] == "-" else offset)
        return timezone.utc if value.upper() in ("Z", "UTC") else ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise InvalidInputError(
            f"there is no timezone {value!r}; expected a name such as 'Europe/Berlin' or an offset such as "
            "'+02:00' (names need the system's time zone database, or pip install tzdata)"
        ) from error
