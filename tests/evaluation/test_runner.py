"""From a data set to figures: who is asked what, what counts, and what the report states."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from nuonuo.config import MemoryConfig
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation import ablation
from nuonuo.evaluation.ablation import BASE, ablate, compare, hold_out, parse_setting, parse_variant
from nuonuo.evaluation.data.datasets import Dataset, Group, Question, load
from nuonuo.evaluation.plot import distinct_curves, recall_curves
from nuonuo.evaluation.report import (
    conditions,
    discriminations,
    figures,
    markdown,
    split_of,
    table,
    to_json,
    write,
)
from nuonuo.evaluation.runner import Engine, Outcome, Run, StoreShelf, distinct_texts, run
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.evaluation.systems.base import Answer
from nuonuo.evaluation.systems.baselines import Dense
from nuonuo.records import Memory
from tests.evaluation.samples import LOCOMO, LONGMEMEVAL, MULTIHOP
from tests.evaluation.samples import write as write_sample
from tests.fakes import SMALL, WordEmbedder


class Fixed:
    """Ranks the group's memories in the order of the file."""

    name = "fixed"

    def __init__(self, confidence: float | None = None) -> None:
        self.confidence = confidence
        self.asked: list[tuple[str, int]] = []
        self.group = Group("", (), ())

    def fill(self, group: Group) -> None:
        self.group = group

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        self.asked.append((question, k))
        return Answer(tuple(str(memory.id) for memory in self.group.memories[:k]), self.confidence)


@pytest.fixture
def locomo(tmp_path: Path) -> Dataset:
    return load(write_sample(tmp_path, "locomo_dev.json", LOCOMO))


def figure(found: Run, level: str, metric: str, k: int, category: str = "all") -> tuple[float, int]:
    (one,) = [
        f for f in figures(found) if (f.level, f.metric, f.k, f.category) == (level, metric, k, category)
    ]
    return one.mean, one.questions


def test_figures_worked_by_hand(locomo: Dataset) -> None:
    found = run(locomo, [Fixed()])
    # gold in file order: q0 third; q1 first and third; q2 fourth and fifth; conv-2's first
    assert figure(found, "turn", "recall", 1) == (round(100 * (0 + 0.5 + 0 + 1) / 4, 2), 4)
    assert figure(found, "turn", "recall", 5) == (100.0, 4)
    assert figure(found, "turn", "recall", 1, "single-hop") == (50.0, 2)
    # sessions in file order: q0 in the second; q1 in both; q2 in the second and third
    assert figure(found, "session", "any", 1) == (50.0, 4)
    assert figure(found, "session", "all", 1) == (25.0, 4)
    assert figure(found, "session", "all", 5) == (100.0, 4)


def test_folds_are_conversations(locomo: Dataset) -> None:
    (one,) = [
        f for f in figures(run(locomo, [Fixed()]))
        if (f.level, f.metric, f.k, f.category) == ("turn", "recall", 1, "all")
    ]  # fmt: skip
    assert (one.folds, one.fold_mean) == (2, round(100 * (1 / 6 + 1) / 2, 2))
    assert one.deviation == pytest.approx(100 * (5 / 6) / 2**0.5, abs=0.01)


def test_abstention_counts_in_no_recall_but_in_confidence(tmp_path: Path) -> None:
    dataset = load(write_sample(tmp_path, "longmemeval_dev.json", LONGMEMEVAL))
    outcomes = [
        Outcome("s", group.name, question, (), (), confidence, 0.0)
        for (group, question), confidence in zip(
            [(group, question) for group in dataset.groups for question in group.questions],
            [0.9, 0.2],
            strict=True,
        )
    ]
    found = Run(dataset, tuple(outcomes))
    assert figure(found, "session", "any", 5) == (0.0, 1)
    (one,) = discriminations(found)
    assert (one.negative, one.auroc, one.positives, one.negatives) == ("unanswerable questions", 1.0, 1, 1)


def test_the_next_groups_questions_test_confidence(locomo: Dataset) -> None:
    system = Fixed(confidence=0.5)
    found = run(locomo, [system])
    foreign = [outcome for outcome in found.outcomes if outcome.foreign]
    assert {(outcome.group, outcome.question.id) for outcome in foreign} == {
        ("conv-1", "conv-2/q0"), ("conv-2", "conv-1/q0"), ("conv-2", "conv-1/q1"), ("conv-2", "conv-1/q2"),
    }  # fmt: skip
    (one,) = discriminations(found)
    assert one.auroc == 0.5
    assert not [o for o in run(locomo, [Fixed()]).outcomes if o.foreign]  # no confidence, nothing to test
    assert not [o for o in run(locomo, [Fixed(0.5)], foreign=False).outcomes if o.foreign]


