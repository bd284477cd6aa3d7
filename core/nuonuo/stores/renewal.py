"""The words of memories that were stored by other rules, worked out anew where they lie (`Store.refresh`)."""

from __future__ import annotations

from collections.abc import Callable

from nuonuo.records import Memory
from nuonuo.stores.codec import unpack_memory
from nuonuo.stores.layout import pack_traces, unpack_traces
from nuonuo.traces import Words

STEP = 500  # memories whose words are worked out anew in one transaction


def renewed(memory: bytes, traces: bytes, lead: int, lexicon: int, words: Callable[[Memory], Words]) -> bytes:
    """The payload of traces whose words are by the rules ``lexicon``, their patterns by those they had.

    Args:
        memory, traces: bodies whose payloads start at byte ``lead``.

    Raises:
        NotAStoreError: the bytes are not what `pack_memory` and `pack_traces` wrote.
    """
    made = unpack_traces([traces], lead)[0]
    told = words(unpack_memory(memory, lead, None, ""))
    return pack_traces(made.reread(told, lexicon))
