"""`NuonuoMiddleware`, first in the middleware of every agent that `create_agent` makes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import langchain.agents.factory as theirs

from nuonuo_integrations.langchain import NuonuoMiddleware
from peers.swaps.engine import new_engine, put_in_place

_create_agent = theirs.create_agent


@functools.wraps(_create_agent)
def create_agent(*args: Any, middleware: Sequence[Any] = (), **options: Any) -> Any:
    """Theirs, with ours added."""
    return _create_agent(*args, middleware=[NuonuoMiddleware(new_engine()), *middleware], **options)


put_in_place(_create_agent, create_agent, "langchain")
