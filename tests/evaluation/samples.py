"""Tiny data sets made by hand, in the forms of the published files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LOCOMO: list[dict[str, Any]] = [
    {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ann", "dia_id": "D1:1", "text": "I adopted a beagle called Rex."},
                {"speaker": "Bob", "dia_id": "D1:2", "text": "Lovely!", "blip_caption": "a dog on a sofa"},
            ],
            "session_2_date_time": "12:05 am on 1 June, 2023",
            "session_2": [
                {"speaker": "Ann", "dia_id": "D2:1", "text": "Rex is afraid of thunder."},
                {"speaker": "Bob", "dia_id": "D2:2", "text": "My sister plays the cello."},
            ],
            "session_10_date_time": "unknown",
            "session_10": [{"speaker": "Bob", "dia_id": "D10:1", "text": "I moved to Lisbon."}],
        },
        "qa": [
            {"question": "What scares Rex?", "answer": "thunder", "evidence": ["D2:1"], "category": 4},
            {
                "question": "Who is Rex, and what scares him?",
                "evidence": ["D1:1; D2:1", "D9:9"],
                "category": 1,
            },
            {"question": "What does the sister play?", "evidence": ["D2:2 D10:1"], "category": 3},
            {"question": "What did nobody say?", "evidence": ["D"], "category": 5},
            {"question": "What has no evidence?", "category": 5},
        ],
    },
    {
        "sample_id": "conv-2",
        "conversation": {
            "session_1_date_time": "9:30 am on 2 January, 2022",
            "session_1": [
                {"speaker": "Cleo", "dia_id": "D1:1", "text": "My violin is at the repair shop."},
                {"speaker": "Dan", "dia_id": "D1:2", "text": "I baked bread with walnuts."},
            ],
        },
        "qa": [{"question": "Where is the violin?", "evidence": ["D1:1"], "category": 4}],
    },
]


def haystack(id: str, kind: str, asked: str, gold: str) -> dict[str, Any]:
    """One question of LongMemEval with four sessions; the first of them recurs, the last is later."""
    first = [
        {"role": "user", "content": "My commute takes 45 minutes.", "has_answer": True},
        {"role": "assistant", "content": "A podcast may help on the train.", "has_answer": False},
    ]
    other = [
        {"role": "user", "content": "Which paint suits a kitchen?"},
        {"role": "assistant", "content": "Satin, since it can be washed."},
        {"role": "user", "content": "  "},
    ]
    later = [{"role": "user", "content": "I was promoted today."}]
    return {
        "question_id": id,
        "question_type": kind,
        "question": asked,
        "answer": "-",
        "question_date": "2023/05/30 (Tue) 10:00",
        "answer_session_ids": [gold],
        "haystack_session_ids": [gold, "paint", gold, "later"],
        "haystack_dates": [
            "2023/05/20 (Sat) 03:29",
            "2023/05/30 (Tue) 20:00",
            "2023/05/21 (Sun) 00:00",
            "2023/05/31 (Wed) 00:00",
        ],
        "haystack_sessions": [first, other, first, later],
    }


LONGMEMEVAL = [
    haystack("q1", "single-session-user", "How long is my commute?", "answer_1"),
    haystack("q2_abs", "multi-session", "How long is my flight?", "answer_2"),
]

MULTIHOP: dict[str, list[dict[str, Any]]] = {
    "corpus": [
        {"title": "Rex", "text": "Rex is the beagle of Ann."},
        {"title": "Ann", "text": "Ann lives in Porto."},
        {"title": "Cello", "text": "The cello has four strings."},
    ],
    "questions": [{"question": "Where does the owner of Rex live?", "supporting": [0, 1], "answer": "Porto"}],
}

OWN = [
    {
        "namespace": "kitchen",
        "memories": ["Salt is in the blue jar.", {"id": "pepper", "text": "Pepper is in the red jar."}],
        "questions": [
            {"question": "Where is the salt?", "relevant": [0]},
            {"question": "Where is the pepper?", "relevant": ["pepper"], "category": "spice"},
            {"question": "Where is the moon?", "relevant": []},
        ],
    },
    {
        "memories": [{"text": "The bus leaves at nine.", "session_id": "s1", "role": "user"}],
        "questions": [{"question": "When does the bus leave?", "relevant": [0]}],
    },
]


def write(folder: Path, name: str, content: Any) -> Path:
    """``content`` as a JSON file."""
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_lines(folder: Path, name: str, lines: list[Any]) -> Path:
    """``lines`` as a JSON-lines file."""
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
