"""Export and import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import FileError, InvalidInputError, NuonuoError
from tests.fakes import SMALL, Opened, WordEmbedder, everything, fresh, state


def filled(memory: AssociativeMemory) -> list[str]:
    ids = memory.add(
        [
            Memory("Rex is a beagle.", role="user", metadata={"n": [1, {"犬": None}]}, cues=("the dog",)),
            Memory("He hides.\n\u2028\x85 Line breaks of all kinds.", role="assistant"),
        ],
        session_id="s",
        timestamp="2026-11-21T10:00:00.000001+02:00",
    )
    ids += memory.add(["Ana paints boats.", "昨日は東京で雨が降った。"], namespace="b")
    memory.associate(ids[0], ids[1], 0.25)
    memory.associate(ids[3], ids[2])
    return ids


def test_round_trip(opened: Opened, tmp_path: Path) -> None:
    memory, other = opened(), opened()
    filled(memory)
    assert memory.export(tmp_path / "dump.jsonl") == 4
    assert other.load_export(tmp_path / "dump.jsonl") == 4
    assert other.list() == memory.list()
    assert sorted(other._store.associations()) == sorted(memory._store.associations())
    for namespace in ("default", "b"):
        one, two = state(memory, namespace), state(other, namespace)
        one.pop("seqs"), two.pop("seqs")
        assert one == two
    assert other.recall("where does the dog hide") == memory.recall("where does the dog hide")
    assert other.chain("Rex") == memory.chain("Rex")


def test_one_namespace(memory: AssociativeMemory, tmp_path: Path) -> None:
    ids = filled(memory)
    assert memory.export(str(tmp_path / "b.jsonl"), namespace="b") == 2
    other = fresh()
    assert other.load_export(tmp_path / "b.jsonl") == 2
    assert other.list() == memory.list(namespace="b")
    assert [*other._store.associations()] == [(ids[3], ids[2], 1.0)]


def test_more_than_one_batch(tmp_path: Path) -> None:
    memory, other = fresh(), fresh()
    for part in range(3):
        memory.add([f"turn {part} {number}" for number in range(200)], namespace=f"n{part % 2}")
    assert memory.export(tmp_path / "dump.jsonl") == 600
    assert other.load_export(tmp_path / "dump.jsonl") == 600
    for namespace in ("n0", "n1"):
        assert other.list(namespace=namespace) == memory.list(namespace=namespace)


def test_an_empty_memory(memory: AssociativeMemory, tmp_path: Path) -> None:
    assert memory.export(tmp_path / "dump.jsonl") == 0
    assert fresh().load_export(tmp_path / "dump.jsonl") == 0


def test_a_failed_export_leaves_the_old_file(memory: AssociativeMemory, tmp_path: Path) -> None:
    filled(memory)
    path = tmp_path / "dump.jsonl"
    path.write_text("what was there")
    memory.close()
    with pytest.raises(NuonuoError):
        memory.export(path)
    assert path.read_text() == "what was there"
    assert [each.name for each in tmp_path.iterdir() if "jsonl" in each.name] == ["dump.jsonl"]


@pytest.mark.parametrize("call", ["export", "load_export"])
@pytest.mark.parametrize(
    ("where", "says"),
    [("no/such/dump.jsonl", "create it"), ("", "folder"), ("a file/dump.jsonl", "create it")],
)
def test_a_path_that_cannot_be_used(
    memory: AssociativeMemory, tmp_path: Path, call: str, where: str, says: str
) -> None:
    (tmp_path / "a file").write_text("")
    filled(memory)
    before = everything(memory)
    with pytest.raises(FileError, match=says) as raised:
        getattr(memory, call)(tmp_path / where)
    assert isinstance(raised.value, OSError) and raised.value.errno
    assert "\n" not in str(raised.value)
    assert everything(memory) == before
    assert [each.name for each in tmp_path.iterdir() if "dump" in each.name] == []


def test_the_users_home_is_expanded_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("~/m.db", Path("~/m.db")):
        with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
            memory.add("rex")
            assert memory.stats().path == str(tmp_path / "m.db")
            assert memory.export("~/dump.jsonl") == memory.stats().memories
    assert fresh().load_export(Path("~") / "dump.jsonl") == 2
    assert {"m.db", "dump.jsonl"} <= {each.name for each in tmp_path.iterdir()}


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A whole export."""
    path = tmp_path_factory.mktemp("dumped") / "dump.jsonl"
    memory = fresh()
    memory.add([f"turn {number}" for number in range(300)], namespace="a")  # more than one batch
    filled(memory)
    memory.export(path)
    return path.read_text(encoding="utf-8")


def change(lines: list[Any], how: str) -> bytes:
    """The export, broken in the way that ``how`` names; always in its last memory or association."""
    last = max(at for at, line in enumerate(lines) if "memory" in line)
    record = lines[last].get("memory")
    match how:
        case "no header":
            del lines[0]
        case "another version":
            lines[0]["version"] = 99
        case "no json":
            return b"\n".join(json.dumps(line).encode() for line in lines) + b"\n{oops\n"
        case "no utf-8":
            return b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\xff\xfe\n"
        case "nothing at all":
            return b""
        case "a number":
            lines.append(5)
        case "an unknown field":
            record["colour"] = "red"
        case "no text":
            del record["text"]
        case "an empty text":
            record["text"] = ""
        case "a text that is none":
            record["text"] = 7
        case "no id":
            record["id"] = None
        case "an id twice":
            record["id"] = lines[1]["memory"]["id"]
        case "a time that is none":
            record["timestamp"] = "yesterday"
        case "no namespace":
            record["namespace"] = None
        case "cues that are none":
            record["cues"] = "cue"
        case "an association with nobody":
            lines[-1]["association"][1] = "nobody"
        case "an association with itself":
            lines[-1]["association"][1] = lines[-1]["association"][0]
        case "an association through the wall":
            lines[-1]["association"][1] = lines[1]["memory"]["id"]
        case "a weight out of bounds":
            lines[-1]["association"][2] = 2
        case "a weight that is none":
            lines[-1]["association"][2] = "heavy"
        case "an association of two":
            lines[-1]["association"].pop()
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.mark.parametrize(
    "how",
    [
        "no header",
        "another version",
        "no json",
        "no utf-8",
        "nothing at all",
        "a number",
        "an unknown field",
        "no text",
        "an empty text",
        "a text that is none",
        "no id",
        "an id twice",
        "a time that is none",
        "no namespace",
        "cues that are none",
        "an association with nobody",
        "an association with itself",
        "an association through the wall",
        "a weight out of bounds",
        "a weight that is none",
        "an association of two",
    ],
)
def test_a_broken_export_changes_nothing(
    memory: AssociativeMemory, tmp_path: Path, dumped: str, how: str
) -> None:
    memory.add("what was here")
    before = everything(memory)
    path = tmp_path / "dump.jsonl"
    path.write_bytes(change([json.loads(line) for line in dumped.split("\n") if line], how))
    with pytest.raises(InvalidInputError, match=r"dump\.jsonl"):
        memory.load_export(path)
    assert everything(memory) == before


def test_ids_that_are_taken(memory: AssociativeMemory, tmp_path: Path) -> None:
    filled(memory)
    memory.export(tmp_path / "dump.jsonl")
    before = everything(memory)
    with pytest.raises(InvalidInputError, match="already stored"):
        memory.load_export(tmp_path / "dump.jsonl")
    assert everything(memory) == before
