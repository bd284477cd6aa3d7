"""Settings that several adapters have, as fields of the pydantic components of either framework."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from nuonuo_integrations._engine import confidence_of
from nuonuo_integrations._prompt import zone_of


def _known(zone: Any) -> Any:
    zone_of(zone)
    return zone


# Written down as the name that it can be read back from.
Zone = Annotated[
    tzinfo | str | None,
    BeforeValidator(_known),
    PlainSerializer(lambda zone: None if zone is None else str(zone)),
]
Confidence = Annotated[float, BeforeValidator(confidence_of)]
