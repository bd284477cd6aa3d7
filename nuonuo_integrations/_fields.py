"""Settings that several adapters have, as fields of the pydantic components of either framework."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

from nuonuo.checks import count_of
from nuonuo_integrations._engine import confidence_of, label_of
from nuonuo_integrations._prompt import zone_of


def _known(zone: Any) -> Any:
    zone_of(zone)
    return zone


def _count(value: object, info: ValidationInfo) -> int:
    return count_of(value, str(info.field_name), 1)


def _label(value: object, info: ValidationInfo) -> str:
    return label_of(value, str(info.field_name))


Count = Annotated[int, BeforeValidator(_count)]  # at least 1
Label = Annotated[str, BeforeValidator(_label)]  # the name of a session or a namespace

# Written down as the name that it can be read back from.
Zone = Annotated[
    tzinfo | str | None,
    BeforeValidator(_known),
    PlainSerializer(lambda zone: None if zone is None else str(zone)),
]
Confidence = Annotated[float, BeforeValidator(confidence_of)]
