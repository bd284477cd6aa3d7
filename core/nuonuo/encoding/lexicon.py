"""A memory's words in numbers: what the lexical cue, the sessions and the repeats are made of.

Every stem has a key, 63 bits of its digest and one bit that says whether it links nothing. So what is stored
with one memory can be put together with others without any list of words beside them, and nothing is left
of a word when the last memory is forgotten that holds it. Two of a million different stems have one key
with a probability of less than one to ten million.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from nuonuo.encoding.forms import OTHER
from nuonuo.encoding.names import NAME, called, names
from nuonuo.encoding.sentences import label, title
from nuonuo.encoding.words import Analyzer, Word, spellings
from nuonuo.records import Memory
from nuonuo.traces import Words

REVISION = 3  # of the rules here and in `nuonuo.encoding.words`: what older ones left is worked out anew
ASKED = 60  # characters at the end of a turn, where a question that waits for its answer stands
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e](?=[\W_]|$)")  # Latin, full-width, Arabic, Greek
_STOPS = ".!\u2026 \u3002\uff01\uff61\u0964\u06d4"  # Latin, Chinese and Japanese, Hindi, Urdu


class Lexicon:
    """The keys of stems, by the rules of one language.

    Attributes:
        analyzer: tells the words.
        number: the rules', not 0; other rules have another one, but for one chance in four thousand million.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self._stops = analyzer.stop_stems
        self.number = digest(f"{REVISION}\0{analyzer.language}") & 0xFFFFFFFF or 1
        self.key = lru_cache(maxsize=1 << 16)(self._key)

    def _key(self, stem: str) -> int:
        """What indexes know ``stem`` by. Function words link nothing, nor does another form's spelling."""
        return digest(stem) & ~1 | (stem in self._stops or stem.startswith((OTHER, NAME)))

    def keys(self, stems: Iterable[str]) -> list[int]:
        """The keys of ``stems``, in order."""
        return [self.key(stem) for stem in stems]

    def names(self, memory: Memory) -> dict[str, str]:
        """The names that stand in ``memory``, its title's among them, each as it is first written."""
        above = _title(memory)
        return self._names(memory, self.read(memory), above, self.analyzer.words(above))

    def _names(
        self, memory: Memory, parts: Sequence[Sequence[Word]], above: str, heading: Sequence[Word]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for at, (text, words) in enumerate(zip(memory.parts, parts, strict=True)):
            for name, written in names(text, words, titled=not at and bool(above)).items():
                found.setdefault(name, written)
        return {**found, **called(above, heading)}

    def read(self, memory: Memory) -> list[list[Word]]:
        """The words of the text of ``memory`` and of each of its cues and paraphrases (`Memory.parts`)."""
        return [self.analyzer.words(text) for text in memory.parts]

    def words(self, memory: Memory, read: Sequence[Sequence[Word]] | None = None) -> Words:
        """What the words of ``memory`` come to.

        Args:
            read: its words, where they are known already.
        """
        parts = self.read(memory) if read is None else read
        counted = Counter(stem for words in parts for stem in spellings(words))
        above = _title(memory)
        heading = self.analyzer.words(above) if above else []
        for name in self._names(memory, parts, above, heading):
            counted[name] = 0  # a name counts in no score: its words do
        place = {stem: at for at, stem in enumerate(counted)}
        if any(map(str.isupper, above)):
            named = [*called(above, heading)]
        else:  # of a title without capitals nobody tells whether it is named, but by its words
            named = [*dict.fromkeys(word.stem for word in heading if word.content and word.stem in place)]
        who = memory.role or label(memory.text)
        return Words(
            stems=np.array(self.keys(counted), np.uint64),
            counts=np.fromiter(counted.values(), np.int32, len(counted)),
            title=np.array([place[stem] for stem in named], np.int32),
            length=len(parts[0]),
            said=self.said(memory),
            speaker=digest(who) or 1 if who else 0,
            asks=asks(memory.text),
        )

    def said(self, memory: Memory) -> int:
        """`Words.said` of ``memory``."""
        return digest(f"{memory.role or ''}\0{wording(memory.text)}")


def _title(memory: Memory) -> str:
    """The title of ``memory``, "" for none. What somebody says has none: its first line is a greeting."""
    return "" if memory.role else title(memory.text)


def asks(text: str) -> bool:
    """Whether a turn ends in a question, or close to it."""
    return _QUESTION.search(text, max(len(text) - ASKED, 0)) is not None


def wording(text: str) -> str:
    """``text`` without what makes no difference to what it says: case, spaces and the full stop.

    Every other sign does ("$5", "C++", a question mark).
    """
    return " ".join(text.casefold().split()).rstrip(_STOPS)


def digest(text: str) -> int:
    """64 bits of ``text``."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
