"""Reports in, Markdown out: each figure of a page is one of the JSON's, and a page that is not fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.scale import results
from nuonuo.evaluation.tables import BEGIN, END, PARTS, Report, read_reports, render

ROOT = Path(__file__).resolve().parents[2]
LOCOMO = {  # system -> R@1, R@10, any@5, all@5; of multi-hop questions R@10
    "dense": (16.02, 47.34, 77.0, 88.0, 29.3),
    "bm25": (33.8, 47.0, 92.7, 83.2, 36.2),
    "dense+bm25 (rrf)": (23.5, 59.0, 86.5, 77.5, 59.0),
    "langchain": (16.04, 47.34, 77.0, 88.0, 29.3),  # as dense, to the digit that is shown
    "llama-index": (16.02, 47.34, 77.0, 87.0, 29.3),  # not quite
    "nuonuo": (49.5, 87.8, 92.7, 87.5, 57.0),
}
KEYS = (
    ("turn", "recall", 1, "all", 997),
    ("turn", "recall", 10, "all", 997),
    ("session", "any", 5, "all", 997),
    ("session", "all", 5, "all", 997),
    ("turn", "recall", 10, "multi-hop", 142),
)


def conditions(name: str, **other: Any) -> dict[str, Any]:
    data = {
        "name": name, "file": f"{name}.json.gz", "sha256": "0123456789abcdef" * 4, "split": "dev",
        "roles": "both", "pooled": False, "memories": 2760, **other.pop("data", {}),
    }  # fmt: skip
    return {
        "data": data,
        "embedder": "words",
        "machine": {"processor": "Abacus", "cores": 2, "memory_gib": 8.0},
        "date": "2026-11-21T23:51:50+00:00",
        "command": f"nuonuo bench --data {name}.json.gz",
        **other,
    }


def figure(
    system: str, mean: float, level: str, metric: str, k: int, category: str, n: int
) -> dict[str, Any]:
    return {
        "system": system, "level": level, "metric": metric, "k": k, "category": category, "questions": n,
        "mean": mean,
    }  # fmt: skip


def retrieval(name: str, figures: Mapping[str, tuple[float, ...]], keys: Any = KEYS, **other: Any) -> Report:
    found = [
        figure(system, mean, *key)
        for system, means in figures.items()
        for mean, key in zip(means, keys, strict=True)
    ]
    sure = [
        {"system": system, "positive": "own questions", "negative": "others", "positives": 9, "negatives": 7,
         "auroc": auroc}
        for system, auroc in other.pop("sure", {}).items()
    ]  # fmt: skip
    content = {"conditions": conditions(name, **other), "figures": found, "confidence": sure}
    return Report(name, content, f"{name}.md")


def page(part: str, *reports: Report) -> list[str]:
    """The lines that the reports put into a page between its marks."""
    text = f"before\n{BEGIN} {part} -->\nold | figures\n{END}\nafter\n"
    lines = render("page.md", text, reports, "../benchmarks/").splitlines()
    assert (lines[:3], lines[-3:]) == (["before", f"{BEGIN} {part} -->", ""], ["", END, "after"])
    assert "old | figures" not in lines
    return lines[3:-3]


SURE = {"dense": 0.993, "bm25": 0.8243, "nuonuo": 0.6612}


def test_the_summary_is_the_reports_figures() -> None:
    assert page("summary", retrieval("locomo_dev", LOCOMO, sure=SURE)) == [
        "Split: dev. Embedder: words. Configuration: the default. Measured: 2026-11-21. "
        "Machine: Abacus, 2 cores, 8 GiB.",
        "The constants were chosen while looking at development splits: expect less elsewhere.",
        "",
        "| in % | dense alone | BM25 | RRF | NuoNuo |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| LoCoMo (997 questions), turns, R@1 | 16.0 | 33.8 | 23.5 | **49.5** |",
        "| LoCoMo, turns, R@10 | 47.3 | 47.0 | 59.0 | **87.8** |",
        "| LoCoMo, multi-hop (142 questions), turns, R@10 | 29.3 | 36.2 | **59.0** | 57.0 |",
        "| LoCoMo, sessions, any@5 / all@5 "
        "| 77.0 / **88.0** | **92.7** / 83.2 | 86.5 / 77.5 | **92.7** / 87.5 |",
        "| confidence, LoCoMo: own questions (9) against others (7), AUROC | **99.3** | 82.4 | – | 66.1 |",
        "",
        "The frameworks' own retrievers, on the same embeddings:",
        "",
        "- LangChain's `InMemoryVectorStore`: the figures of dense alone in every row of retrieval.",
        "- LlamaIndex's `VectorStoreIndex`: the figures of dense alone in 3 of 4 rows; "
        "not in LoCoMo, sessions, any@5 / all@5: 77.0 / 87.0.",
        "- mem0 (`infer=False`): not run.",
    ]


def test_each_way_of_asking_has_its_rows() -> None:
    one = (("session", "any", 1, "all", 139), ("turn", "recall", 10, "all", 124))
    asked = (("turn", "recall", 5, "all", 99), ("turn", "recall", 10, "all", 99))
    passages = (("passage", "recall", 2, "all", 50), ("passage", "recall", 5, "all", 50))
    figures = {"dense": (50.0, 60.0), "mem0 (infer=False)": (50.0, 60.0), "nuonuo": (70.0, 50.0)}
    without = {system: figures[system] for system in ("dense", "nuonuo")}
    pooled = {"roles": "user", "pooled": True, "memories": 34178}
    rows = page(
        "summary",
        retrieval("2wiki_dev", figures, passages),
        retrieval("longmemeval_s_dev", without, one),
        retrieval("longmemeval_s_dev_pooled", without, one, data=pooled),
        retrieval("locomo_dev_asked", without, asked, command="nuonuo bench locomo --asked 2"),
        retrieval("mine", figures, passages),  # no headline: nobody else has it
    )
    assert [line for line in rows if line.startswith(("| L", "| 2"))] == [
        "| LoCoMo asked before (99 questions, each asked 2 times before, in vain), turns, R@5 / R@10 "
        "| 50.0 / **60.0** | – | – | **70.0** / 50.0 |",
        "| LongMemEval-S pooled (139 questions, 34,178 user turns in one namespace), sessions, any@1 / any@5 "
        "| 50.0 / – | – | – | **70.0** / – |",
        "| LongMemEval-S with both roles (139 questions), sessions, any@1 / all@5 "
        "| 50.0 / – | – | – | **70.0** / – |",
        "| LongMemEval-S with both roles (124 questions), turns, R@10 | **60.0** | – | – | 50.0 |",
        "| 2WikiMultiHopQA (50 questions), passages, R@2 / R@5 | 50.0 / **60.0** | – | – | **70.0** / 50.0 |",
    ]
    assert rows[-1] == (
        "- mem0 (`infer=False`): the figures of dense alone in 1 of 1 rows; "
        "not run: LoCoMo asked before, LongMemEval-S pooled, LongMemEval-S with both roles."
    )


def test_held_out_questions_come_first_and_what_differs_is_named() -> None:
    keys = (("passage", "recall", 2, "all", 50), ("passage", "recall", 5, "all", 50))
    fitted = retrieval("musique_dev", {"nuonuo": (57.9, 73.6)}, keys)
    held_out = retrieval("musique_test", {"nuonuo": (47.8, 63.7)}, keys, data={"split": "test"})
    other = retrieval("hotpotqa_dev", {"nuonuo": (85.5, 94.0)}, keys, command="nuonuo bench --set beta=2.0")
    lines = page("summary", fitted, other, held_out)
    assert lines[0].startswith(
        "Split: test (MuSiQue); dev (HotpotQA). Embedder: words. "
        "Configuration: the default (MuSiQue); beta=2.0 (HotpotQA). "
    )
    assert (
        "| MuSiQue (50 questions), passages, R@2 / R@5 | – | – | – | 47.8 / 63.7 |" in lines
    )  # alone, nothing is best
    assert not any("57.9" in line for line in lines)
    whole = page("recall", fitted, other, held_out)
    assert [line.split(".")[0] for line in whole if line.startswith("Split")] == ["Split: test", "Split: dev"]
    assert any("57.9" in line for line in whole)


def test_two_reports_on_the_same_are_not_chosen_between() -> None:
    one, two = retrieval("locomo_dev", LOCOMO), retrieval("locomo_again", LOCOMO)
    with pytest.raises(InvalidInputError, match=r"locomo_dev\.json and locomo_again\.json both report"):
        page("summary", one, two)


def test_where_a_baseline_is_ahead() -> None:
    assert page("behind", retrieval("locomo_dev", LOCOMO, sure=SURE))[2:] == [
        "| LoCoMo | all (997) | sessions, all@5 | dense alone 88.0 | 87.5 |",
        "| LoCoMo | multi-hop (142) | turns, R@10 | RRF 59.0 | 57.0 |",
        "| LoCoMo | all | own questions (9) against others (7), AUROC | dense alone 99.3 | 66.1 |",
    ]


def ablation_report(name: str, level: str, k: int, changes: Mapping[str, tuple[float, float]]) -> Report:
    variants = [{"variant": "base", "mean": 50.04, "change": 0.0, "folds": {"deviation": 0.0}}]
    variants += [
        {"variant": variant, "mean": 50 + change, "change": change, "folds": {"deviation": deviation}}
        for variant, (change, deviation) in changes.items()
    ]
    entry = {"level": level, "metric": "recall", "k": k, "variants": variants}
    content = {
        "conditions": conditions(name, variants={variant: {"beta": 2.0} for variant in changes}),
        "ablation": [entry],
    }
    return Report(f"ablation_{name}", content, f"ablation_{name}.md")


def test_ablations_of_the_same_parts_share_a_table() -> None:
    lines = page(
        "ablation",
        ablation_report("locomo_dev", "turn", 1, {"no x": (-3.64, 3.67), "no y": (0.0, 0.0)}),
        ablation_report("musique_dev", "passage", 2, {"no x": (0.04, 4.25), "no y": (3.58, 2.3)}),
        ablation_report("locomo_dev_asked", "turn", 1, {"none": (-11.9, 1.8)}),
    )
    assert [line for line in lines if re.match(r"\| (variant|base|no)", line)] == [
        "| variant | what is set | LoCoMo, turns, R@1 | MuSiQue, passages, R@2 |",
        "| base |  | 50.0 | 50.0 |",
        "| no x | `beta=2.0` | -3.6 ± 3.7 | 0.0 ± 4.2 |",
        "| no y | `beta=2.0` | 0 | +3.6 ± 2.3 |",
        "| variant | what is set | LoCoMo asked before, turns, R@1 |",
        "| base |  | 50.0 |",
        "| none | `beta=2.0` | -11.9 ± 1.8 |",
    ]


def test_speed_and_chains_have_a_column_a_report_and_say_where_it_is_from() -> None:
    speed = {
        "memories": 20000, "questions": 150, "k": 10, "store": "SQLite file", "add_per_second": 1639.17,
        "add_one_ms_p50": 1.66, "add_one_ms_p95": 2.0, "build_seconds": 8.37, "recall_ms_p50": 4.8,
        "recall_ms_p95": 7.6, "exact_ms_p50": 1.23, "recall_to_exact": 3.909, "hop_ms_p50": 0.78,
        "hop_ms_p95": 1.02, "shard_bytes": 129470643, "resident_bytes": None,
    }  # fmt: skip
    chains = {
        "memories": 20000, "chains": 100, "hops": 6, "cue_cosine": 0.6, "starts_right": 1.0,
        "hops_right": 0.9985, "least_cosine": 0.99999,
    }  # fmt: skip
    stated = conditions("longmemeval_s_dev")
    reports = [
        Report("speed", {"conditions": stated, "speed": speed}, "speed.md"),
        Report("made_up", {"conditions": {**stated, "data": None}, "chains": chains}, "made_up.json"),
    ]
    assert page("summary", retrieval("locomo_dev", LOCOMO), *reports)[-1] == (
        "With 20,000 memories (SQLite file), a recall takes 4.8 ms (p50, embedder excluded) "
        "and all that is derived 129 MB of RAM (Abacus, 2 cores, 8 GiB)."
    )
    lines = page("full", *reports)
    assert [line for line in lines if line.startswith("#")] == ["### Speed and size", "### Chains"]
    for line in (
        "| embedder excluded | 20,000 memories, SQLite file, 150 questions, k = 10 (speed) |",
        "| recall, p50 / p95 | 4.8 / 7.6 ms |",
        "| recall over exact search, p50 | 3.9 |",
        "| add, in batches | 1,639 a second |",
        "| indexes, patterns and associations in RAM | 129 MB |",
        "| growth of the whole process | – |",  # the system did not tell
        "| [speed](../benchmarks/speed.md) | longmemeval_s_dev.json.gz | `0123456789ab…` | dev "
        "| 2026-11-21 23:51 | Abacus, 2 cores, 8 GiB | `nuonuo bench --data longmemeval_s_dev.json.gz` |",
        "| walks from a noisy cue | 100 chains of 6 hops, cue at cosine 0.6, 20,000 memories (made_up) |",
        "| right hops | 99.9% |",
        "| [made_up](../benchmarks/made_up.json) | made up | – | made up "
        "| 2026-11-21 23:51 | Abacus, 2 cores, 8 GiB | `nuonuo bench --data longmemeval_s_dev.json.gz` |",
    ):
        assert line in lines, line


def test_scale_has_a_table_a_store_and_a_table_a_size() -> None:
    engine = [
        {"size": size, "store": "RAM", "recall_ms_p50": 2.0, "recall_ms_p95": 3.0, "recall_ms_p99": 4.5,
         "hop_ms_p50": 0.3, "build_seconds": size / 1000, "resident_bytes": None}
        for size in (1000, 2000)
    ]  # fmt: skip
    engine.append({"size": 2000, "store": "SQLite file", "stopped": "more than 9 s"})
    exact = {"query_ms_p50": 0.125, "query_ms_p99": 1.0, "build_seconds": 0.5, "recall_at_k": 1.0}
    found = {
        "sizes": [1000, 2000], "k": 10, "questions": 300, "threads": 1, "embedder": "hash-384",
        "engine": engine, "systems": [{"system": "exact", "name": "exact, NumPy", "size": 1000, **exact}],
        "skipped": {"chroma": "pip install chromadb"},
        "exponents": {"nuonuo, RAM": {"recall_ms_p50": 0.0, "build_seconds": 1.0}},
        "namespaces": {"namespaces": 50, "each": 20, "visits": 9, "held_ms_p50": 1.25, "held_ms_p99": 2.0},
    }  # fmt: skip
    stated = {**conditions("x"), "data": None}
    lines = page("scale", Report("scale", {"conditions": stated, "scale": found}, "scale.md"))
    for line in (
        "**NuoNuo, RAM**",
        "|  | 1,000 | 2,000 | exponent |",
        "| recall, p50 / p95 / p99 | 2.00 / 3.00 / 4.50 ms | 2.00 / 3.00 / 4.50 ms | 0.00 |",
        "| add all, one in 32 by itself | 1.0 s | 2.0 s | 1.00 |",
        "| hop of a chain, p50 | 0.30 ms | 0.30 ms | – |",
        "| NuoNuo, RAM | 2.00 / 4.50 ms | 1.0 s | – | – | – |",
        "| exact, NumPy | 0.12 / 1.00 ms | 0.5 s | – | – | 100.0% |",
        "| NuoNuo, SQLite file | – | – | – | – | – |",
        "| 50 namespaces of 20 memories, 9 visited | value |",
        "| recall in a namespace that is in RAM, p50 / p99 | 1.25 / 2.00 ms |",
        "- chroma is left out: pip install chromadb",
        "- NuoNuo, SQLite file, 2,000 memories: stopped at more than 9 s",
    ):
        assert line in lines, line
    every = results.engine_table(found, "RAM")[1]
    assert not any(row[0].startswith("growth") for row in every)  # nobody was told of it


def test_start_has_a_column_an_embedder() -> None:
    row = {
        "given": "onnx", "embedder": "all-MiniLM-L6-v2-int8", "memories": 20000, "wall_seconds": 1.234,
        "processor_seconds": None, "resident_bytes": 200_000_000,
        "turns_per_second": {"500": 85.2, "8": 67.0, "1": 63.4},
    }  # fmt: skip
    content = {"conditions": {**conditions("x"), "data": None}, "start": {"threads": 1, "rows": [row]}}
    lines = page("start", Report("start", content, "start.md"))
    for line in (
        "| 20,000 memories | onnx (all-MiniLM-L6-v2-int8) |",
        "| start of the process to the first answer | 1.23 s |",
        "| of it one processor's time | – |",
        "| memory of that process | 200 MB |",
        "| turns embedded a second of one processor's time: 500 / 8 / 1 at a time | 85 / 67 / 63 |",
    ):
        assert line in lines, line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no marks", "0 lines"),
        (f"{BEGIN} summary -->\n", "1 lines .* and 0 lines"),
        (f"{BEGIN} summary -->\n{BEGIN} recall -->\n{END}\n", "2 lines .* and 1 lines"),
        (f"{END}\n{BEGIN} summary -->\n", "1 lines .* and 1 lines"),
        (f"{BEGIN} sumary -->\n{END}\n", "figures 'sumary'; there are full, summary, recall"),
        (f"{BEGIN} speed -->\n{END}\n", "figures 'speed', of which the reports hold none"),
    ],
)
def test_a_page_that_cannot_be_filled_says_why(text: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"(?s)page\.md .*{says}"):
        render("page.md", text, [retrieval("locomo_dev", LOCOMO)], "")


def test_several_blocks_keep_what_stands_around_them() -> None:
    report = retrieval("locomo_dev", LOCOMO)
    text = f"a\n\n{BEGIN} summary -->\n{END}\n\nb `{END}`\n{BEGIN} -->\n{END}\nc"
    once = render("page.md", text, [report], "")
    assert render("page.md", once, [report], "") == once
    assert re.sub(rf"(?ms)^({BEGIN}.*?-->\n).*?^({END})$", r"\1\2", once) == text
    assert once.count("**49.5**") == 2 and "## What is recalled" in once


def test_reports_are_read_with_what_lies_beside_them(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(retrieval("locomo_dev", LOCOMO).content), encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(retrieval("mine", LOCOMO).content), encoding="utf-8")
    (tmp_path / "b.md").touch()
    found = read_reports(tmp_path)
    assert [(report.name, report.page) for report in found] == [("a", "a.json"), ("b", "b.md")]
    for broken in ("{", "[]", '{"conditions": {}}'):
        (tmp_path / "c.json").write_text(broken, encoding="utf-8")
        with pytest.raises(InvalidInputError, match=r"c\.json is not a report"):
            read_reports(tmp_path)
    with pytest.raises(InvalidInputError, match="no folder of reports"):
        read_reports(tmp_path / "none")


@pytest.mark.parametrize("part", PARTS)
def test_the_projects_reports_fill_every_part(part: str) -> None:
    lines = page(part, *read_reports(ROOT / "benchmarks"))
    assert any(line.startswith("| ") for line in lines)


@pytest.mark.parametrize("name", ["README.md", "docs/benchmarks.md"])
def test_the_projects_pages_show_its_reports(name: str) -> None:
    path = ROOT / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN not in text:
        pytest.skip(f"{name} shows no figures")
    folder = "../" * name.count("/") + "benchmarks/"
    same = render(name, text, read_reports(ROOT / "benchmarks"), folder) == text
    assert same, f"{name} is not what its reports give: run `nuonuo bench tables`"
