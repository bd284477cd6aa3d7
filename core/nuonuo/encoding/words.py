"""Text to words and stems, in any script.

A word is a run of letters and digits, or an emoji. Scripts that write no spaces (Chinese, Japanese, Thai and
their neighbours) give each character and each pair of characters, so that both one-character and longer
words can be found. What people write in several forms (`nuonuo.encoding.forms`) is one word with other
spellings: "e-mail" and "email", "0171 234 5678" and "01712345678", "MH 370" and "MH370".
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import Stemmer

from nuonuo.encoding.blobs import Blobs
from nuonuo.encoding.forms import OTHER, joined, pieces
from nuonuo.errors import InvalidInputError

# Han, Hiragana, Katakana, Hangul; Thai, Lao, Myanmar, Khmer, Tibetan.
_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af\U00020000-\U0003134f"
    # their digits are left out: they make numbers, as everywhere
    "\u0e00-\u0e4f\u0e5a-\u0ecf\u0eda-\u0f1f\u0f2a-\u103f\u104a-\u108f\u109a-\u109f\u1780-\u17df\u17ea-\u17ff"
)
# Python's \w leaves out combining marks, which Indic scripts spell words with.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963"
)
_MARKS += "\u0980-\u0983\u09bc-\u09cd\u0a01-\u0a51\u0a81-\u0acd\u0b01-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c56"
_MARKS += "\u0c81-\u0cd6\u0d00-\u0d57\u0d81-\u0ddf"
# One emoji: a flag, a keycap, or a picture with its variations, each that a joiner adds included.
_PICTURE = "[\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_PICTURE += "[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*"
_WORD = re.compile(
    rf"{_EMOJI}|[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_])(?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))*"
    rf"(?:['’](?:(?![{_UNSPACED}])[^\W_])+)*"
)
# Most texts hold nothing that needs more than this rule, which is quicker.
_PLAIN_TEXT = re.compile("[\0-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*")
_PLAIN_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_VARIATION = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")  # colour of skin, picture or sign
# One character as a reader sees it: decomposed text spells a Hangul syllable with two or three, and
# sets a kana's voicing mark after it.
_CHARACTER = re.compile(
    r"[\u1100-\u115f][\u1160-\u11a7]*[\u11a8-\u11ff]*|.[\u3099\u309a\uff9e\uff9f]*", re.DOTALL
)
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]")

# Function words of English: they carry grammar, so their token vectors say little of what a memory
# is about. The lexical cue keeps them; their idf sees to their weight.
_STOP_WORDS = {
    "english": frozenset(
        "a about above after again against all am an and any are aren't as at be because been before being "
        "below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't "
        "down during each few for from further had hadn't has hasn't have haven't having he he'd he'll he's "
        "her here here's hers herself him himself his how how's i i'd i'll i'm i've if in into is isn't it "
        "it's its itself just let's me more most mustn't my myself no nor not now of off on once only or "
        "other ought our ours ourselves out over own same shan't she she'd she'll she's should shouldn't so "
        "some such than that that's the their theirs them themselves then there there's these they they'd "
        "they'll they're they've this those through to too under until up very was wasn't we we'd we'll "
        "we're we've were weren't what what's when when's where where's which while who who's whom whose "
        "why why's will with won't would wouldn't you you'd you'll you're you've your yours yourself "
        "yourselves s t d ll m o re ve".split()
    )
}


# Words that ask for what the question does not name. A question without any asks for yes or no.
_QUESTION_WORDS = {
    "english": frozenset(
        "what what's who who's whom whose where where's when when's which why why's how how's".split()
    )
}


Form = tuple[str, bool, bool, tuple[str, ...]]
CACHED = 64  # characters of a word whose form is kept; longer ones seldom come again
LONGEST = 256  # characters of a word on either side of a piece of it


class Word(NamedTuple):
    """One word of a text: the characters ``text[start:end]``, and the form it is compared by.

    Attributes:
        content: False for a stop word. asks: True for "what", "who", "when" and their like.
        pieces: the stems of a code's letters and digits, which another writer parts.
        whole: the compound or number that it is part of, which another writer joins; None for most words.
    """

    start: int
    end: int
    stem: str
    content: bool
    asks: bool
    pieces: tuple[str, ...] = ()
    whole: Whole | None = None

    @property
    def exact(self) -> bool:
        """Whether it holds a digit: of numbers and codes the very same is meant, and none that is like it."""
        return not self.stem.isalpha() and any(map(str.isdigit, self.stem))  # no digit is a letter

    @property
    def forms(self) -> tuple[str, ...]:
        """The stems by which the whole of it is found: its own, and that of what it is part of."""
        return (self.stem,) if self.whole is None else (self.stem, self.whole.stem)

    @property
    def spellings(self) -> frozenset[str]:
        """All that it is found by: its stem, and its other forms, each once more behind `OTHER`."""
        others = (*self.pieces, *self.forms[1:])
        return frozenset((self.stem, *others, *(OTHER + other for other in others)))


class Whole(NamedTuple):
    """What the words of ``text[start:end]`` make when they are written as one."""

    start: int
    end: int
    stem: str


class Analyzer:
    """Splits text into words for one language.

    Args:
        language: a Snowball stemmer's name, such as "english" or "german"; None for no stemming.

    Attributes:
        stop_stems: the stems of the language's stop words; empty for a language that has no list here.

    Raises:
        InvalidInputError: no such stemmer.
    """

    def __init__(self, language: str | None) -> None:
        if language is not None and language not in Stemmer.algorithms():
            raise InvalidInputError(
                f"language {language!r} has no stemmer; "
                f"expected None or one of {', '.join(Stemmer.algorithms())}"
            )
        self.language = language
        self._stop = _STOP_WORDS.get(language or "", frozenset())
        self._asking = _QUESTION_WORDS.get(language or "", frozenset())
        self._local = threading.local()  # a Snowball stemmer may serve one thread at a time
        self._cached_form = lru_cache(maxsize=1 << 16)(self._uncached_form)
        self.stop_stems = _stop_stems(language)

    def words(self, text: str) -> list[Word]:
        """The words of ``text`` in order; a pair of unspaced characters comes after its first one."""
        wild = Blobs(text)
        if wild.spans or not _PLAIN_TEXT.fullmatch(text):
            found = [*self._words(text, wild)]
        else:
            short, long = self._cached_form, self._uncached_form
            found = [
                Word._make((*match.span(), *(short if len(match[0]) <= CACHED else long)(match[0]), None))
                for match in _PLAIN_WORD.finditer(text)
            ]
        at = 0
        for start, end, form_of_all in joined(text):
            if start in wild:
                continue
            whole = Whole(start, end, self._form(form_of_all)[0])
            while at < len(found) and found[at].start < end:
                if found[at].start >= start and found[at].stem != whole.stem:
                    found[at] = found[at]._replace(whole=whole)
                at += 1
        return found

    def _words(self, text: str, wild: Blobs) -> Iterator[Word]:
        """The words of a text of any script, in order."""
        for match in _WORD.finditer(text):
            start, end = match.span()
            if _UNSPACED_RUN.match(match.group()):
                spans = [each.span() for each in _CHARACTER.finditer(text, start, end)]
                for (at, to), (_, pair) in zip(spans, [*spans[1:], (0, 0)], strict=True):
                    yield Word._make((at, to, *self._form(text[at:to]), None))
                    if pair:
                        yield Word._make((at, pair, *self._form(text[at:pair]), None))
            elif start in wild:
                yield Word._make((start, end, *self._uncached_form(match.group())[:3], (), None))
            else:
                yield Word._make((start, end, *self._form(match.group()), None))

    def stems(self, text: str) -> list[str]:
        """The stems of ``text``, with repeats, in order."""
        return [word.stem for word in self.words(text)]

    def spellings(self, text: str) -> list[str]:
        """All by which ``text`` is found, with repeats: its stems, the pieces of codes, and joined forms.

        The latter two stand there once more, behind `OTHER`.
        """
        return spellings(self.words(text))

    def written(self, text: str, stem: str) -> str:
        """The first word of ``text`` with that stem, as written; empty where there is none."""
        # Most words begin with their stem but for its last letter; the rest are found the long way.
        for match in re.finditer(re.escape(stem[:-1] or stem), text, re.IGNORECASE):
            word = whole_word(text, *match.span())
            if self._form(word)[0] == stem:
                return word
        return self.writings(text, frozenset((stem,))).get(stem, "")

    def writings(self, text: str, stems: frozenset[str]) -> dict[str, str]:
        """For each of ``stems`` that ``text`` has: the first word that it stands in, as written."""
        found: dict[str, str] = {}
        for word in self.words(text):
            for stem in stems.intersection((word.stem, *word.pieces)):
                found.setdefault(stem, text[word.start : word.end])
            if word.whole is not None and word.whole.stem in stems:
                found.setdefault(word.whole.stem, text[word.whole.start : word.whole.end])
        return found

    def _form(self, word: str) -> Form:
        """Its stem, whether it is a content word, whether it asks, and its pieces."""
        return self._cached_form(word) if len(word) <= CACHED else self._uncached_form(word)

    def _uncached_form(self, word: str) -> Form:
        folded = unicodedata.normalize("NFKC", _VARIATION.sub("", word) or word).casefold().replace("’", "'")
        if not folded.isascii():  # digits of other scripts; NFKC knows a few of them only
            folded = "".join(str(unicodedata.decimal(each, each)) for each in folded)
        content, asking = folded not in self._stop, folded in self._asking
        if self.language is None:
            return folded, content, asking, pieces(folded)
        stemmer = getattr(self._local, "stemmer", None)
        if stemmer is None:
            stemmer = self._local.stemmer = Stemmer.Stemmer(self.language, 0)
        return stemmer.stemWord(folded), content, asking, pieces(folded)


@lru_cache
def _stop_stems(language: str | None) -> frozenset[str]:
    words = _STOP_WORDS.get(language or "", frozenset())
    return frozenset(Stemmer.Stemmer(language, 0).stemWords([*words])) if words else words


def spellings(words: Sequence[Word]) -> list[str]:
    """All by which the text of ``words`` is found (`Analyzer.spellings`)."""
    wholes = dict.fromkeys(word.whole for word in words if word.whole is not None)
    others = [piece for word in words for piece in word.pieces] + [whole.stem for whole in wholes]
    return [*(word.stem for word in words), *others, *(OTHER + other for other in others)]


def whole_word(text: str, start: int, end: int) -> str:
    """The word that the piece ``text[start:end]`` belongs to; unspaced scripts have none beyond it.

    Of what is no word, but a blob, no more than `LONGEST` characters on either side.
    """
    if not _UNSPACED_RUN.match(text[start:end]):
        first, last = max(start - LONGEST, 0), min(end + LONGEST, len(text))
        while start > first and text[start - 1].isalnum() and not _UNSPACED_RUN.match(text[start - 1]):
            start -= 1
        while end < last and text[end].isalnum() and not _UNSPACED_RUN.match(text[end]):
            end += 1
    return text[start:end]
