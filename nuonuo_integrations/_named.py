"""What a record is, read from the metadata keys that an adapter names: its time, its role, its session."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._engine import mended

logger = logging.getLogger(__name__)

Keys = str | Sequence[str] | None

MESSAGE_TIMES = ("timestamp", "created_at")  # of a message's additional_kwargs, what may hold its own time


@dataclass(frozen=True, slots=True)
class Named:
    """The metadata keys that tell a record's own fields; of several the first that holds something counts.

    A value stays in the metadata too, as it came in.
    """

    timestamp: tuple[str, ...]
    role: tuple[str, ...]
    session_id: tuple[str, ...]

    def fields(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that ``metadata`` tells, as keywords of a `Memory`."""
        times = [moment for name in self.timestamp if (moment := moment_of(metadata.get(name)))]
        found: dict[str, Any] = {"timestamp": times[0]} if times else {}
        for field, names in (("role", self.role), ("session_id", self.session_id)):
            texts = [mended(str(metadata[name])) for name in names if metadata.get(name) is not None]
            if any(text.strip() for text in texts):
                found[field] = next(text for text in texts if text.strip())
        return found

    def tell_undated(self, undated: Sequence[tuple[str, Mapping[str, Any]]], *, wanted: bool) -> None:
        """Log which of ``undated`` (its name, its metadata) stay without a time.

        Args:
            wanted: whether a time was expected; else only those are told whose time cannot be read.
        """
        told = [
            f"{of} ({', '.join(f'{name}={metadata.get(name)!r}' for name in self.timestamp)})"
            for of, metadata in undated
            if wanted or any(metadata.get(name) is not None for name in self.timestamp)
        ]
        if told:
            logger.warning(
                "no time could be read for %d of them: %s%s; after= and before= let none of these through. "
                "timestamp_key= names the metadata that holds it: an ISO 8601 text, a date, or seconds "
                "since 1970",
                len(told),
                "; ".join(told[:3]),
                "; ..." if len(told) > 3 else "",
            )


def named(timestamp_key: Keys, role_key: Keys, session_key: Keys) -> Named:
    """Raises `InvalidTypeError` for what is no name of a key, nor several."""
    return Named(
        _names(timestamp_key, "timestamp_key"),
        _names(role_key, "role_key"),
        _names(session_key, "session_key"),
    )


def said_at(told: Mapping[str, Any], keys: tuple[str, ...]) -> datetime:
    """When a message was said: its own time, where it carries one; else now.

    Args:
        told: what the message carries beside its text.
        keys: under which of it a time may stand, in the order in which they are tried.
    """
    values = {key: told[key] for key in keys if told.get(key) is not None}
    found = next((moment for value in values.values() if (moment := moment_of(value))), None)
    if found is None and values:
        logger.warning("a message is dated now, since no time can be read from its %s", values)
    return found or datetime.now(timezone.utc)


def moment_of(value: object) -> datetime | None:
    """The point in time that a metadata value means; None where it means none.

    A datetime or a date; seconds, milliseconds or smaller parts since 1970, as a number or a text of
    digits; a text as ISO 8601 or as mails write it. A naive one is read as UTC.
    """
    if isinstance(value, str) and value.strip().lstrip("-").replace(".", "", 1).isdecimal():
        value = value.strip()
        # "20260501" is a date, as ISO 8601 has it
        value = float(value) if len(value) > 8 else value
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value)
            for _ in range(3):  # beyond the year 5000 it is milli-, micro- or nanoseconds
                seconds = seconds / 1000 if abs(seconds) > 1e11 else seconds
            return datetime.fromtimestamp(seconds, timezone.utc)
        if isinstance(value, str):
            value = _read(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _names(keys: object, name: str) -> tuple[str, ...]:
    found = (keys,) if isinstance(keys, str) else () if keys is None else keys
    if not isinstance(found, (list, tuple)) or not all(isinstance(key, str) and key for key in found):
        raise InvalidTypeError(f"{name} must be the name of a metadata key, or a list of them, got {keys!r}")
    return tuple(found)