def test_a_system_is_asked_deeper_until_there_are_enough_sessions() -> None:
    memories = tuple(Memory("x", session_id="long" if i < 70 else f"s{i}", id=f"m{i}") for i in range(80))
    question = Question("q", "x?", frozenset({"m75"}), frozenset({"s75"}))
    dataset = Dataset("d", "f", "", (Group("g", memories, (question,)),), "turn", (1, 5), (1, 5))
    system = Fixed()
    (outcome,) = run(dataset, [system]).outcomes
    assert [k for _, k in system.asked] == [50, 100]
    assert outcome.sessions == ("long", "s70", "s71", "s72", "s73")
    assert outcome.ranked == ("m0", "m1", "m2", "m3", "m4")


def test_the_engine_answers_from_its_group_alone(locomo: Dataset) -> None:
    engine = Engine(WordEmbedder(), SMALL)
    ids = {}
    for group in locomo.groups:
        engine.fill(group)
        ids[group.name] = engine.ask("Where is the violin?", 50).ids
    assert ids["conv-2"][0] == "conv-2/D1:1"
    assert set(ids["conv-1"]) == {memory.id for memory in locomo.groups[0].memories}
    with pytest.raises(InvalidInputError, match=r"call fill\(\) first"):
        Engine(WordEmbedder(), SMALL).ask("x", 1)


def test_engines_on_one_shelf_encode_once_and_answer_as_if_alone(locomo: Dataset) -> None:
    variant = replace(SMALL, token_weight=0.0, lexical_weight=0.0)
    shelf, embedder = StoreShelf(), WordEmbedder()
    shared = [
        Engine(embedder, SMALL, name="a", shelf=shelf),
        Engine(embedder, variant, name="b", shelf=shelf),
    ]
    alone = [Engine(WordEmbedder(), SMALL), Engine(WordEmbedder(), variant)]
    for group in locomo.groups:
        for one, other in zip(shared, alone, strict=True):
            one.fill(group)
            other.fill(group)
            for question in group.questions:
                assert one.ask(question.text, 10).ids == other.ask(question.text, 10).ids
    stored = [text for text in embedder.texts if text == "Ann: I adopted a beagle called Rex."]
    assert len(stored) == 1
    store, filled = shelf.take(locomo.groups[1], replace(SMALL, sentence_cues=not SMALL.sentence_cues))
    assert (filled, store.counts().memories) == (False, 0)  # other traces, another store


def test_distinct_texts_keep_sessions_apart(locomo: Dataset) -> None:
    found = distinct_texts(replace(locomo, groups=(*locomo.groups, *locomo.groups)))
    assert len(found) == 7
    assert found[0].session_id == "conv-1/session_1"
    assert found[-1].session_id == "conv-2/session_1"
    assert len(distinct_texts(locomo, 3)) == 3


def test_the_report_states_its_conditions(locomo: Dataset, tmp_path: Path) -> None:
    embedder = HashEmbedder(32)
    found = run(locomo, [Dense(embedder)])
    stated = conditions(
        locomo, embedder.name, MemoryConfig(), command=["nuonuo", "bench", "locomo", "--data", "a b"]
    )
    content = to_json(found, stated)
    write(tmp_path / "deep" / "report.json", content)
    again = json.loads((tmp_path / "deep" / "report.json").read_text(encoding="utf-8"))
    assert again == json.loads(json.dumps(content))
    said = again["conditions"]
    assert said["data"]["split"] == "dev"
    assert said["data"]["sha256"] == locomo.sha256
    assert said["command"] == "nuonuo bench locomo --data 'a b'"
    assert said["config"]["token_weight"] == MemoryConfig().token_weight
    for key in ("machine", "python", "numpy", "date", "embedder", "packages"):
        assert said[key]
    assert {"system", "level", "metric", "k", "category", "questions", "mean"} <= set(again["figures"][0])
    assert {row["category"] for row in again["figures"]} == {"all", "single-hop", "multi-hop", "open-domain"}
    text = markdown(found, stated)
    assert "| dense | " in text
    assert "roles: both" in text
    assert locomo.notes[0] in text


def test_the_table_has_a_row_a_system(locomo: Dataset) -> None:
    header, rows = table(locomo, figures(run(locomo, [Fixed(), Dense(HashEmbedder(32))])))
    assert header[1:3] == ["turn R@1", "turn R@5"]
    assert [row[0] for row in rows] == ["fixed", "dense"]
    assert rows[0][2] == "100.0"


def test_passages_are_judged_together(tmp_path: Path) -> None:
    one = {"question": "Where does the owner of Rex play the cello?", "supporting": [0, 1, 2]}
    dataset = load(write_sample(tmp_path, "2wiki_dev.json", {**MULTIHOP, "questions": [one]}))
    header, ((_, *cells),) = table(dataset, figures(run(dataset, [Fixed()])))
    assert header[-3:] == ["passage all@2", "passage all@5", "passage all@10"]
    assert cells[-3:] == ["0.0", "100.0", "100.0"]


