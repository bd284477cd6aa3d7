"""Names in a text: what people, places and works are called, as runs of words.

A name is a run of words that begin with a capital, with the small words between them ("Duke of Cleves").
Parts of a run are names too: who speaks of "the William Snodgrass Tennessee Tower" speaks of Tennessee. What
is a name to one text is found where another uses it, and not where another only uses the word ("a village").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from nuonuo.encoding.words import Word

NAME = "\1"  # before the words of a name, where it stands among stems
LONGEST = 8  # words of a name, those between capitals included
SPOKEN = 12  # words of a name in a question
GAP = 2  # small words between two capitals

# Small words of Latin scripts that stand inside names.
_SMALL = frozenset(
    "a al an and at ben bin by da das de del della den der des di do dos du e el en et for from ibn in la "
    "las le les los of on or the to und van vom von with y zu".split()
)
_ARTICLES = frozenset(("the", "a", "an"))
# Days and months have a capital as names have; they say when, and link nothing that belongs together. English
# and German, without accents: elsewhere they are written small.
_CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december montag dienstag mittwoch donnerstag freitag samstag "
    "sonnabend sonntag januar februar marz mai juni juli oktober dezember".split()
)
_ORIGIN = frozenset("of de di da von van du".split())  # a small word before where somebody is from
# What may stand between two words of one name: after an initial or a short title a full stop too.
_BETWEEN = re.compile(r"[ \u00a0]*[-\u2010\u2013&'’/]?,?[ \u00a0]*")
_SHORT = 3  # letters of a word that a full stop may shorten: "H. Bruce", "St. Louis", "Mrs. Dalloway"
_POSSESSIVE = re.compile(r"['’]s?$")


def names(text: str, words: Sequence[Word], *, titled: bool = False) -> dict[str, str]:
    """The names in ``text``, whose words these are, in order (`key_of`), each as it is first written.

    Args:
        titled: it begins with a title, which may be a name as it stands.
    """
    found: dict[str, str] = {}
    for run in _runs(text, words):
        opens = _opens(text, run[0]) and not (titled and run[0] is words[0])
        # There a capital by itself tells nothing; two of them do ("Rosa Lind teaches.").
        double = opens and len(run) > 1 and run[0].content and _capital(text, run[1])
        for first, last in _parts(text, run, int(opens and not double)):
            if opens and last == 0:
                continue
            key = key_of(text, run[first : last + 1])
            if key and not _tells_nothing(key):
                found.setdefault(key, text[run[first].start : run[last].end])
    return found


def _tells_nothing(key: str) -> bool:
    """Whether a name is a day's, a month's, or a single Latin letter."""
    name = key.removeprefix(NAME)
    return (len(name) == 1 and name.isascii()) or name in _CALENDAR or name.removesuffix("s") in _CALENDAR


def _parts(text: str, run: Sequence[Word], start: int) -> Iterator[tuple[int, int]]:
    """From which word of ``run`` to which its names go: no list of names is one, unless it is all of it.

    A name of several words begins or ends where a row of capitals does: of "Judith Stahl Viorst" there are
    "Judith Stahl" and "Stahl Viorst", but of four such words not the middle two.
    """
    end = len(run) - 1
    if not end:  # most names are of one word
        if not start and text[run[0].start].isupper():
            yield 0, 0
        return
    capital = [_capital(text, word) for word in run]
    letters = [text[word.start].isupper() for word in run]
    comma = ["," in text[one.end : two.start] for one, two in pairwise(run)]
    begins = [not at or not capital[at - 1] or comma[at - 1] for at in range(end + 1)]
    closes = [at == end or not capital[at + 1] or comma[at] for at in range(end + 1)]
    for first in range(start, end + 1):
        if not capital[first]:
            continue
        for last in range(first, min(first + LONGEST, end + 1)):
            if any(comma[first:last]) and (first, last) != (0, end):
                continue
            edge = first == last or begins[first] or closes[last]
            if edge and capital[last] and any(letters[first : last + 1]):
                yield first, last


def called(title: str, words: Sequence[Word]) -> dict[str, str]:
    """By what names others call the memory that has this ``title``: by all of it, and by its short forms.

    Short for it is what a comma ends ("Saginaw" for "Saginaw, Michigan") and what names by itself before
    where it is from ("Constantine I" for "Constantine I of Greece").

    Returns:
        As `names`; the whole title first.
    """
    found: dict[str, str] = {}
    for part in (words, _before_comma(title, words), _before_origin(title, words)):
        if part and (key := key_of(title, part)):
            found.setdefault(key, title[part[0].start : part[-1].end])
    return found


def spoken(text: str, words: Sequence[Word]) -> list[tuple[str, int, int]]:
    """What could be a name in a question, however it is written.

    People ask in small letters too; whether a run is the name of anything, the index tells.

    Returns:
        Each run of at most `SPOKEN` words as `key_of` has it, and from which character to which it goes.
    """
    found: list[tuple[str, int, int]] = []
    single = [word for at, word in enumerate(words) if not at or word.start >= words[at - 1].end]
    plain = [_plain(text[word.start : word.end]) for word in single]
    edge = [word.content or (at > 0 and text[word.start].isupper()) for at, word in enumerate(single)]
    for first, word in enumerate(single):
        if not edge[first]:
            continue
        article, content, key = plain[first] in _ARTICLES, word.content, plain[first]
        for last in range(first, min(first + SPOKEN, len(single))):
            if last > first:
                key = f"{key} {plain[last]}"
                content = content or single[last].content
            # With its article it is what it is without, but for what is made of small words ("The Who").
            if edge[last] and (content or last > first) and not (article and content and last > first):
                found.append((NAME + key, word.start, single[last].end))
    return found


def key_of(text: str, words: Sequence[Word]) -> str:
    """A run of words of ``text`` as a name: without case, accents, the article before it and the s behind it.

    Returns:
        `NAME` and the words with a space between them; "" where they are words that name nothing.
    """
    if len(words) > 1 and not words[0].content and _plain(text[words[0].start : words[0].end]) in _ARTICLES:
        rest = words[1:]
        if any(word.content for word in rest):
            words = rest
    if not any(word.content for word in words) and len(words) < 2:
        return ""
    return NAME + " ".join(_plain(text[word.start : word.end]) for word in words)


@lru_cache(maxsize=1 << 16)
def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKD", word).casefold().replace("’", "'")
    folded = _POSSESSIVE.sub("", folded) or folded
    return "".join(each for each in folded if not unicodedata.combining(each))


def _runs(text: str, words: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of words that may make names, small words between capitals among them."""
    run: list[Word] = []
    small = 0
    for word in words:
        if not run:
            if _capital(text, word):
                run, small = [word], 0
            continue
        if word.start < run[-1].end:
            continue  # a pair of unspaced characters
        joined = _joined(text, run[-1], word)
        if _capital(text, word):
            if not joined:
                yield run
                run = []
            run.append(word)
            small = 0
        else:
            small += 1
            if joined and small <= GAP and text[word.start : word.end] in _SMALL:
                run.append(word)
            else:
                yield run
                run, small = [], 0
    if run:
        yield run


