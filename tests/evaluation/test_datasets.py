"""The loaders read the published forms: every id, date and gold label where it belongs."""

from __future__ import annotations

import gzip
import json
import lzma
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.datasets import load, take
from nuonuo.evaluation.data.loaders import evidence_ids, locomo_date, longmemeval_date
from tests.evaluation.samples import LOCOMO, LONGMEMEVAL, MULTIHOP, OWN, haystack, write, write_lines


def test_locomo_turns(tmp_path: Path) -> None:
    group = load(write(tmp_path, "locomo_dev.json", LOCOMO)).groups[0]
    assert group.name == "conv-1"
    assert [memory.text for memory in group.memories][:2] == [
        "Ann: I adopted a beagle called Rex.",
        "Bob: Lovely! [shares a dog on a sofa]",
    ]
    assert [memory.id for memory in group.memories] == [
        "conv-1/D1:1", "conv-1/D1:2", "conv-1/D2:1", "conv-1/D2:2", "conv-1/D10:1",
    ]  # fmt: skip
    assert [memory.session_id for memory in group.memories] == ["session_1"] * 2 + ["session_2"] * 2 + [
        "session_10"
    ]
    assert group.memories[0].timestamp == datetime(2023, 5, 8, 13, 56, tzinfo=timezone.utc)
    assert group.memories[2].timestamp == datetime(2023, 6, 1, 0, 5, tzinfo=timezone.utc)
    assert group.memories[4].timestamp is None  # a date that cannot be read
    assert group.memories[0].metadata == {"speaker": "Ann"}


def test_locomo_questions(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, "locomo_dev.json", LOCOMO))
    single, multi, spaced = dataset.groups[0].questions  # two have no evidence that resolves
    assert single.relevant == {"conv-1/D2:1"}
    assert single.sessions == {"session_2"}
    assert (single.category, multi.category, spaced.category) == ("single-hop", "multi-hop", "open-domain")
    assert multi.relevant == {"conv-1/D1:1", "conv-1/D2:1"}
    assert multi.sessions == {"session_1", "session_2"}
    assert spaced.relevant == {"conv-1/D2:2", "conv-1/D10:1"}
    assert {question.fold for question in dataset.groups[0].questions} == {"conv-1"}
    assert (dataset.memories, dataset.questions, dataset.unit) == (7, 4, "turn")
    assert "2 evidence ids do not resolve" in dataset.notes[0]
    assert "2 questions have none left" in dataset.notes[0]


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        (["D3:7"], ["D3:7"]),
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D1:1,D1:2", "D1:1"], ["D1:1", "D1:2"]),
        ("D1:1 D2:2", ["D1:1", "D2:2"]),
        (["", " ;"], []),
    ],
)
def test_evidence_fields(fields: Any, ids: list[str]) -> None:
    assert evidence_ids(fields) == ids


def test_dates() -> None:
    assert locomo_date("12:00 pm on 31 December, 2022") == datetime(2022, 12, 31, 12, tzinfo=timezone.utc)
    assert locomo_date("8 May") is None
    assert longmemeval_date("2023/05/20 (Sat) 03:29") == datetime(2023, 5, 20, 3, 29, tzinfo=timezone.utc)
    assert longmemeval_date("2023/05/20") == datetime(2023, 5, 20, tzinfo=timezone.utc)
    assert longmemeval_date("May") is None


def test_longmemeval_user_turns(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, "longmemeval_s_dev.json", LONGMEMEVAL))
    assert [group.name for group in dataset.groups] == ["q1", "q2_abs"]
    first = dataset.groups[0]
    # the recurring session once, by its first date; nothing after the day of the question; no empty turn
    assert [memory.text for memory in first.memories] == [
        "My commute takes 45 minutes.",
        "Which paint suits a kitchen?",
    ]
    assert [memory.id for memory in first.memories] == ["q1/answer_1/1", "q1/paint/1"]
    assert first.memories[0].timestamp == datetime(2023, 5, 20, 3, 29, tzinfo=timezone.utc)
    question = first.questions[0]
    assert question.relevant == {"q1/answer_1/1"}
    assert question.sessions == {"answer_1"}
    assert (question.answerable, dataset.groups[1].questions[0].answerable) == (True, False)
    assert dataset.roles == "user"
    assert "2 sessions that recur" in dataset.notes[0]
    assert "2 sessions dated after" in dataset.notes[0]


