"""Text of any script: words and where they stand, and memories that are found by one of them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nuonuo import AssociativeMemory
from nuonuo.encoding.sentences import MOST, sentences
from nuonuo.encoding.words import Analyzer
from nuonuo.errors import InvalidInputError
from tests.fakes import Opened, VectorsOnly, texts

# script: a memory, a word of it, and other memories in the same script
SCRIPTS = {
    "Chinese": ("我的小狗害怕打雷。", "打雷", ["昨天我们去了北京。", "他喜欢喝绿茶。", "天气很好。"]),
    "Chinese, one character": ("我养了一只猫。", "猫", ["昨天我们去了北京。", "他喜欢喝绿茶。"]),
    "Japanese": ("祖母は京都でカフェを開いた。", "カフェ", ["昨日は雨が降った。", "電車が遅れています。"]),
    "Japanese, kanji": ("祖母は京都でカフェを開いた。", "京都", ["東京は大きい。", "電車が遅れています。"]),
    "Korean": ("우리 강아지는 천둥을 무서워해요.", "천둥", ["어제 비가 왔어요.", "저는 커피를 좋아해요."]),
    "Thai": ("สุนัขของฉันกลัวฟ้าร้อง", "ฟ้าร้อง", ["เมื่อวานฝนตก", "เขาชอบดื่มชา"]),
    "Arabic": ("كلبي يخاف من الرعد", "الرعد", ["أمس هطل المطر", "يحب شرب الشاي"]),
    "Hindi": ("मेरा कुत्ता बिजली से डरता है।", "बिजली", ["कल बारिश हुई।", "उसे चाय पसंद है।"]),
    "Cyrillic": ("Моя собака боится грома.", "собака", ["Вчера шёл дождь.", "Он любит чай."]),
    "Greek": ("Ο σκύλος μου φοβάται τη βροντή.", "ΣΚΎΛΟΣ", ["Χθες έβρεξε.", "Του αρέσει το τσάι."]),
    "Hebrew": ("הכלב שלי מפחד מרעם", "מרעם", ["אתמול ירד גשם", "הוא אוהב תה"]),
    "Tamil": ("என் நாய் இடிக்கு பயப்படும்", "நாய்", ["நேற்று மழை பெய்தது", "அவருக்கு தேநீர் பிடிக்கும்"]),
    "Vietnamese": ("Con chó của tôi sợ sấm sét.", "sấm", ["Hôm qua trời mưa.", "Anh ấy thích trà."]),
    "emoji between": ("🐶Rex🌩️ hides 👩‍👩‍👧", "rex", ["🌧️ yesterday", "tea 🍵"]),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_found_by_a_word_of_it(script: str, form: str) -> None:
    text, word, others = SCRIPTS[script]
    for analyzer in (Analyzer("english"), Analyzer(None)):
        stems = {*analyzer.stems(unicodedata.normalize(form, text))}
        assert {*analyzer.stems(word)} <= stems  # in whatever form of Unicode it was written down
        assert not any({*analyzer.stems(word)} <= {*analyzer.stems(other)} for other in others)


@pytest.mark.parametrize("script", SCRIPTS)
def test_recalled_by_a_word_of_it(opened: Opened, script: str) -> None:
    text, word, others = SCRIPTS[script]
    memory = opened(embedder=VectorsOnly())  # so that words are what it is found by
    memory.add([*others, text])
    best = memory.recall(word, k=1)[0]
    assert best.memory.text == text
    assert best.evidence.signals["lexical"] > 0
    assert best.evidence.matches[0].answer.casefold() in text.casefold()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("ｶﾌｪ", "カフェ"),
        ("ﬁancé", "fiance\u0301"),
        ("Straße", "STRASSE"),
        ("ΛΌΓΟΣ", "λόγος"),
        ("don’t", "don't"),
        ("ガ", "ｶﾞ"),
        (unicodedata.normalize("NFD", "한국어"), "한국어"),
        (unicodedata.normalize("NFD", "プログラム"), "プログラム"),
    ],
)
def test_one_word_in_two_forms(one: str, other: str) -> None:
    analyzer = Analyzer(None)
    assert {*analyzer.stems(other)} <= {*analyzer.stems(one)}


def test_where_words_stand() -> None:
    analyzer = Analyzer("english")

    def words(text: str) -> list[str]:
        found = analyzer.words(text)
        assert all(text[word.start : word.end].strip() for word in found)
        return [text[word.start : word.end] for word in found]

    assert words("Rex isn't afraid.") == ["Rex", "isn't", "afraid"]
    assert words("snake_case, x=1; e-mail") == ["snake", "case", "x", "1", "e", "mail"]
    assert words("我爱茶 and 茶") == ["我", "我爱", "爱", "爱茶", "茶", "and", "茶"]
    assert words("iPhone用户") == ["iPhone", "用", "用户", "户"]
    assert words("cafe\u0301 x") == ["cafe\u0301", "x"]
    assert words("🎉🎂 !? …") == ["🎉", "🎂"]
    assert words("👍🏽ok") == ["👍🏽", "ok"]
    assert [word.content for word in analyzer.words("What is the garage code?")] == [False] * 3 + [True] * 2
    with pytest.raises(InvalidInputError, match="klingon"):
        Analyzer("klingon")


@given(st.text(max_size=60))
@example("\U0001f3fb")  # a colour of skin, and nobody's
def test_of_any_text(text: str) -> None:
    analyzer = Analyzer("english")
    words = analyzer.words(text)
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    for word in words:
        assert 0 <= word.start < word.end <= len(text)
        assert word.stem
    letters = {at for at, letter in enumerate(text) if letter.isalnum()}
    assert letters <= {at for word in words for at in range(word.start, word.end)}
    assert analyzer.stems(text) == [word.stem for word in words]


@given(st.text(alphabet="ab .!?。！\n我:؟", max_size=120))
def test_sentences_are_pieces_of_the_text(text: str) -> None:
    found = sentences(text)
    assert len(found) <= MOST
    squeezed = "".join(text.split())
    for sentence in found:
        assert len(sentence.encode()) >= 12
        assert {*"".join(sentence.split())} <= {*squeezed}


def test_sentences() -> None:
    assert sentences("Only one sentence here.") == []
    assert sentences("I moved to Lisbon. My sister stayed in Oslo!") == [
        "I moved to Lisbon.",
        "My sister stayed in Oslo!",
    ]
    assert sentences("我搬到了里斯本。我的妹妹留在奥斯陆。") == ["我搬到了里斯本。", "我的妹妹留在奥斯陆。"]
    assert len(sentences(" ".join(f"This is sentence number {n}." for n in range(50)))) == MOST
    both = sentences("Marie Curie\nShe was born in Warsaw. She moved to Paris later.")
    assert both == ["Marie Curie\nShe was born in Warsaw.", "Marie Curie\nShe moved to Paris later."]


@pytest.mark.parametrize(
    "query", ["?!", "🎉", "…", "the of and", "\u200b\u200b x", "a" * 20_000, "word " * 5_000]
)
def test_odd_questions_have_answers(memory: AssociativeMemory, query: str) -> None:
    memory.add(["Rex is a beagle.", "🎉", "—"])
    found = memory.recall(query)
    assert len(found) == 3
    assert 0 <= found.confidence <= 1
    assert len(memory.chain(query)) >= 1


def test_a_fact_at_the_end_of_a_long_text(memory: AssociativeMemory) -> None:
    filler = " ".join(f"filler{number % 97} went on and on." for number in range(400))
    memory.add([filler + " The garage code is 4471.", filler, "Something short."])
    best = memory.recall("garage code", k=1)[0]
    assert best.memory.text.endswith("4471.")
    assert {match.answer for match in best.evidence.matches} == {"garage", "code"}


def test_texts_come_back_as_they_were(memory: AssociativeMemory) -> None:
    strange = [
        "  spaces  ",
        "e\u0301 and é",
        "\u202eright to left",
        "a\x00b",
        "line\r\nbreaks\u2028",
        "𝔘𝔫𝔦",
        "👩‍👩‍👧",
    ]
    ids = memory.add(strange)
    assert [stored.text for stored in memory.get(ids) if stored] == strange
    assert sorted(texts(memory.recall("spaces", k=20))) == sorted(strange)
