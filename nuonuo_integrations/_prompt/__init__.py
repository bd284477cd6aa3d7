"""Recalled memories inside a prompt: how they are shown, how much of them fits, and how an echo is told.

What is injected stands between two tags that bear one mark, and each memory in it ends its label with a
mark of its own:

    <recalled_memories_k7f3q9zt2m confidence="0.93">
    Recalled from earlier conversations. ...
    [recalled 1 | user | 2026-03-04 | 4wq0c2hj8d] I adopted a beagle called Rex.
        | He is two years old.
    [recalled 2 | user | 2026-03-09 | shares "Rex" with 1 | 9m1n5xet0v] Rex is afraid of thunder.
    </recalled_memories_k7f3q9zt2m>

No text has such a mark by chance, so what was injected can be taken out again of whatever a model says,
whole or in pieces, and nothing else with it. And no stored text can know the mark of the tags, nor begin
a line of the block.
"""

from nuonuo_integrations._prompt.budget import (
    Fitted,
    TokenCounter,
    approximate_tokens,
    counter,
    fit,
    fit_turns,
)
from nuonuo_integrations._prompt.render import NOTE, TAG, render
from nuonuo_integrations._prompt.strip import as_said, is_injected, strip
from nuonuo_integrations._prompt.zone import zone_for, zone_of

__all__ = [
    "NOTE",
    "TAG",
    "Fitted",
    "TokenCounter",
    "approximate_tokens",
    "as_said",
    "counter",
    "fit",
    "fit_turns",
    "is_injected",
    "render",
    "strip",
    "zone_for",
    "zone_of",
]