def _capital(text: str, word: Word) -> bool:
    """Whether it begins as a name does, or is a number beside one."""
    first = text[word.start]
    return first.isupper() or first.isdigit()


def _opens(text: str, word: Word) -> bool:
    """Whether it is the first word of a sentence, where every word has a capital."""
    before = text[: word.start].rstrip(" \u00a0\"'([“‘")
    return not before or before[-1] in ".!?:\n…"


def _joined(text: str, before: Word, after: Word) -> bool:
    between = text[before.end : after.start]
    if between.startswith(".") and before.end - before.start <= _SHORT:
        between = between[1:]
    return _BETWEEN.fullmatch(between) is not None


def _before_comma(title: str, words: Sequence[Word]) -> Sequence[Word]:
    comma = title.find(",")
    return [word for word in words if word.end <= comma] if comma > 0 else []


def _before_origin(title: str, words: Sequence[Word]) -> Sequence[Word]:
    """The words before "of", where they are a name of several words; one would be many others' too."""
    for at, word in enumerate(words):
        if title[word.start : word.end] in _ORIGIN:
            name = words[:at]
            several = sum(_plain(title[each.start : each.end]) not in _ARTICLES for each in name) > 1
            whole = "," not in title[: word.start] and all(_capital(title, each) for each in name)
            return name if several and whole else []
    return []
