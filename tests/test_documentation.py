"""The documentation's Python blocks run as they stand, and print what they say they print.

The blocks under one heading of a page share a namespace and a folder, and run in their order. A line
``print(...)  # text`` promises that text, and a block of text right after one of code what else it prints.
"""

from __future__ import annotations

import ast
import builtins
import re
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nuonuo import errors
from nuonuo.encoding.embedders.weights import ONNX_INT8, SAFETENSORS
from nuonuo.errors import MissingDependencyError
from tests.pages import PAGES, read

_PART = re.compile(
    r"^(?P<marks>#{1,6}) (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)
_PROMISE = re.compile(r"^\s*print\(.*\)  # (.*)$", re.M)
_OWN = {"nuonuo", "nuonuo_integrations"}


class Block(NamedTuple):
    """One block of code.

    Attributes:
        page: where it stands. heading: the headings that it stands under there.
        place: its number among the blocks there. promised: the lines that it says it prints.
    """

    page: str
    heading: str
    place: int
    code: str
    promised: list[str]

    def beside(self, other: Block) -> bool:
        """Whether the two stand under one heading."""
        return self[:2] == other[:2]


def blocks_of(page: str, text: str) -> list[Block]:
    """The Python blocks of a page's Markdown text, in order."""
    found: list[Block] = []
    path: list[tuple[int, str]] = []
    heading, place, end = "", 0, -1
    for part in _PART.finditer(text):
        if part["heading"]:
            level = len(part["marks"])
            path = [*(above for above in path if above[0] < level), (level, part["heading"])]
            heading, place = " / ".join(name for _, name in path), 0
        elif part["language"] == "python":
            found.append(Block(page, heading, place, part["code"], _PROMISE.findall(part["code"])))
            place, end = place + 1, part.end()
        elif part["language"] == "text" and end >= 0 and not text[end : part.start()].strip():
            found[-1].promised.extend(part["code"].splitlines())
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page, read(page))]


def imported(code: str) -> list[tuple[str, str | None]]:
    """The modules that ``code`` imports, each with a name that it takes from there, if any."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return found


def skip_unless_installed(section: list[Block]) -> None:
    """Skip where what the blocks import, or the embedder that they rely on, is not installed."""
    code = "\n".join(block.code for block in section)
    for module, name in imported(code):
        if module.partition(".")[0] not in _OWN:
            pytest.importorskip(module)
        elif name is not None:
            try:
                getattr(import_module(module), name)
            except MissingDependencyError as error:
                pytest.skip(str(error))
    if uses_minilm(code):
        pytest.importorskip("torch")
        pytest.importorskip("sentence_transformers")
        if SAFETENSORS.installed() is None:
            pytest.skip("the packaged weights are not installed")
    if 'backend="onnx"' in code:
        pytest.importorskip("onnxruntime")
        if ONNX_INT8.installed() is None:
            pytest.skip("the packaged ONNX weights are not installed")


def uses_minilm(code: str) -> bool:
    """Whether ``code`` asks for the packaged embedder, or for none, which is the same."""
    return "MiniLM(" in code or "embedder=" not in code


class Reader:
    """Runs blocks as a reader would who copies all of a heading's blocks into one session."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._namespaces: dict[tuple[str, str], dict[str, Any]] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._at: dict[tuple[str, str], Path] = {}

    def folder(self, block: Block) -> Path:
        if block[:2] not in self._at:
            self._at[block[:2]] = self._folders.mktemp("documentation")
        return self._at[block[:2]]

    def run(self, block: Block) -> None:
        """Run ``block``, and those before it under its heading that have not run yet."""
        namespace = self._namespaces.setdefault(block[:2], {"__name__": "__main__"})
        done = self._places.get(block[:2], 0)
        for each in (b for b in BLOCKS if b.beside(block) and done <= b.place <= block.place):
            name = f"{each.page}, {each.heading!r}, block {each.place + 1}"
            exec(compile(each.code, name, "exec"), namespace)
            self._places[block[:2]] = each.place + 1


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of LangChain's classic chains, by design
@pytest.mark.filterwarnings("ignore:.*deprecated.*")
@pytest.mark.parametrize(
    "block", BLOCKS, ids=lambda block: f"{block.page}: {block.heading}-{block.place + 1}"
)
def test_a_block_runs(
    block: Block,
    reader: Reader,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    section = [each for each in BLOCKS if each.beside(block) and each.place <= block.place]
    skip_unless_installed(section)
    if uses_minilm("".join(each.code for each in section)):  # loaded once for all
        model = request.getfixturevalue("minilm")
        monkeypatch.setattr("nuonuo.memory.default_embedder", lambda: model)
    monkeypatch.chdir(reader.folder(block))
    reader.run(block)
    printed = capsys.readouterr().out.splitlines()
    # What came before this block, where that had to run first, may stand above.
    assert printed[len(printed) - len(block.promised) :] == block.promised


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_found(page: str) -> None:
    text = read(page)
    assert len([block for block in BLOCKS if block.page == page]) == text.count("```python")
    assert text.count("\n```") % 2 == 0  # every fence that opens closes


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_every_error_that_is_named_exists(page: str) -> None:
    named = {*re.findall(r"\b[A-Z]\w+Error\b", read(page))}
    assert {name for name in named if not hasattr(errors, name) and not hasattr(builtins, name)} == set()


def test_there_are_blocks_to_run() -> None:
    with_blocks = {block.page for block in BLOCKS}
    assert {
        f"docs/{name}.md" for name in ("index", "langchain", "llama_index", "using", "operating")
    } <= with_blocks
    assert "README.md" in with_blocks and len(BLOCKS) > 20


def test_the_reader_notices() -> None:
    text = (
        "# A\n```python\nx = 1\n```\n```sh\n# no\n```\n```python\nprint(x)  # 1\n```\n\n```text\n2\n```\n"
        "### B\n```python\nx\n```\nand\n```text\n3\n```\n## C\n```python\nx\n```\n"
    )
    blocks = blocks_of("a page", text)
    assert {block.page for block in blocks} == {"a page"}
    assert [(block.heading, block.place) for block in blocks] == [
        ("A", 0),
        ("A", 1),
        ("A / B", 0),
        ("A / C", 0),
    ]
    assert [block.promised for block in blocks] == [[], ["1", "2"], [], []]
    assert imported("import a.b\nfrom c import d") == [("a.b", None), ("c", "d")]
