"""The authors' own file forms, read into `Dataset`s: LoCoMo, LongMemEval, multi-hop, the user's own lines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from nuonuo.checks import moment_of
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.forms import Dataset, Group, Question, Roles
from nuonuo.records import Memory

FOLDS = 5  # of questions that share one namespace, for cross-validation

# The upstream numbering.
LOCOMO_CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_LOCOMO_DATE = re.compile(r"(\d{1,2}):(\d{2})\s*([ap]m)\s+on\s+(\d{1,2})\s+(\w+),?\s+(\d{4})", re.IGNORECASE)
_LONGMEMEVAL_DATE = re.compile(r"(\d{4})/(\d{2})/(\d{2})\s*(?:\(\w+\))?\s*(?:(\d{2}):(\d{2}))?")


def _fold(key: str) -> str:
    return str(int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % FOLDS)


# -- LoCoMo -----------------------------------------------------------------------------------------


def locomo(content: Any) -> Dataset:
    groups, dropped, unanswerable = [], 0, 0
    for sample in content:
        name, memories = str(sample["sample_id"]), tuple(_locomo_memories(sample))
        session_of = {memory.id: str(memory.session_id) for memory in memories}
        questions = []
        for at, asked in enumerate(sample["qa"]):
            named = evidence_ids(asked.get("evidence") or ())
            ids = [f"{name}/{each}" for each in named]
            relevant = frozenset(each for each in ids if each in session_of)
            dropped += len(ids) - len(relevant)
            if not relevant:
                unanswerable += 1
                continue
            category = LOCOMO_CATEGORIES.get(asked["category"], str(asked["category"]))
            questions.append(
                Question(
                    f"{name}/q{at}",
                    asked["question"],
                    relevant,
                    frozenset(session_of[each] for each in relevant),
                    category,
                    name,
                    now=max((m.timestamp for m in memories if m.timestamp), default=None),
                )
            )
        groups.append(Group(name, memories, tuple(questions)))
    notes = (
        f"{dropped} evidence ids do not resolve and are dropped; {unanswerable} questions have none left",
    )
    return Dataset("", "", "", tuple(groups), "turn", (1, 5, 10, 20), (1, 5, 10), notes=notes)


def _locomo_memories(sample: dict[str, Any]) -> Iterable[Memory]:
    name, conversation = sample["sample_id"], sample["conversation"]
    numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        date = locomo_date(conversation.get(f"session_{number}_date_time", ""))
        for turn in conversation[f"session_{number}"]:
            text = f"{turn['speaker']}: {turn['text']}"
            if turn.get("blip_caption"):
                text += f" [shares {turn['blip_caption']}]"
            yield Memory(
                text,
                None,
                date,
                {"speaker": turn["speaker"]},
                session_id=f"session_{number}",
                id=f"{name}/{turn['dia_id']}",
            )


def evidence_ids(fields: Sequence[str] | str) -> list[str]:
    """The dialogue ids in LoCoMo's evidence; an entry may hold several, split on ``;``, ``,`` or space."""
    entries = [fields] if isinstance(fields, str) else fields
    found = (part for entry in entries for part in re.split(r"[;,\s]+", entry))
    return list(dict.fromkeys(part for part in found if part))


def locomo_date(text: str) -> datetime | None:
    """``1:56 pm on 8 May, 2023`` as a datetime in UTC; None for anything else."""
    match = _LOCOMO_DATE.search(text)
    if not match or match[5].lower() not in _MONTHS:
        return None
    hour = int(match[1]) % 12 + (12 if match[3].lower() == "pm" else 0)
    month = _MONTHS.index(match[5].lower()) + 1
    return datetime(int(match[6]), month, int(match[4]), hour, int(match[2]), tzinfo=timezone.utc)


# -- LongMemEval ------------------------------------------------------------------------------------


def longmemeval(content: Any, roles: Roles, pooled: bool) -> Dataset:
    groups, later, repeated = [], 0, 0
    everything: dict[str, Memory] = {}
    for entry in content:
        name, asked = entry["question_id"], longmemeval_date(entry["question_date"])
        memories: dict[str, Memory] = {}
        gold, seen = set(), set()
        sessions = zip(
            entry["haystack_session_ids"], entry["haystack_dates"], entry["haystack_sessions"], strict=True
        )
        for session, stamp, turns in sessions:
            date = longmemeval_date(stamp)
            if session in seen:
                repeated += 1
                continue
            if asked and date and date.date() > asked.date():
                later += 1
                continue
            seen.add(session)
            for at, turn in enumerate(turns, 1):
                if not turn["content"].strip() or (roles == "user" and turn["role"] != "user"):
                    continue
                memory = Memory(
                    turn["content"],
                    turn["role"],
                    date,
                    session_id=session,
                    id=f"{session}/{at}" if pooled else f"{name}/{session}/{at}",
                )
                memories[str(memory.id)] = memory
                if turn.get("has_answer"):
                    gold.add(str(memory.id))
        question = Question(
            name,
            entry["question"],
            frozenset(gold),
            frozenset(entry["answer_session_ids"]),
            entry["question_type"],
            _fold(name),
            answerable=not name.endswith("_abs"),
            now=asked,
        )
        groups.append(Group(name, () if pooled else tuple(memories.values()), (question,)))
        for id, memory in memories.items():
            everything.setdefault(id, memory)
    if pooled:
        groups = [
            Group("pooled", tuple(everything.values()), tuple(q for group in groups for q in group.questions))
        ]
    notes = (
        f"{repeated} sessions that recur in their haystack stored once; "
        f"{later} sessions dated after the day of the question left out",
    )
    return Dataset("", "", "", tuple(groups), "turn", (1, 5, 10, 20), (1, 3, 5, 10), roles, pooled, notes)


