"""NuoNuo: a hippocampus for LLM applications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nuonuo.errors import NuonuoError
from nuonuo.records import Chain, Evidence, Hit, Link, Match, Memory, Recall, Stats, Step, Telling

if TYPE_CHECKING:
    from nuonuo.associative.projection import LearnedProjection
    from nuonuo.config import MemoryConfig
    from nuonuo.encoding.embedders import Embedder, Encoding, MiniLM, VectorEmbedder
    from nuonuo.memory import AssociativeMemory

__version__ = "0.1.0"

__all__ = [
    "AssociativeMemory",
    "Chain",
    "Embedder",
    "Encoding",
    "Evidence",
    "Hit",
    "LearnedProjection",
    "Link",
    "Match",
    "Memory",
    "MemoryConfig",
    "MiniLM",
    "NuonuoError",
    "Recall",
    "Stats",
    "Step",
    "Telling",
    "VectorEmbedder",
]

# What needs NumPy is imported when it is first used, so that `import nuonuo` costs next to nothing.
_LAZY = {
    "AssociativeMemory": "nuonuo.memory",
    "MemoryConfig": "nuonuo.config",
    "LearnedProjection": "nuonuo.associative.projection",
    "Embedder": "nuonuo.encoding.embedders",
    "Encoding": "nuonuo.encoding.embedders",
    "MiniLM": "nuonuo.encoding.embedders",
    "VectorEmbedder": "nuonuo.encoding.embedders",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'nuonuo' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
