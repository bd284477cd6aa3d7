"""In whose days a prompt tells when something was said."""

from __future__ import annotations

from datetime import timezone, tzinfo

from nuonuo import AssociativeMemory, Memory, Telling, times


def zone_of(value: tzinfo | str | None) -> tzinfo:
    """A time zone, its name ("Europe/Lisbon") or an offset ("+02:00"); UTC for None.

    Raises:
        InvalidInputError: no zone of that name is known here. InvalidTypeError: nothing of these.
    """
    return times.zone_of(value) or timezone.utc


def zone_for(memory: AssociativeMemory, own: tzinfo | str | None) -> tzinfo:
    """The zone of an adapter: its own, else that of its engine, else UTC."""
    return zone_of(memory.timezone if own is None else own)


def date_of(told: Memory | Telling, zone: tzinfo) -> str | None:
    """The day in ``zone`` of a memory, or of a time that it was told, as 2026-03-04; None for none."""
    moment = told.when(zone)
    return None if moment is None else moment.date().isoformat()