def test_longmemeval_both_roles(tmp_path: Path) -> None:
    group = load(write(tmp_path, "longmemeval.json", LONGMEMEVAL), roles="both").groups[0]
    assert [memory.role for memory in group.memories] == ["user", "assistant", "user", "assistant"]


def test_longmemeval_pooled_stores_a_shared_session_once(tmp_path: Path) -> None:
    shared = [*LONGMEMEVAL, haystack("q3", "multi-session", "Where?", "answer_1")]
    dataset = load(write(tmp_path, "longmemeval_s.json", shared), pooled=True)
    (group,) = dataset.groups
    assert [memory.id for memory in group.memories] == ["answer_1/1", "paint/1", "answer_2/1"]
    assert [question.id for question in group.questions] == ["q1", "q2_abs", "q3"]
    assert group.questions[0].relevant == group.questions[2].relevant == {"answer_1/1"}
    assert dataset.pooled
    assert dataset.name == "longmemeval_s_pooled"


def test_multihop(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, "musique_dev.json", MULTIHOP))
    (group,) = dataset.groups
    assert group.memories[0].text == "Rex\nRex is the beagle of Ann."
    assert group.questions[0].relevant == {"p0", "p1"}
    assert group.questions[0].category == "all"
    assert (dataset.unit, dataset.session_ks) == ("passage", ())


def test_multihop_types(tmp_path: Path) -> None:
    (asked,) = MULTIHOP["questions"]
    typed = {**MULTIHOP, "questions": [{**asked, "type": "bridge_comparison"}]}
    (question,) = load(write(tmp_path, "2wiki_dev.json", typed)).groups[0].questions
    assert question.category == "bridge comparison"


def test_own_lines(tmp_path: Path) -> None:
    dataset = load(write_lines(tmp_path, "mine.jsonl", OWN))
    kitchen, bus = dataset.groups
    assert kitchen.name == "kitchen"
    assert kitchen.questions[0].relevant == {kitchen.memories[0].id}
    assert kitchen.questions[1].relevant == {"pepper"}
    assert kitchen.questions[1].category == "spice"
    assert not kitchen.questions[2].answerable
    assert bus.questions[0].sessions == {"s1"}
    assert bus.memories[0].role == "user"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_read_like_plain_ones(tmp_path: Path, suffix: str, pack: Any) -> None:
    plain = load(write(tmp_path, "locomo_dev.json", LOCOMO))
    packed = tmp_path / f"locomo_dev.json{suffix}"
    packed.write_bytes(pack(json.dumps(LOCOMO).encode()))
    assert load(packed).groups == plain.groups
    assert load(packed).sha256 != plain.sha256  # of the file as it lies there


def test_take_spreads_over_the_file(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, "locomo_dev.json", LOCOMO))
    two = take(dataset, 2)
    assert [q.id for group in two.groups for q in group.questions] == ["conv-1/q0", "conv-1/q2"]
    assert "2 of 4 questions asked" in two.notes
    assert take(dataset, 99) == dataset
    with pytest.raises(InvalidInputError, match="limit must be at least 1"):
        take(dataset, 0)


def _broken_locomo() -> Any:
    broken = deepcopy(LOCOMO)
    del broken[0]["conversation"]["session_1"][0]["text"]
    return broken


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"something": 1}, "no data set that is known"),
        ([], "no data set that is known"),
        (_broken_locomo(), "not a locomo file"),
        (
            {**MULTIHOP, "questions": [{"question": "?", "supporting": [7]}]},
            "memory 7 as relevant; there are 3",
        ),
        ({"memories": ["a"], "questions": [{"question": "?", "relevant": ["b"]}]}, "id of no memory"),
        ({"memories": [{"txt": "a"}], "questions": []}, "a memory must be"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        load(write(tmp_path, "data.json", content))


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no data set at"):
        load(tmp_path / "nothing.json")
    for name in ("data.json", "data.json.gz", "data.json.xz"):
        (tmp_path / name).write_bytes(b"{ this is neither")
        with pytest.raises(InvalidInputError, match="could not be read as JSON"):
            load(tmp_path / name)
