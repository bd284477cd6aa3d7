"""A question that a statement answers, made by rule: a cue under which it may be asked for one day.

    Ines: I adopted a beagle called Rex.    What did Ines say about adopted beagle called Rex?
    Ines adopted a beagle called Rex.       What do we know about Ines adopted beagle called Rex?

Nothing is parsed: a speaker's name is what stands before a colon, and of the first sentence the words that
carry meaning are asked about, at most eight of them.
"""

from __future__ import annotations

import re

from nuonuo.encoding.sentences import label, sentences

MOST = 8
_WORD = re.compile(r"[\w'’-]+")
FUNCTION = frozenset(
    """
    a an the and or but so if of to in on at for with by from as that this these those it its is are was were
    be been am do does did has have had i you he she we they me him her us them my your his our their not no
    yes just very really too also well oh hey hi wow yeah there here what who when where why how will would
    can could i'm it's that's i've i'll don't
    """.split()
)


def questions_of(text: str) -> list[str]:
    """One question that ``text`` answers; none where it is one itself, or no word of it carries meaning."""
    speaker = label(text)
    first = (sentences(text) or [text])[0]
    said = first[len(speaker) + 1 :] if speaker and first.startswith(speaker) else first
    if said.rstrip().endswith("?"):
        return []
    words = [word for word in _WORD.findall(said) if word.lower().replace("’", "'") not in FUNCTION][:MOST]
    if not words:
        return []
    asked = f"What did {speaker} say about" if speaker else "What do we know about"
    return [f"{asked} {' '.join(words)}?"]
