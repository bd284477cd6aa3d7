"""A small local model that needs no key: it quotes what was recalled, and says so where nothing was.

It is no language model. It reads the passages that a prompt hands it, chooses those that belong to the
question and quotes them with their dates. `local_langchain` and `local_llama_index` dress it as a chat
model of either framework; `answer_with` is the door for programs without one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nuonuo import Recall

Answer = Callable[[str, Recall], str]

DOUBT = 0.2  # below this confidence, what was recalled is not taken for an answer
SURE = 0.5  # from here on it is given without reserve
QUOTED = 3  # passages at most in one answer
LONGEST = 320  # characters of a passage that are quoted whole
NOTHING = "I have nothing on that in my memory."
UNSURE = "I am not certain, but this may answer it."
NOTED = "Noted."


ASKING = re.compile(
    r"(who|whose|what|when|where|why|which|how|do|does|did|is|are|was|were|can|tell me)\b", re.IGNORECASE
)

# The forms in which a prompt tells what was recalled and what is asked.
USER = {"human", "user", "query"}
BLOCK = re.compile(
    r'<(recalled_memories\w*) confidence="(?P<confidence>[\d.]+)">(?P<notes>.*?)</\1>', re.DOTALL
)
NOTE = re.compile(
    r"^\[recalled \d+ \| ([^|\]]+?)(?: \| (\d{4}-\d\d-\d\d))?(?: \|[^\]]*)?\] (.*(?:\n    .*)*)", re.MULTILINE
)
_SPEAKER = "Human|AI|user|assistant|system|Query"
TURN = re.compile(
    rf"^({_SPEAKER}): ?(.*?)(?=^(?:{_SPEAKER}|Answer):|\Z)",
    re.DOTALL | re.MULTILINE,
)
CONTEXT = re.compile(r"^-{10,}\n(.*?)\n-{10,}$", re.DOTALL | re.MULTILINE)  # LlamaIndex's query engines
NODE = re.compile(
    r"^role: (\w+)\n(?:timestamp: (\S+)\n)?(?:\w+: [^\n]*\n)*\n(.*?)(?=\n+role: \w+\n|\Z)",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Passage:
    """A remembered text, who said it and when, as far as the prompt tells."""

    text: str
    role: str | None = None
    when: datetime | None = None


def answer_with(model: str | None) -> Answer:
    """A function from a question and what was recalled to an answer, by a real model or by quoting."""
    if model is None:
        return quote_recalled
    from local_langchain import load_chat_model  # only who asks for a real model needs LangChain

    chat_model = load_chat_model(model)

    def answer(question: str, recalled: Recall) -> str:
        notes = "\n".join(
            f"- {_when(hit.memory.timestamp)}{hit.memory.role}: {hit.memory.text}" for hit in recalled
        )
        system = f"Answer from these memories of earlier talks; say so where they do not tell.\n{notes}"
        return str(chat_model.invoke([("system", system), ("human", question)]).text)

    return answer


def quote_recalled(question: str, recalled: Recall) -> str:
    """Answer a question with the first of what `AssociativeMemory.recall` brought."""
    passages = [Passage(hit.memory.text, hit.memory.role, hit.memory.timestamp) for hit in recalled]
    return quote(question, passages, recalled.confidence)


def quote(question: str, passages: Sequence[Passage], confidence: float | None = None) -> str:
    """Answer ``question`` by quoting from ``passages``, which come best first."""
    if not is_question(question):
        return NOTED
    # What was asked before answers nothing, and replies are quoted only where the user said nothing.
    told = [p for p in passages if not only_asks(p.text)]
    chosen = ([p for p in told if p.role != "assistant"] or told)[:QUOTED]
    if not chosen or (confidence is not None and confidence < DOUBT):
        return NOTHING
    quotes = [
        f"{_when(p.when)}{_speaker(p.role)}: “{_excerpt(question, p.text)}”"
        for p in _ordered(question, chosen)
    ]
    reserve = [UNSURE] if confidence is not None and confidence < SURE else []
    return "\n".join(reserve + quotes)


def answer_prompt(messages: Sequence[tuple[str, str]]) -> str:
    """Answer the last question of a prompt: (role, text) messages, or one text that holds them all."""
    said = [turn for role, text in messages for turn in _turns(role, text)]
    question = next((text for role, text in reversed(said) if role in USER), "")
    recent = [text for role, text in said if role in USER][:-1]
    passages, confidence = _recalled("\n".join(text for _, text in messages))
    # What was said a moment ago is in the prompt itself; recall leaves it out.
    fresh = [Passage(text, "user") for text in reversed(recent) if _about(question, text)]
    if fresh:
        passages = fresh + (passages if confidence is None or confidence >= SURE else [])
        confidence = None
    return quote(question, passages, confidence)


def is_question(text: str) -> bool:
    """Whether a text asks: it ends with a question mark, or begins as only a question does."""
    return text.rstrip().endswith(("?", "？")) or (ASKING.match(text) is not None and not text.endswith("."))


def only_asks(text: str) -> bool:
    """Whether a remembered text does nothing but ask: such a text answers no question."""
    return all(is_question(sentence) for sentence in re.split(r"(?<=[.!?。！？])\s+", text.strip()))


def _turns(role: str, text: str) -> list[tuple[str, str]]:
    """The turns of one message: itself, or those of a conversation or a query that was written into it."""
    text = CONTEXT.sub("", BLOCK.sub("", text))
    found = [(match[1].lower(), match[2].strip()) for match in TURN.finditer(text)]
    return [turn for turn in found if turn[1]] or [(role, text.strip())]


def _recalled(prompt: str) -> tuple[list[Passage], float | None]:
    """The passages of a prompt's recalled block, or of its context, and the confidence if it tells."""
    block, context = BLOCK.search(prompt), CONTEXT.search(prompt)
    if block is not None:
        notes = [
            Passage(re.sub("\n    \\| ?", "\n", m[3]).strip(), m[1], _date(m[2]))
            for m in NOTE.finditer(block["notes"])
        ]
        return notes, float(block["confidence"])
    nodes = NODE.finditer(context[1]) if context is not None else []
    return [Passage(m[3].strip(), m[1], _date(m[2])) for m in nodes], None


def _about(question: str, text: str) -> bool:
    """Whether a text shares a word with the question that is more than grammar."""
    return bool(_content_words(question) & _content_words(text))


def _ordered(question: str, passages: Sequence[Passage]) -> list[Passage]:
    """First those that share most words with the question, and of them the latest: it is what holds."""
    shared = [len(_content_words(question) & _content_words(p.text)) for p in passages]
    telling = [p for p, count in zip(passages, shared, strict=True) if count == max(shared)]
    if all(p.when for p in telling):
        telling.sort(key=lambda p: str(p.when), reverse=True)
    return telling + [p for p in passages if p not in telling]


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3 and not ASKING.match(word)}


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text[:10]) if text else None


def _excerpt(question: str, text: str) -> str:
    """The text, or of a long one the sentence that shares most words with the question."""
    if len(text) <= LONGEST:
        return text
    asked = set(re.findall(r"\w+", question.lower()))
    sentences = re.split(r"(?<=[.!?。！？])\s+", text)
    return max(sentences, key=lambda s: len(asked & set(re.findall(r"\w+", s.lower()))))


def _when(when: datetime | None) -> str:
    return f"{when.day} {when:%B %Y}, " if when else ""


def _speaker(role: str | None) -> str:
    return {"user": "you said", "assistant": "I said", None: "I remember"}.get(role, f"{role} said")
