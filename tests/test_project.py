"""The project itself: what its files say of each other, and what they must not say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import nuonuo

ROOT = Path(__file__).resolve().parent.parent
TEXTS = (".py", ".md", ".toml", ".txt", ".yml", ".json", ".cfg", "")
FOLDERS = ("core", "nuonuo_integrations", "examples", "tests", "benchmarks", ".github", ".ci")

# Folders of some one's machine, written so that this file does not hold them itself.
MACHINE = re.compile(
    "(?<![\\w.])(?:" + "|".join(["/" + f + "/" for f in ("home", "root", "work", "Users", "tmp")]) + ")"
)


def files() -> list[Path]:
    """The project's own text files."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [path for path in found if path.suffix in TEXTS and "__pycache__" not in path.parts]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines(text: str) -> list[str]:
    """The lines of the shell blocks of a Markdown text."""
    return [
        line for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S) for line in block.splitlines()
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert len(files()) > 50
    told = {
        str(path.relative_to(ROOT)): found
        for path in files()
        if (found := MACHINE.findall(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert told == {}
    assert MACHINE.findall("in " + "/ho" + "me/nell/x")  # it would be seen


def test_the_makefile_has_every_target_that_the_readme_names() -> None:
    targets = {*re.findall(r"^([a-z]+):", read("Makefile"), re.M)}
    readme = read("README.md")
    named = {*re.findall(r"`make ([a-z]+)", readme)}
    named |= {line.split()[1] for line in shell_lines(readme) if line.startswith("make ")}
    assert {"demo", "test", "bench"} <= named
    assert named <= targets


def test_the_extras_that_are_named_exist() -> None:
    table = read("pyproject.toml").partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = {*re.findall(r"^([\w-]+) = \[", table, re.M)}
    named: set[str] = set()
    for path in files():
        if path.suffix in (".py", ".md") and path != Path(__file__):
            for group in re.findall(
                r"""pip install ["'](?:nuonuo|\.)\[([\w,-]+)\]""", path.read_text(encoding="utf-8")
            ):
                named |= {*group.split(",")}
    assert {"minilm", "langchain", "agents", "llama-index", "cli"} <= named
    assert named <= extras


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", read("CHANGELOG.md"), re.M)
    assert versions[0] == nuonuo.__version__


def test_the_readme_points_at_files_that_exist() -> None:
    text = read("README.md")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for name in {*re.findall(r"`(\w+\.py)`", text)}:
        assert [*(ROOT / "core" / "nuonuo").rglob(name)], name


def test_the_readme_shows_every_error_and_public_adapter() -> None:
    text = read("README.md")
    for name in re.findall(r"^class (\w+)", read("core/nuonuo/errors.py"), re.M):
        assert name in text, name
    for package in ("langchain", "llama_index"):
        for name in re.findall(
            r'^    "(\w+)": \(?"', read(f"nuonuo_integrations/{package}/__init__.py"), re.M
        ):
            assert name in text, name


def test_the_readme_has_the_engines_constants() -> None:
    config = nuonuo.MemoryConfig()
    design = read("README.md").partition("## Design")[2].partition("## Benchmarks")[0]
    for said in (
        f"g = {config.neighbour_discount}",
        f"^ {config.idf_power}",
        f"k1 = {config.bm25_k1}, b = {config.bm25_b}",
        f"{config.lexical_weight} lex(m)  +  {config.dense_weight} cos",
        f"dense weight becomes {config.token_weight + config.dense_weight}",
        f"{config.temporal_near} max B(m ± 1)  +  {config.temporal_far} max B(m ± 2)",
        f"{config.temporal_own} ({config.temporal_near} + {config.temporal_far}) B(m))",
        f"2 <= df <= {config.content_max_df}",
        f"{config.content_weight:g} max_i V_ij (E(i) / E_best)^{config.content_sharpness:g}",
        f"f = {config.content_floor}, or {config.naming_floor} where i names j",
        f"{config.date_fade:g} + days of the period",
        f"counts {config.reply_discount:g} and not g",
        f"counts {config.temporal_reply} and not {config.temporal_near}",
        f"counts\n{config.asked_discount:g}",
        f"l(m)^{config.long_discount} Σ_t",
        f"min(1, {config.short_turn} / content tokens of m)",
        f"{config.explicit_weight} max_i A_ij",
        f"in-degree(j)^{config.hub_damping}",
        f"softmax({config.beta:g} · [B(1), ..., B(C), {config.null_energy}])",
        f"The {config.dense_candidates} memories with the nearest vectors",
        f"the {config.lexical_candidates} best of BM25",
        f"at most {config.link_targets} targets",
        f"best {config.dense_candidates} × {config.oversampling}",
        f"{config.n_active} of {config.n_units:,} units",
        f"in time ({config.chain_temporal};",
        f"by content ({config.chain_content} V)",
    ):
        assert said in design, said


def test_every_command_of_the_readme_is_one() -> None:
    pytest.importorskip("rich")
    from nuonuo.cli.commands import _parser

    commands = [
        line.partition("    #")[0] for line in shell_lines(read("README.md")) if line.startswith("nuonuo ")
    ]
    assert len(commands) > 5
    for command in commands:
        assert callable(_parser().parse_args(shlex.split(command)[1:]).run), command


def test_the_installed_distribution_shows_nothing_else(tmp_path: Path) -> None:
    try:
        metadata.distribution("nuonuo")
    except metadata.PackageNotFoundError:
        pytest.skip("nuonuo is not installed here")
    code = (
        "from importlib.util import find_spec\n"
        "print(*[name for name in ('nuonuo', 'nuonuo_integrations', 'core', 'examples') if find_spec(name)])"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    )
    assert done.stdout.split() == ["nuonuo", "nuonuo_integrations"]
