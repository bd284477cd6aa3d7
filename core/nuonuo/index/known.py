"""What is stored already of a text that comes again: its traces, so that it is not embedded twice.

A memory that is added with an id that is stored, or changed, is looked up by its id; any other one by its
words, in a namespace whose shard is in RAM. Nothing is kept for it: what was forgotten is not found.
"""

from __future__ import annotations

from collections.abc import Sequence

from nuonuo.encoding.lexicon import Lexicon
from nuonuo.index.shard import Shard
from nuonuo.index.shards import Shards
from nuonuo.records import Memory
from nuonuo.stores import Store
from nuonuo.traces import Traces

TELLINGS = 4  # memories of the same wording that are looked at: they differ in their case, or their cues


def known_traces(
    store: Store, shards: Shards, lexicon: Lexicon, memories: Sequence[Memory], *, by_id: bool
) -> list[Traces | None]:
    """For each of ``memories``, all with ids and namespaces, the traces of a stored one with the same parts.

    Args:
        by_id: its id may be stored: look there first.
    """
    wanted: list[list[str]] = [[str(memory.id)] if by_id else [] for memory in memories]
    for namespace in dict.fromkeys(str(memory.namespace) for memory in memories):
        if namespace in shards:
            own = [at for at, memory in enumerate(memories) if memory.namespace == namespace]
            for at, ids in zip(own, _by_words(shards, lexicon, namespace, memories, own), strict=True):
                wanted[at] += ids
    ids = [*dict.fromkeys(id for each in wanted for id in each)]
    stored = dict(zip(ids, store.traced(ids), strict=True)) if ids else {}
    return [_same(memory, [stored[id] for id in each]) for memory, each in zip(memories, wanted, strict=True)]


def _by_words(
    shards: Shards,
    lexicon: Lexicon,
    namespace: str,
    memories: Sequence[Memory],
    own: Sequence[int],
) -> list[list[str]]:
    """For each of the memories at ``own`` the ids of some of ``namespace`` that say the same."""

    def work(shard: Shard) -> list[list[int]]:
        rows = [shard.wordings.rows(lexicon.said(memories[at]), TELLINGS) for at in own]
        return [shard.seqs(each) if len(each) else [] for each in rows]

    seqs, found = shards.told(namespace, work, lambda seqs: [seq for each in seqs for seq in each])
    return [[str(one.id) for seq in each if (one := found[seq]) is not None] for each in seqs]


def _same(memory: Memory, stored: Sequence[tuple[Memory, Traces] | None]) -> Traces | None:
    for each in stored:
        if each is not None and each[0].namespace == memory.namespace and each[0].parts == memory.parts:
            return each[1]
    return None
