"""Texts of any length: what is embedded, asked and compared has a bound; the rest is found by its words."""

from __future__ import annotations

import base64
import random
import re
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.associative import patterns as hopfield_patterns
from nuonuo.associative.patterns import agreement, as_words, best_of, nearest, round_states
from nuonuo.encoding import encoder as encoding
from nuonuo.encoding import encodings
from nuonuo.encoding.excerpts import excerpt, informative
from nuonuo.encoding.words import Analyzer
from nuonuo.errors import InvalidInputError
from nuonuo.recall import certainty, passage
from tests.fakes import SMALL, VectorsOnly, WordEmbedder, everything, fresh

CONFIG = replace(SMALL, embedded_bytes=4096, question_bytes=4096)
WORDS = "river house garden market winter letter captain answer evening bridge silver forest window".split()


def prose(size: int, seed: int = 0, words: list[str] = WORDS) -> str:
    rng, said = random.Random(seed), ""
    while len(said) < size:
        said += " ".join(rng.choices(words, k=9)).capitalize() + ". "
    return said.strip()


def blob(size: int) -> str:
    return base64.b64encode(random.Random(1).randbytes(size)).decode()[:size]


def log(size: int) -> str:
    rng = random.Random(2)
    line = "{:08d} ERROR worker-{} request={:016x} at /srv/{}/{}: {}"
    lines = (
        line.format(at, rng.randint(1, 64), rng.getrandbits(64), *rng.choices(WORDS, k=3))
        for at in range(size // 60)
    )
    return "\n".join(lines)


KINDS = {
    "prose": prose(60_000),
    "log": log(60_000),
    "base64": blob(60_000),
    "lines of base64": "\n".join(blob(60_000)[at : at + 76] for at in range(0, 60_000, 76)),
    "json": '{"id":"' + '","name":"'.join(random.Random(3).choices(WORDS, k=9000)) + '"}',
    "no blank": "".join(random.Random(4).choices("abc.;/(", k=60_000)),
    "one word": "x" * 60_000,
    "Chinese": "".join(chr(random.Random(5).randint(0x4E00, 0x9FFF)) for _ in range(20_000)),
    "short sentences": "a. b! " * 10_000,
    "blanks": (" " * 500).join(WORDS * 10),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("embedder", [WordEmbedder, VectorsOnly])
def test_what_the_embedder_is_given_has_a_bound(kind: str, embedder: type[WordEmbedder]) -> None:
    given = embedder()
    memory = fresh(embedder=given, config=CONFIG)
    (id,) = memory.add(KINDS[kind])
    assert 0 < sum(len(text.encode()) for text in given.texts) < 2.5 * CONFIG.embedded_bytes  # sentences too
    del given.texts[:]
    found = memory.recall(KINDS[kind])
    assert all(len(text.encode()) <= CONFIG.question_bytes for text in given.texts)
    assert (found[0].memory.id, found.query) == (id, KINDS[kind])
    assert 0 < len(found[0].passage) <= passage.LONGEST
    for match in found[0].evidence.matches:
        assert match.word in KINDS[kind]
        assert match.answer in KINDS[kind]
    assert memory.chain(KINDS[kind], hops=0)[0].memory.id == id


def test_no_ordinary_text_is_cut() -> None:
    said = prose(4000)
    unbound = replace(CONFIG, embedded_bytes=1 << 20, question_bytes=1 << 20)
    some, all_of_it = (fresh([Memory(said, id="a")], config=config) for config in (CONFIG, unbound))
    assert everything(some)[-1] == everything(all_of_it)[-1]
    question = prose(1000, seed=1)
    assert some.recall(question).hits == all_of_it.recall(question).hits


@pytest.mark.parametrize("embedder", [WordEmbedder, VectorsOnly])
def test_what_is_not_embedded_is_found_by_its_words(embedder: type[WordEmbedder]) -> None:
    given = embedder()
    memory = fresh(embedder=given, config=CONFIG)
    told = "The xylophone stands in the attic beside quartz 4471. "
    book = prose(30_000) + " " + told + prose(30_000, seed=1)
    memory.add([book, *(prose(300, seed) for seed in range(2, 40))])
    assert not any("xylophone" in text for text in given.texts)
    hit = memory.recall("Where is the xylophone?", k=3)[0]
    assert hit.memory.text == book
    assert told.strip() in hit.passage
    (match,) = (match for match in memory.recall("4471", k=1)[0].evidence.matches)
    assert match.answer == "4471"


def test_a_long_question_is_asked_by_what_the_memory_knows() -> None:
    given = WordEmbedder()
    memory = fresh(embedder=given, config=CONFIG)
    memory.add(["The xylophone is in the attic.", *(prose(300, seed) for seed in range(20))])
    rest = [prose(20_000, seed, words=["lorem", "ipsum", "dolor"]) for seed in range(2)]
    pasted = f"{rest[0]} A xylophone was lost. {rest[1]}"
    del given.texts[:]
    found = memory.recall(f"Do you know this text? {pasted} Which instrument is it about?", k=3)
    (text,) = given.texts
    assert text.startswith("Do you know this text?")
    assert text.endswith("Which instrument is it about?")
    assert "A xylophone was lost." in text
    assert len(text) < CONFIG.question_bytes / 2 + 100  # no more of what nobody knows
    again = memory.recall(found.query, k=3)
    assert (again.hits, again.confidence) == (found.hits, found.confidence)
    assert memory.recall(found.query, namespace="nobody's").hits == ()


def test_of_the_words_of_a_long_question_the_rarest_go_first() -> None:
    analyzer = Analyzer("english")
    said = [f"Piece {number} is about word{number}." for number in range(2000)]
    df = {f"word{number}": 1 + number % 50 for number in range(2000)}
    asked = informative(" ".join(said), 8192, analyzer, lambda stems: [df.get(stem, 0) for stem in stems])
    assert len(asked.text.encode()) <= 8192
    middle = [number for number in range(200, 1800) if f"word{number}." in asked.text]
    assert middle and {number % 50 for number in middle} <= {0, 1, 2, 3, 4, 5}
    assert middle[0] == 200


def test_patterns_stand_where_their_words_do() -> None:
    memory = fresh(config=CONFIG)
    book = f"Title {blob(2000)}\n\n{prose(9000)} {blob(3000)} {prose(9000, seed=1)} The end."
    memory.add(book)
    with memory._shards.reading("default") as shard:
        spans = shard.spans[0]
    written = [book[start:end] for _, start, end in spans.tolist()]
    assert {word.casefold() for word in written} >= {*WORDS, "title", "end"}
    assert all(start < end for _, start, end in spans.tolist())
    assert all(one[1] <= other[1] for one, other in pairwise(spans.tolist()))


def test_cues_have_a_bound_together_and_are_found_by_their_words_beyond_it() -> None:
    given = WordEmbedder()
    memory = fresh(embedder=given, config=CONFIG)
    cues = [f"line{number} of a file about the {WORDS[number % 13]}" for number in range(1000)]
    memory.add([Memory("notes.txt", cues=cues), *(prose(300, seed) for seed in range(9))])
    assert cues[0] in given.texts and cues[-1] not in given.texts
    assert sum(len(text) for text in given.texts if text in cues) <= CONFIG.embedded_bytes
    assert memory.recall("line999", k=1)[0].memory.text == "notes.txt"
    assert memory.get(memory.recall("line999", k=1)[0].memory.id.split())[0].cues == tuple(cues)


@pytest.mark.parametrize("together", [1, 5000])
def test_what_is_encoded_at_a_time_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    items = [Memory(prose(900, seed), id=f"m{seed}", cues=(prose(50, seed),)) for seed in range(12)]
    one, some = WordEmbedder(), WordEmbedder()
    at_once = fresh(embedder=one)
    at_once.add(items)
    monkeypatch.setattr(encoding, "TOGETHER", together)
    in_parts = fresh(embedder=some)
    in_parts.add(items)
    assert one.texts == some.texts
    assert everything(at_once)[-1] == everything(in_parts)[-1]


def test_the_encodings_that_are_kept_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "REMEMBERED_BYTES", 100_000)
    memory = fresh()
    remembered = memory._encoder._encodings
    for seed in range(30):
        memory.add(prose(3000, seed))
        kept = [encodings._nbytes(each) for each in remembered.recent.values()]
        assert sum(kept) == remembered.nbytes <= 100_000
        assert all(each.vectors.base is None for each in remembered.recent.values())  # nor holds it others
    memory.forget(namespace="default")
    assert remembered.nbytes == 0


# -- a text that is too long ------------------------------------------------------------------------


def test_a_text_above_the_limit_is_an_error_that_says_what_to_do() -> None:
    memory = AssociativeMemory(
        embedder=WordEmbedder(), config=replace(SMALL, text_bytes=100), paraphrase=lambda text: ["é" * 51]
    )
    (id,) = memory.add(Memory("x" * 100, paraphrases=("y",)))
    before = everything(memory)
    for call in (
        lambda: memory.add(["fine", "x" * 101]),
        lambda: memory.add("é" * 51),
        lambda: memory.add(Memory("fine", cues=("x" * 101,))),
        lambda: memory.add("fine", cues=["x" * 101]),
        lambda: memory.add("fine"),  # its paraphrase
        lambda: memory.update(id, text="x" * 101),
        lambda: memory.recall("x" * 101),
        lambda: memory.chain("x" * 101),
    ):
        with pytest.raises(InvalidInputError, match=r"has 10[12] bytes .* at most 100; split it.*text_bytes"):
            call()
    assert everything(memory) == before


# -- the same, whatever is computed at a time ---------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 7, 64, 1 << 18])
def test_patterns_are_compared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    rng = np.random.default_rng(cells)
    counts = np.array([0, 5, 1, 0, 40, 3, 0])
    patterns = as_words(rng.integers(0, 256, (counts.sum(), 48), np.uint8))
    patterns[10:20] = patterns[30]  # equals: the first one stands
    states = round_states(rng.standard_normal((9, 384)).astype(np.float32))
    values = agreement(patterns, states)
    whole = best_of(patterns, counts, states)
    monkeypatch.setattr(hopfield_patterns, "CELLS", cells)
    assert best_of(patterns, counts, states).tolist() == whole.tolist()
    assert nearest(patterns, states).tolist() == values.argmax(axis=1).tolist()
    assert best_of(patterns, counts, states.of(np.array([3, 0]))).tolist() == whole[:, [3, 0]].tolist()


def test_recall_takes_a_few_long_texts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fresh()
    memory.add([prose(3000, seed) for seed in range(8)])
    question = prose(400, seed=99)
    before = memory.recall(question)
    monkeypatch.setattr(hopfield_patterns, "PATTERNS", 1)
    monkeypatch.setattr(certainty, "CELLS", 1)
    after = memory.recall(question)
    assert after.hits == before.hits
    assert after.confidence == pytest.approx(before.confidence, abs=1e-5)


def test_memory_is_no_product_of_question_and_text() -> None:
    rng = np.random.default_rng(0)
    patterns = as_words(rng.integers(0, 256, (40_000, 48), np.uint8))
    states = round_states(rng.standard_normal((1500, 384)).astype(np.float32))
    tracemalloc.start()
    best_of(patterns, np.array([len(patterns)]), states)
    nearest(patterns, states)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


# -- excerpts and blobs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_excerpt_is_what_stands_in_the_text(kind: str) -> None:
    text = KINDS[kind]
    found = excerpt(text, 4096)
    assert 0 < len(found.text.encode()) <= 4096
    assert "\n".join(text[start:end] for start, end in found.spans) == found.text
    assert all(0 <= start < end <= len(text) for start, end in found.spans)
    assert all(one[1] < other[0] for one, other in pairwise(found.spans))
    spans = np.array([match.span() for match in re.finditer(r"\w{1,9}", found.text)], np.int32)
    moved = found.places(spans)
    assert [text[a:b] for a, b in moved.tolist()] == [found.text[a:b] for a, b in spans.tolist()]


def test_an_excerpt_is_the_beginning_and_places_up_to_the_end() -> None:
    text = " ".join(f"Sentence {number}." for number in range(5000))
    found = excerpt(text, 16_384)
    first = found.spans[0]
    assert first[0] == 0 and 7000 < first[1] <= 16_384 / 2
    assert found.spans[-1][1] == len(text)
    gaps = [other[0] - one[1] for one, other in pairwise(found.spans)]
    assert len(gaps) == 8 and max(gaps) < 1.2 * min(gaps)


def test_of_a_blob_its_beginning_is_read_and_its_words_have_no_other_form() -> None:
    analyzer = Analyzer("english")
    for kind in ("base64", "lines of base64", "one word"):
        text = f"My key: {KINDS[kind]} and that was it, 0171 234 5678."
        assert len(excerpt(text, 16_384).text) < 250
        words = analyzer.words(text)
        assert [word.stem for word in words[:2]] == ["my", "key"]
        assert words[-1].whole is not None
        inside = [word for word in words if 200 < word.start < 50_000]
        assert not any(word.pieces or word.whole for word in inside)
    assert excerpt(KINDS["prose"][:5000], 16_384).text == KINDS["prose"][:5000]
    assert any(word.pieces for word in analyzer.words("sha256:" + "0a1b2c3d" * 8))
