"""The pages of the documentation: what they say of the code, of the Makefile and of each other holds."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import fields
from importlib import import_module
from typing import Any

import pytest

import nuonuo
from nuonuo import stores
from tests.pages import DOCS, PAGES, ROOT, anchor, commands, read, sections, shell_lines

ADAPTERS = {
    (package, name)
    for package in ("langchain", "llama_index")
    for name in import_module(f"nuonuo_integrations.{package}").__all__
}
RECALL = read("docs/recall.md")
REFERENCES = sorted({name for page in PAGES for name in re.findall(r"\]\[(nuonuo[\w.]*)\]", read(page))})


def prose(text: str) -> str:
    """``text`` with every stretch of white space as one space, so that lines may break anywhere."""
    return " ".join(text.split())


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(read("README.md").splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES)
def test_a_page_points_at_what_exists(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, place = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if place:
            assert place in map(anchor, sections(target.read_text(encoding="utf-8"))), link
    for name in {*re.findall(r"`(\w+\.py)`", text)}:
        assert [*(ROOT / "core" / "nuonuo").rglob(name)], name
    for name in {
        *re.findall(r"`((?:core|nuonuo_integrations|tests|examples|docs|benchmarks)/[\w./]+)`", text)
    }:
        assert (ROOT / name).exists(), name


def test_every_page_is_in_the_navigation_and_in_the_readme() -> None:
    pages = {path.name for path in DOCS.glob("*.md")}
    assert {*re.findall(r"^  - [\w ]+: ([\w.]+)$", read("mkdocs.yml"), re.M)} == pages
    assert pages <= {*re.findall(r"\]\(docs/([\w.]+)\)", read("README.md"))} | {"index.md"}


def test_figures_stand_between_their_marks() -> None:
    for page, parts in (("README.md", 1), ("docs/benchmarks.md", 7)):
        blocks = re.findall(r"<!-- figures:begin \w+ -->\n(.*?)<!-- figures:end -->\n", read(page), re.S)
        assert len(blocks) == parts and all("| " in block for block in blocks), page
        assert "NuoNuo |" in blocks[0]


def test_every_command_is_one() -> None:
    pytest.importorskip("rich")
    from nuonuo.cli.commands import _parser

    lines = commands("nuonuo")
    assert len(lines) > 10
    for line in lines:
        given = shlex.split(line)[1:]
        assert callable(_parser(given).parse_args(given).run), line


def test_the_makefile_has_every_target_that_is_named() -> None:
    targets = {*re.findall(r"^([a-z]+):", read("Makefile"), re.M)}
    named = {line.split()[1] for line in commands("make")}
    for page in PAGES:
        named |= {*re.findall(r"`make ([a-z]+)", read(page))}
    assert {"demo", "test", "bench", "check", "docs"} <= named
    assert named <= targets


def test_every_file_that_a_command_takes_exists() -> None:
    told = [word for page in PAGES for line in shell_lines(read(page)) for word in line.split()]
    ours = [word.partition("::") for word in told if re.match(r"(core|docs|examples|tests)/", word)]
    assert len(ours) > 5
    for path, _, test in ours:
        assert (ROOT / path).exists(), path
        assert not test or f"def {test}(" in read(path), test


def test_every_error_is_in_the_tree_and_in_the_reference() -> None:
    for name in re.findall(r"^class (\w+)", read("core/nuonuo/errors.py"), re.M):
        assert re.search(rf"\b{name}\b", sections(read("docs/operating.md"))["Errors"]), name
        assert f"\n::: nuonuo.errors.{name}\n" in read("docs/api.md"), name


@pytest.mark.parametrize(("package", "name"), sorted(ADAPTERS))
def test_every_adapter_has_an_example_and_a_reference(package: str, name: str) -> None:
    example = sections(read(f"docs/{package}.md"))[name]
    assert re.search(rf"^```python\n[^`]*\b{name}\(?[^`]*^```$", example, re.M)
    assert f"\n::: nuonuo_integrations.{package}.{name}\n" in read("docs/api.md")


def test_every_public_name_is_in_the_reference() -> None:
    reference = read("docs/api.md")
    for name in {*nuonuo.__all__} - {"NuonuoError"}:
        assert f"\n::: nuonuo.{name}\n" in reference, name
    for name in {*stores.__all__} - {"START"}:
        assert f"\n::: nuonuo.stores.{name}\n" in reference, name
    for path in (ROOT / "core" / "nuonuo" / "associative").glob("[!_]*.py"):
        assert re.search(rf"^::: nuonuo\.associative\.{path.stem}$", reference, re.M), path.stem


@pytest.mark.parametrize("name", REFERENCES)
def test_what_is_referred_to_exists(name: str) -> None:
    found: Any = nuonuo
    for depth, part in enumerate(name.split(".")[1:], 2):
        if not hasattr(found, part):
            import_module(".".join(name.split(".")[:depth]))
        found = getattr(found, part)
    assert found.__doc__


def test_each_equation_names_its_function() -> None:
    equations = {
        heading: text
        for heading, text in sections(RECALL).items()
        if "```text" in text and heading != "How recall works"
    }
    assert len(equations) > 20
    for heading, text in equations.items():
        said = text.partition("\nFunction")[2]
        assert re.match(r"s?: \[`[\w.]+`\]\[nuonuo\.", said), heading


def test_every_constant_is_stated_as_it_is() -> None:
    """``name` = value`` on any page, of a field of `MemoryConfig` or of a module's constant."""
    config = {field.name: getattr(nuonuo.MemoryConfig(), field.name) for field in fields(nuonuo.MemoryConfig)}
    modules: dict[str, set[Any]] = {}
    for path in (ROOT / "core" / "nuonuo").rglob("*.py"):
        for name, value in re.findall(r"^([A-Z_]+) = ([\d.]+)\b", path.read_text(encoding="utf-8"), re.M):
            modules.setdefault(name, set()).add(ast.literal_eval(value))
    stated = [
        (name, ast.literal_eval(value.replace(",", "")))
        for page in PAGES
        for name, value in re.findall(r'`(\w+)` = ("\w+"|True|False|None|\d(?:[\d,.]*\d)?)', read(page))
    ]
    for name, value in stated:
        assert value in ({config[name]} if name in config else modules[name]), name
    assert {*config} <= {name for name, _ in stated}


def test_the_equations_have_the_engines_constants() -> None:
    config = nuonuo.MemoryConfig()
    text = prose(RECALL)
    for said in (
        f"g = {config.neighbour_discount}",
        f"^ {config.idf_power}",
        f"k1 = {config.bm25_k1}, b = {config.bm25_b}",
        f"{config.lexical_weight} lex(m)  +  {config.dense_weight} cos",
        f"{config.temporal_near} max B(m ± 1)  +  {config.temporal_far} max B(m ± 2)",
        f"{config.temporal_own} ({config.temporal_near} + {config.temporal_far}) B(m))",
        f"2 <= df <= {config.content_max_df}",
        f"{config.content_weight:g} max_i V_ij a_i",
        f"a_i = (E(i) / E_best)^{config.content_sharpness:g}",
        f"= {config.hop_weight} a of what led to it · o",
        f"M(m) = {config.content_weight:g} · {config.naming_floor} · rarity",
        f"f = {config.content_floor}, or {config.naming_floor} where i calls j by its title",
        f"{config.date_fade:g} + days of the period",
        f"counts {config.reply_discount:g} and not g",
        f"counts {config.temporal_reply} and not {config.temporal_near}",
        f"counts {config.asked_discount:g}",
        f"keeps 1 - (1 - {config.asked_discount:g}) l(m + 1)",
        f"keep 1 - (1 - {config.echo_discount:g}) max(0, 1 - 1.5 n)",
        f"l(m)^{config.long_discount} Σ_t",
        f"min(1, {config.short_turn} / content tokens of m)",
        f"{config.explicit_weight} max_i A_ij a_i",
        f"in-degree(j)^{config.hub_damping}",
        f"softmax({config.beta:g} · [B(1), ..., B(C), {config.null_energy}])",
        f"The {config.dense_candidates} memories with the nearest vectors",
        f"the {config.lexical_candidates} best of BM25",
        f"at most {config.link_targets} targets",
        f"best {config.dense_candidates} × {config.oversampling}",
        f"{config.n_active} of {config.n_units:,} units",
        f"in time ({config.chain_temporal};",
        f"by content ({config.chain_content} V)",
        f"loss(m, m') = {config.repeat_loss} B(m)",
        f"loss(m, m') = {config.redundancy_weight} max(0,",
    ):
        assert prose(said) in text, said


def test_the_map_of_the_house_has_every_room() -> None:
    layers = read("pyproject.toml").partition("layers = [")[2].partition("]")[0]
    rooms = re.findall(r"\w+", layers)
    assert len(rooms) > 10
    for room in rooms:
        assert f"`{room}`" in sections(read("CONTRIBUTING.md"))["The house"], room
