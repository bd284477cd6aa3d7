"""The project itself: what its files say of each other, and what they must not say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import nuonuo
from tests.pages import ROOT, read

TEXTS = (".py", ".md", ".toml", ".txt", ".yml", ".json", ".cfg", ".css", ".svg", "")
FOLDERS = (
    "core",
    "nuonuo_integrations",
    "examples",
    "tests",
    "peers",
    "benchmarks",
    "docs",
    ".github",
    ".ci",
)

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


def test_no_file_names_a_path_of_one_machine() -> None:
    assert len(files()) > 50
    told = {
        str(path.relative_to(ROOT)): found
        for path in files()
        if (found := MACHINE.findall(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert told == {}
    assert MACHINE.findall("in " + "/ho" + "me/nell/x")  # it would be seen


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
    assert {"minilm", "onnx", "langchain", "agents", "llama-index", "cli"} <= named
    assert named <= extras


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", read("CHANGELOG.md"), re.M)
    assert versions[0] == nuonuo.__version__


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
