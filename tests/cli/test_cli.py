"""Every command of `nuonuo`, on small data and with the embedder replaced by one without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.evaluation.generated import generated_texts
from nuonuo.evaluation.synthetic import HashEmbedder
from tests.evaluation.samples import LOCOMO, LONGMEMEVAL, MULTIHOP, OWN, write, write_lines
from tests.fakes import FAST

pytest.importorskip("rich")

from nuonuo.cli import commands as cli


@pytest.mark.parametrize(
    ("kind", "content", "options"),
    [
        ("locomo", LOCOMO, ()),
        ("longmemeval", LONGMEMEVAL, ("--roles", "both")),
        ("longmemeval", LONGMEMEVAL, ("--pooled", "--limit", "1")),
        ("locomo", LOCOMO, ("--asked", "2")),
        ("multihop", MULTIHOP, ()),
    ],
)
def test_bench_retrieval(
    kind: str, content: object, options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write(tmp_path, f"{kind}_dev.json", content), tmp_path / "out.json"
    given = [
        "bench",
        kind,
        "--data",
        str(data),
        "--systems",
        "dense,nuonuo",
        "--out",
        str(out),
        *FAST,
        *options,
    ]
    assert cli.main(given) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert {row["system"] for row in report["figures"]} == {"dense", "nuonuo"}
    assert report["conditions"]["config"]["n_units"] == 512
    assert report["conditions"]["command"].startswith(f"nuonuo bench {kind} --data")
    assert "| nuonuo |" in out.with_suffix(".md").read_text(encoding="utf-8")
    shown = capsys.readouterr().out
    assert "dense" in shown
    assert "nuonuo" in shown
    assert (tmp_path / "cache" / "nuonuo" / "embeddings.db").exists()


def test_bench_jsonl_with_every_installed_system(tmp_path: Path) -> None:
    data, out = write_lines(tmp_path, "mine.jsonl", OWN), tmp_path / "out.json"
    cache = tmp_path / "elsewhere" / "cache.db"
    assert (
        cli.main(["bench", "jsonl", "--data", str(data), "--out", str(out), "--cache", str(cache), *FAST])
        == 0
    )
    report = json.loads(out.read_text(encoding="utf-8"))
    assert {"dense", "nuonuo"} <= {row["system"] for row in report["figures"]}
    assert cache.exists()
    kinds = {row["negative"] for row in report["confidence"]}
    assert kinds == {"another namespace's questions", "unanswerable questions"}


def test_bench_all_takes_a_folder(tmp_path: Path) -> None:
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    write(folder, "locomo_dev.json", LOCOMO)
    write(folder, "longmemeval_s_dev.json", LONGMEMEVAL)
    write_lines(folder, "mine.jsonl", OWN)
    assert cli.main(["bench", "all", "--data", str(folder), "--systems", "dense", "--out", str(out)]) == 0
    assert {path.stem for path in out.glob("*.json")} == {
        "locomo_dev", "longmemeval_s_dev", "longmemeval_s_dev_pooled", "mine",
    }  # fmt: skip


def test_bench_ablate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write(tmp_path, "locomo_dev.json", LOCOMO), tmp_path / "ablation.json"
    given = [
        "bench",
        "ablate",
        "--data",
        str(data),
        "--out",
        str(out),
        *FAST,
        "--variant",
        "no dense: dense_weight=0",
    ]
    assert cli.main(given) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert [row["variant"] for row in report["ablation"][0]["variants"]] == ["base", "no dense"]
    assert report["conditions"]["variants"] == {"no dense": {"dense_weight": 0.0}}
    assert report["ablation"][0]["held_out"]["base"]["mean"] >= 0
    assert "no dense" in capsys.readouterr().out


def test_bench_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path, "locomo_dev.json", LOCOMO)
    reports = tmp_path / "benchmarks"
    out = str(reports / "locomo.json")
    assert cli.main(["bench", "locomo", "--data", str(data), "--systems", "nuonuo", "--out", out, *FAST]) == 0
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench", "tables"]) == 1  # no page
    assert "none of README.md, docs/benchmarks.md" in capsys.readouterr().err
    readme, page = tmp_path / "README.md", tmp_path / "docs" / "benchmarks.md"
    page.parent.mkdir()
    for path, part in ((readme, "summary"), (page, "full")):
        path.write_text(f"# Page\n<!-- figures:begin {part} -->\n<!-- figures:end -->\n", encoding="utf-8")
    empty = readme.read_text(encoding="utf-8")
    assert cli.main(["bench", "tables", "--check"]) == 1
    assert "README.md, docs/benchmarks.md differ" in capsys.readouterr().err.replace("\\", "/")
    assert readme.read_text(encoding="utf-8") == empty
    assert cli.main(["bench", "tables", "docs/benchmarks.md"]) == 0  # only what is named
    assert readme.read_text(encoding="utf-8") == empty
    assert "[locomo](../benchmarks/locomo.md)" in page.read_text(encoding="utf-8")
    assert cli.main(["bench", "tables"]) == 0
    assert "| LoCoMo (" in readme.read_text(encoding="utf-8")
    assert cli.main(["bench", "tables", "--check"]) == 0
    assert cli.main(["bench", "tables", "none.md"]) == 1
    assert cli.main(["bench", "tables", "--reports", "none"]) == 1


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("speed", "--n", "130", "--questions", "5", "--ram"), "recall_ms_p50"),
        (("chains", "--n", "60", "--chains", "2", "--hops", "2"), "hops_right"),
    ],
)
def test_bench_without_data(command: tuple[str, ...], key: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert cli.main(["bench", *command, "--out", str(out), *FAST]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert key in report[command[0]]
    assert report["conditions"]["data"] is None
    assert report["conditions"]["embedder"] == "hash-384"


def test_bench_chains_over_a_data_set(tmp_path: Path) -> None:
    data, out = write(tmp_path, "locomo_dev.json", LOCOMO), tmp_path / "out.json"
    given = ["bench", "chains", "--data", str(data), "--chains", "1", "--hops", "2", "--out", str(out), *FAST]
    assert cli.main(given) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["chains"]["memories"] == 7


def test_bench_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUONUO_KERNELS", "numpy")  # which processes need not load
    lines = [{"memories": generated_texts(24), "questions": [{"question": "who was it?", "relevant": []}]}]
    data, out = write_lines(tmp_path, "mine.jsonl", lines), tmp_path / "out" / "scale.json"
    given = ["bench", "scale", "--data", str(data), "--stand-in", "--sizes", "24", "--stores", "ram", *FAST]
    many = ["--systems", "langchain", "--namespaces", "3", "--each", "8", "--visits", "2", "--budget", "2"]
    assert cli.main([*given, *many, "--out", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    found, page = report["scale"], out.with_suffix(".md").read_text(encoding="utf-8")
    assert report["conditions"]["data"]["file"] == "mine.jsonl"
    assert report["conditions"]["embedder"] == found["embedder"] == "hash-384"
    assert [(row["size"], row["store"]) for row in found["engine"]] == [(24, "RAM")]
    langchain = [row for row in found["systems"] if row["system"] == "langchain"]
    if find_spec("langchain_core"):
        assert [row["recall_at_k"] for row in langchain] == [1.0]
    else:
        assert "langchain is left out: " in page
    assert (found["namespaces"]["memories"], found["namespaces"]["shards"]) == (24, 2)
    assert found["namespaces"]["budget_bytes"] == 2_000_000
    assert "| recall, p50 / p95 / p99 |" in page
    assert "3 namespaces of 8 memories" in capsys.readouterr().out
    assert not (tmp_path / "cache").exists()  # nothing was embedded


def test_bench_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "start.json"
    given = ["bench", "start", "--n", "20", "--turns", "5", "--processes", "1", "--embedders", "onnx"]
    assert cli.main([*given, "--out", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    (row,) = report["start"]["rows"]
    assert (row["given"], row["embedder"], row["memories"]) == ("onnx", "hash-384", 20)
    assert "| start of the process to the first answer |" in out.with_suffix(".md").read_text(
        encoding="utf-8"
    )
    assert "onnx (hash-384)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["bench", "start", "--n", "20"], "as many turns as memories or fewer, got 20, 5 and 500"),
        (["bench", "scale", "--sizes", "10k"], "--sizes takes whole numbers"),
        (["bench", "scale", "--sizes", "7"], "at least 20 memories, got 7"),
        (["bench", "scale", "--sizes", "50", "--systems", "psychic"], "there is no system 'psychic'"),
        (["bench", "scale", "--sizes", "50", "--stores", "tape"], "there is no store 'tape'"),
        (["bench", "scale", "--sizes", "50", "--budget", "0"], "the budget must be at least 2 MB, got 0 MB"),
        (["bench", "scale", "--sizes", "50", "--questions", "0"], "needs a question"),
        (["bench", "scale", "--data", "nowhere.json"], "there is no data set at 'nowhere.json'"),
        (["bench", "locomo", "--data", "nowhere.json"], "there is no data set at 'nowhere.json'"),
        (["bench", "all", "--data", "nowhere"], "takes a folder"),
        (["bench", "speed", "--set", "nonsense=1"], "expected field=value"),
        (["stats", "nowhere.db"], "there is no file 'nowhere.db'"),
        (["recall", "nowhere.db", "who?"], "there is no file"),
        (["export", "nowhere.db", "dump.jsonl"], "there is no file"),
        (["import", "new.db", "nowhere.jsonl"], "there is no file"),
    ],
)
def test_errors_are_one_line(
    given: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(given) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("*.db"))  # asking for a file does not make one


def test_a_wrong_baseline_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path, "locomo.json", LOCOMO)
    assert cli.main(["bench", "locomo", "--data", str(data), "--systems", "psychic"]) == 1
    assert "there is no baseline 'psychic'" in capsys.readouterr().err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "memories.db"
    with AssociativeMemory.open(path, embedder=HashEmbedder()) as memory:
        memory.add(["Rex is a [beagle].", "Rex fears thunder."], timestamp="2024-05-01", session_id="s")
        memory.add("The bus leaves at nine.", namespace="travel")
    return path


def test_stats(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stats", str(file), "--json"]) == 0
    stats = json.loads(capsys.readouterr().out)
    assert (stats["memories"], stats["names"]) == (3, ["default", "travel"])
    assert cli.main(["stats", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "memories: 3" in shown
    assert "namespace 'travel'" in shown


def test_recall(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recall", str(file), "what is Rex, a beagle?", "-k", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Rex is a [beagle]. 2024-05-01" in shown  # brackets are text, not markup
    assert "confidence" in shown
    assert cli.main(["recall", str(file), "when does the bus leave?", "--namespace", "travel", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [hit["memory"]["text"] for hit in result["hits"]] == ["The bus leaves at nine."]
    assert result["hits"][0]["evidence"]["signals"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ["recall", "{}", "Rex?", "--namespace", "Travle"],
            "there is no namespace 'Travle' in {}; near it: 'travel'",
        ),
        (["recall", "{}", "Rex?", "--namespace", "xyz"], "there: 'default', 'travel'"),
        (["export", "{}", "dump.jsonl", "--namespace", "travels"], "near it: 'travel'"),
        (["export", "{}", "no/such/dump.jsonl"], "does not exist; create it"),
        (["import", "{}", "."], "there is no file '.'"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    given: list[str],
    says: str,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([part.format(file) for part in given]) == 1
    shown = capsys.readouterr()
    assert says.format(file) in shown.err
    assert shown.err.count("\n") == 1
    assert "confidence" not in shown.out
    assert not list(tmp_path.glob("dump*"))


def test_many_namespaces_are_not_all_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=HashEmbedder()) as memory:
        assert cli.main(["recall", str(path), "Rex?"]) == 1
        assert "holds no memories yet" in capsys.readouterr().err
        memory.add([Memory("Rex", namespace=f"user {number:02}") for number in range(30)])
    assert cli.main(["recall", str(path), "Rex?"]) == 1
    assert capsys.readouterr().err.endswith("'user 09' and 20 more\n")


def test_the_users_home_is_expanded(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    name = f"~/{file.name}"
    assert cli.main(["stats", name]) == 0
    assert cli.main(["recall", name, "Rex?"]) == 0
    assert cli.main(["export", name, "~/dump.jsonl"]) == 0
    assert cli.main(["import", "~/copy.db", "~/dump.jsonl"]) == 0
    data = write(tmp_path, "locomo.json", LOCOMO)
    options = ["--data", f"~/{data.name}", "--cache=~/cache/e.db", "--out=~/out/report.json"]
    assert cli.main(["bench", "locomo", "--systems", "nuonuo", *options]) == 0
    for made in ("dump.jsonl", "copy.db", "cache/e.db", "out/report.json", "out/report.md"):
        assert (tmp_path / made).is_file(), made


def test_export_and_import(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump, copy = tmp_path / "dump.jsonl", tmp_path / "copy.db"
    assert cli.main(["export", str(file), str(dump)]) == 0
    assert cli.main(["import", str(copy), str(dump)]) == 0
    assert "3 memories added" in capsys.readouterr().out
    with AssociativeMemory.open(copy, embedder=HashEmbedder()) as memory:
        assert {each.text for each in memory.list()} == {
            "Rex is a [beagle].", "Rex fears thunder.", "The bus leaves at nine.",
        }  # fmt: skip
    only = tmp_path / "only.jsonl"
    assert cli.main(["export", str(file), str(only), "--namespace", "travel"]) == 0
    assert "1 memories written" in capsys.readouterr().out


def test_the_module_runs_and_help_needs_no_model() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nuonuo.cli", "bench", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in (
        "locomo", "longmemeval", "multihop", "jsonl", "speed", "scale", "start", "chains", "ablate", "all",
    ):  # fmt: skip
        assert command in done.stdout


def test_the_command_line_imports_no_torch_and_no_framework() -> None:
    code = "import sys, nuonuo.cli; print({'torch', 'langchain_core', 'llama_index'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_commands_take_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.postgres import drop_schemas, fresh_address

    address, dump = fresh_address(), tmp_path / "dump.jsonl"
    with AssociativeMemory(embedder=HashEmbedder()) as memory:
        memory.add([Memory("Rex is afraid of thunder.", id="rex"), "The garage code is 4471."])
        memory.export(dump)
    assert cli.main(["import", address, str(dump)]) == 0
    assert cli.main(["stats", address, "--json"]) == 0
    assert cli.main(["recall", address, "thunder", "-k", "1"]) == 0
    assert cli.main(["export", address, str(tmp_path / "again.jsonl")]) == 0
    assert cli.main(["recall", address, "thunder", "--namespace", "nobody"]) == 1
    assert cli.main(["import", address, address]) == 1
    shown = capsys.readouterr()
    assert '"memories": 2' in shown.out
    assert "Rex is afraid of thunder." in shown.out
    assert "postgresql://" in shown.out
    assert "pass%2Fw" not in shown.out + shown.err
    assert (tmp_path / "again.jsonl").read_text() == dump.read_text()
    drop_schemas()


def test_migrate_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.postgres import drop_schemas, fresh_address

    first, last, address = tmp_path / "first.db", tmp_path / "last.db", fresh_address()
    with AssociativeMemory.open(first, embedder=HashEmbedder()) as memory:
        ids = memory.add(["Rex is afraid of thunder.", "The garage code is 4471."])
        memory.associate(*ids, 0.5)
        told = memory.recall("thunder")
    assert cli.main(["migrate", str(first), address]) == 0
    assert cli.main(["migrate", str(first), address]) == 0
    assert cli.main(["migrate", address, str(last)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 memories copied to postgresql://" in shown
    assert "0 memories copied to" in shown and "2 were there already, 1 associations" in shown
    assert "pass%2Fw" not in shown
    with AssociativeMemory.open(last, embedder=HashEmbedder()) as memory:
        again = memory.recall("thunder")
    assert [(hit.memory, hit.score) for hit in again] == [(hit.memory, hit.score) for hit in told]
    assert cli.main(["migrate", str(tmp_path / "nowhere.db"), address]) == 1
    drop_schemas()


def test_doctor_names_what_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3

    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=HashEmbedder()) as memory:
        memory.add([Memory("Rex is afraid of thunder.", id="rex"), Memory("The code is 4471.", id="code")])
    assert cli.main(["doctor", str(path)]) == 0
    assert "2 memories read" in capsys.readouterr().out
    file = sqlite3.connect(path)
    file.execute("UPDATE memories SET body = replace(body, CAST('4471' AS BLOB), CAST('4472' AS BLOB))")
    (bodies,) = file.execute("SELECT group_concat(typeof(body)) FROM memories").fetchone()
    if bodies != "blob,blob":
        file.execute("UPDATE memories SET body = CAST(body AS BLOB)")
    file.commit()
    file.close()
    assert cli.main(["doctor", str(path)]) == 1
    shown = capsys.readouterr()
    assert "memory 'code' of 'default'" in shown.out
    assert "1 of 2 memories" in shown.err
