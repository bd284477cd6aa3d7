"""How what takes long says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int], None]  # what is done, and how many more of it
Start = Callable[[str, "int | None"], Progress]  # a bar's name and its total; None where nobody knows it
