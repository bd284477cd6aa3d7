"""What several `nuonuo bench` commands make of their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from nuonuo.cli.embedder import embedder_of
from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.evaluation import ablation
from nuonuo.evaluation.cache import CachedEmbedder, default_cache
from nuonuo.evaluation.data.datasets import Dataset, load
from nuonuo.evaluation.generated import generated_memories
from nuonuo.evaluation.progress import Start
from nuonuo.evaluation.runner import distinct_texts
from nuonuo.evaluation.speed import as_one_namespace
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.records import Memory


def config_of(args: argparse.Namespace) -> MemoryConfig:
    return replace(MemoryConfig(), **dict(ablation.parse_setting(setting) for setting in args.set))


def names_of(text: str) -> list[str]:
    """The names in ``text``, which commas part."""
    return [name.strip() for name in text.split(",") if name.strip()]


def command_of(args: argparse.Namespace) -> Sequence[str]:
    return ["nuonuo", *args.argv]


def cache_of(args: argparse.Namespace) -> str:
    """The file of embeddings: the one asked for, else one in the user's cache folder."""
    return str(default_cache() if args.cache is None else args.cache)


@contextmanager
def embedding(args: argparse.Namespace, start: Start, *, made_up: bool = False) -> Iterator[Embedder]:
    """The embedder asked for, behind the cache on disk."""
    if made_up and args.embedder is None:
        yield HashEmbedder()
        return
    tell = start("texts embedded", None)
    cached = CachedEmbedder(
        embedder_of(args.embedder),
        cache_of(args),
        progress=lambda count: tell("texts embedded, or read from the cache", count),
    )
    try:
        yield cached
    finally:
        cached.close()


def memories_of(data: str | None, count: int) -> tuple[Dataset | None, list[Memory]]:
    """At most ``count`` distinct texts of the data set, or made-up ones, for one namespace."""
    if data is None:
        return None, [*generated_memories(count)]
    dataset = load(data)
    return dataset, as_one_namespace(distinct_texts(dataset, count))


def questions_of(dataset: Dataset | None, memories: Sequence[Memory], count: int) -> list[str]:
    """The data set's distinct questions; of made-up memories, a few words of every so many."""
    if dataset is None:
        chosen = [memories[at] for at in range(0, len(memories), max(1, len(memories) // max(1, count)))]
        return [" ".join(memory.text.split()[:8]) for memory in chosen[:count]]
    return list(dict.fromkeys(q.text for group in dataset.groups for q in group.questions))[:count]