def longmemeval_date(text: str) -> datetime | None:
    """``2023/05/20 (Sat) 03:29`` as a datetime in UTC; None for anything else."""
    match = _LONGMEMEVAL_DATE.search(text)
    if not match:
        return None
    return datetime(*(int(part or 0) for part in match.groups()), tzinfo=timezone.utc)  # type: ignore[misc,arg-type]


# -- multi-hop, and the user's own ------------------------------------------------------------------


def multihop(content: Any) -> Dataset:
    """{"corpus": [{"title", "text"}], "questions": [{"question", "supporting"}]}; "type" is its category."""
    passages = content["corpus"]
    memories = tuple(
        Memory(f"{passage['title']}\n{passage['text']}", id=f"p{at}") for at, passage in enumerate(passages)
    )
    questions = []
    for at, asked in enumerate(content["questions"]):
        relevant = _indices(asked["supporting"], len(memories))
        questions.append(
            Question(
                f"q{at}",
                asked["question"],
                frozenset(f"p{each}" for each in relevant),
                category=str(asked.get("type", "all")).replace("_", " "),
                fold=str(at % FOLDS),
            )
        )
    return Dataset(
        "", "", "", (Group("corpus", memories, tuple(questions)),), "passage", (1, 2, 5, 10, 20), roles="none"
    )


def own(content: Any) -> Dataset:
    """Lines of {"memories": [text or {"text", "id", ...}], "questions": [{"question", "relevant"}]}."""
    lines = content if isinstance(content, list) else [content]
    groups, with_sessions = [], False
    for number, line in enumerate(lines, 1):
        memories = [_own_memory(item, f"{number}/{at}") for at, item in enumerate(line["memories"])]
        session_of = {str(memory.id): memory.session_id for memory in memories}
        questions = []
        for at, asked in enumerate(line["questions"]):
            relevant = frozenset(_own_id(each, memories, session_of) for each in asked["relevant"])
            sessions = frozenset(s for s in (session_of[each] for each in relevant) if s is not None)
            with_sessions = with_sessions or bool(sessions)
            questions.append(
                Question(
                    str(asked.get("id", f"{number}/q{at}")),
                    asked["question"],
                    relevant,
                    sessions,
                    str(asked.get("category", "all")),
                    str(number if len(lines) > 1 else at % FOLDS),
                    bool(relevant),
                    moment_of(asked.get("now"), "now"),
                )
            )
        groups.append(Group(str(line.get("namespace", number)), tuple(memories), tuple(questions)))
    return Dataset(
        "",
        "",
        "",
        tuple(groups),
        "memory",
        (1, 2, 5, 10, 20),
        (1, 5, 10) if with_sessions else (),
        "as in the file",
    )


def _own_memory(item: Any, id: str) -> Memory:
    if isinstance(item, str):
        return Memory(item, id=id)
    known = {"text", "role", "timestamp", "metadata", "cues", "session_id", "id"}
    if not isinstance(item, dict) or "text" not in item or set(item) - known:
        raise InvalidInputError(
            f"a memory must be a text or an object with {sorted(known)}, got {str(item)[:80]!r}"
        )
    fields = {**item, "id": str(item.get("id", id)), "cues": tuple(item.get("cues", ()))}
    return Memory(**fields)


def _own_id(named: Any, memories: Sequence[Memory], known: Collection[str]) -> str:
    """The id of a relevant memory, which is named by its id or by its place in ``memories``."""
    if isinstance(named, int):
        return str(memories[_indices([named], len(memories))[0]].id)
    if named not in known:
        raise InvalidInputError(
            f"a question names {named!r} as relevant, which is the id of no memory of its line"
        )
    return str(named)


def _indices(named: Sequence[int], count: int) -> Sequence[int]:
    for index in named:
        if not 0 <= index < count:
            raise InvalidInputError(
                f"a question names memory {index} as relevant; there are {count}, counted from 0"
            )
    return named
