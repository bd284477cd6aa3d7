"""The documentation as text: which pages there are, and what is written in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def read(name: str) -> str:
    """The text of a file, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]


def shell_lines(text: str) -> list[str]:
    """The commands of the shell blocks of a Markdown text, without what is said about them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    return [re.split(r"\s{2,}# ", line)[0] for block in blocks for line in block.splitlines()]


def commands(program: str) -> list[str]:
    """The lines of all pages' shell blocks that call ``program``."""
    return [line for page in PAGES for line in shell_lines(read(page)) if line.partition(" ")[0] == program]


def sections(text: str) -> dict[str, str]:
    """The sections of a Markdown text by their headings, each up to the next heading of whatever level."""
    outside = re.sub(
        r"^```.*?^```$", lambda block: re.sub(r"^#", " #", block[0], flags=re.M), text, flags=re.M | re.S
    )
    parts = re.split(r"^#{1,6} (.+)\n", outside, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and MkDocs make it."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-")
