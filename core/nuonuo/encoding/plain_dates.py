"""Dates that need no library to be read: English months, days and years, and numbers with the year first.

dateparser knows far more. Its first answer costs some 0.3 s for what it builds beforehand, which who asks
"in May 2023" need not wait for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?P<day>\d\d?)"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NTH = "(?:st|nd|rd|th)?"
_OF = r"(?:of\s+)?"
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE | re.ASCII)
    for shape in (
        _MONTH,
        _YEAR,
        rf"{_MONTH}\.?,?\s+{_OF}{_YEAR}",
        rf"{_DAY}{_NTH}\s+{_OF}{_MONTH}\.?(?:,?\s+{_OF}{_YEAR})?",
        rf"{_MONTH}\.?\s+(?:the\s+)?{_DAY}{_NTH}(?:,?\s+{_OF}{_YEAR})?",
        rf"{_YEAR}-(?P<number>\d\d?)(?:-{_DAY})?",
    )
)


def plain(words: str, now: datetime) -> tuple[datetime, str] | None:
    """The first day that ``words`` mean, in the zone of ``now``, and their unit; None for any other shape.

    Without a year it is the last one before ``now``. What is in no calendar is left to others as well.
    """
    match = next(filter(None, (shape.fullmatch(words) for shape in _SHAPES)), None)
    if match is None:
        return None
    found: dict[str, str | None] = match.groupdict()
    named, year, day = found.get("month"), found.get("year"), found.get("day")
    month = _MONTHS.index(named[:3].lower()) + 1 if named else int(found.get("number") or 1)
    unit = "day" if day else "month" if named or found.get("number") else "year"
    try:
        moment = datetime(int(year or now.year), month, int(day or 1), tzinfo=now.tzinfo)
        if not year and (month, int(day or 1)) > (now.month, now.day):
            moment = moment.replace(year=now.year - 1)
    except ValueError:
        return None
    return None if not year and (month, day) == (2, "29") else (moment, unit)


def vocabulary(code: str) -> Mapping[str, Any]:
    """What dateparser knows of the language ``code``, without the import of all of it, which takes time."""
    package = find_spec("dateparser")
    for folder in (package and package.submodule_search_locations) or ():
        file = Path(folder, "data", "date_translation_data", f"{code}.py")
        spec = spec_from_file_location(f"nuonuo.encoding.vocabulary_{code}", file) if file.is_file() else None
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return dict(module.info)
    return dict(import_module(f"dateparser.data.date_translation_data.{code}").info)