def test_split_of() -> None:
    assert split_of("longmemeval_s_dev.json.xz") == "dev"
    assert split_of("locomo10.json") == "whole file"


def test_recall_curves_end_at_the_greatest_k(locomo: Dataset) -> None:
    curves = recall_curves(run(locomo, [Fixed()]))
    assert len(curves["fixed"]) == 20
    assert curves["fixed"][0] == pytest.approx(37.5)
    assert curves["fixed"][4] == 100.0
    assert curves["fixed"] == sorted(curves["fixed"])


def test_systems_with_one_curve_share_a_line() -> None:
    curves = {"dense": [10.0, 20.0], "nuonuo": [50.0, 80.0], "another": [10.0, 20.0]}
    assert distinct_curves(curves) == {(10.0, 20.0): ["dense", "another"], (50.0, 80.0): ["nuonuo"]}


def test_plot_is_written_where_matplotlib_is(locomo: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from nuonuo.evaluation.plot import plot_recall

    plot_recall(run(locomo, [Fixed()]), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


# -- ablation ---------------------------------------------------------------------------------------


def outcome(system: str, fold: str, right: bool, at: int) -> Outcome:
    question = Question(f"q{at}", "?", frozenset({"m"}), fold=fold)
    return Outcome(system, "g", question, ("m",) if right else ("x",), (), None, 0.0)


def ablation_run() -> Run:
    """Two folds of two questions: v fits fold a only, w is worth the same as the base."""
    right = {
        BASE: {"a": [True, False], "b": [True, True]},
        "v": {"a": [True, True], "b": [False, False]},
        "w": {"a": [True, False], "b": [True, True]},
    }
    outcomes = tuple(
        outcome(system, fold, value, at)
        for system, folds in right.items()
        for fold, values in folds.items()
        for at, value in enumerate(values)
    )
    return Run(Dataset("d", "f", "", (), "turn", (1,)), outcomes)


def test_compare_worked_by_hand() -> None:
    base, v, w = compare(ablation_run(), "turn", "recall", 1)
    assert (base.mean, base.change, base.folds) == (75.0, 0.0, (0.0, 0.0))
    assert (v.mean, v.change) == (50.0, -25.0)
    assert v.folds.mean == -25.0  # +50 and -100
    assert v.folds.deviation == pytest.approx(150 / 2**0.5)
    assert w.change == 0.0


def test_hold_out_judges_where_it_did_not_choose() -> None:
    held = hold_out(ablation_run(), "turn", "recall", 1)
    assert held is not None
    assert held.chosen == {"a": BASE, "b": "v"}  # on b alone the base wins (before w), on a alone v
    assert held.mean.mean == 25.0  # the base gives 50 on a, v gives 0 on b
    assert held.base.mean == 75.0
    one_fold = Run(
        ablation_run().dataset, tuple(o for o in ablation_run().outcomes if o.question.fold == "a")
    )
    assert hold_out(one_fold, "turn", "recall", 1) is None


def test_ablate_runs_every_variant(locomo: Dataset) -> None:
    found = ablate(locomo, WordEmbedder(), SMALL, {"no words": {"token_weight": 0.0, "lexical_weight": 0.0}})
    columns = ablation.columns(locomo)
    header, rows = ablation.table(found, columns)
    assert [row[0] for row in rows] == [BASE, "no words"]
    assert len(header) == len(columns) + 1
    report = ablation.to_json(found, {"said": 1}, columns)
    assert json.loads(json.dumps(report))["ablation"][0]["variants"][1]["variant"] == "no words"
    assert len(ablation.held_out_lines(found, columns)) == len(columns)


def test_every_built_in_variant_is_a_configuration() -> None:
    for settings in ablation.PARTS.values():
        assert replace(MemoryConfig(), **settings) != MemoryConfig()


def test_settings() -> None:
    assert parse_setting("together = 5") == ("together", 5)
    assert parse_setting("dense_weight=0.5") == ("dense_weight", 0.5)
    assert parse_setting("sentence_cues=false") == ("sentence_cues", False)
    assert parse_setting("language=none") == ("language", None)
    assert parse_variant("few: together=2, beta=9") == ("few", {"together": 2, "beta": 9.0})
    assert parse_variant("beta=9") == ("beta=9", {"beta": 9.0})


@pytest.mark.parametrize("setting", ["together", "nothing=1", "together=many", "sentence_cues=perhaps"])
def test_settings_that_mean_nothing(setting: str) -> None:
    with pytest.raises(InvalidInputError, match=r"expected field=value|takes"):
        parse_setting(setting)
