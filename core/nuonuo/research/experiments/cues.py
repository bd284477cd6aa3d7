"""Paraphrase cues: what is each kind of cue worth to the engine as it is?

Memories of the pairs are asked for by their paraphrases, among background texts, and LoCoMo's turns by its
questions. A caller's paraphrase is a third wording, which only pairs of our own making have. Questions
that are learned from use are no part of the engine, so they are not among the kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.evaluation.data.datasets import load
from nuonuo.evaluation.data.forms import Group, Question
from nuonuo.evaluation.metrics import recall_at
from nuonuo.evaluation.runner import Engine
from nuonuo.records import Memory
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts.questions import questions_of

PAIRS, BACKGROUND = 200, 1_000
DEPTH = 10

RECALL = percent("first", "R@1")


class Cues:
    name = "cues"
    title = "Paraphrase cues"
    question = (
        "What does each kind of cue add to the engine's recall? Seeds are draws of pairs, and conversations."
    )
    seeds = 5
    tables = (Table("Recall in %", ("data", "cues"), (RECALL, percent("tenth", f"R@{DEPTH}"))),)
    plot = Plot("place", RECALL, "data")

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        group = of_pairs(material, seed, *((30, 40) if quick else (PAIRS, BACKGROUND)))
        third = dict(zip(material.pairs.first, material.pairs.third, strict=False))
        yield from _asked("paraphrases", group, third, material, tell)
        conversations = _locomo(material)
        if seed < len(conversations):
            yield from _asked("LoCoMo", conversations[seed], {}, material, tell)


def of_pairs(material: Material, seed: int, count: int, background: int) -> Group:
    """``count`` pairs: the first texts and background texts as memories, the second texts as questions."""
    rng = np.random.default_rng(seed)
    pairs = material.pairs.of(rng.permutation(len(material.pairs))[:count].tolist())
    memories = [Memory(text, id=f"p{at}") for at, text in enumerate(pairs.first)]
    memories += [Memory(text, id=f"b{at}") for at, text in enumerate(material.texts(background))]
    questions = [Question(f"q{at}", text, frozenset({f"p{at}"})) for at, text in enumerate(pairs.second)]
    return Group("pairs", tuple(memories), tuple(questions))


def with_cues(group: Group, kind: str, third: dict[str, str]) -> Group:
    """``group`` with the cues of one kind."""
    if kind == "text, sentences and the caller's paraphrase":
        given = [replace(m, cues=(third[m.text],) if m.text in third else ()) for m in group.memories]
    elif kind == "text, sentences and questions by rule":
        given = [replace(m, cues=tuple(questions_of(m.text))) for m in group.memories]
    else:
        given = list(group.memories)
    return replace(group, memories=tuple(given))


def _asked(
    data: str, group: Group, third: dict[str, str], material: Material, tell: Tell
) -> Iterator[Sample]:
    kinds = ["text alone", "text and sentences"]
    kinds += ["text, sentences and the caller's paraphrase"] if third else []
    kinds += ["text, sentences and questions by rule"]
    for place, kind in enumerate(kinds):
        watch = Stopwatch()
        config = replace(MemoryConfig(), sentence_cues=kind != "text alone")
        engine = Engine(material.embedder, config)
        engine.fill(with_cues(group, kind, third))
        first, tenth = _recalls(engine, [q for q in group.questions if q.relevant and q.answerable])
        yield Sample(
            {"data": data, "cues": kind, "place": place}, {"first": first, "tenth": tenth}, watch.read()
        )
        tell(f"{data}: {kind}")


def _recalls(engine: Engine, questions: Sequence[Question]) -> tuple[float, float]:
    found = []
    for question in questions:
        answer = engine.ask(question.text, DEPTH, question.now).judged(question.relevant)
        found.append([recall_at(answer.ids, question.relevant, k) for k in (1, DEPTH)])
    first, tenth = np.mean(found, axis=0)
    return float(first), float(tenth)


def _locomo(material: Material) -> list[Group]:
    if material.folder is None:
        return []
    return [group for file in sorted(material.folder.glob("locomo*.json*")) for group in load(file).groups]


EXPERIMENT = Cues()
