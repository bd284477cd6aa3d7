"""A hook of MkDocs: the reports in benchmarks/ become pages of the site.

In the repository the pages link to them where they lie, outside of docs/.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every report, and its plot, under reports/."""
    for path in sorted([*BENCHMARKS.rglob("*.md"), *BENCHMARKS.rglob("*.png")]):
        name = path.relative_to(BENCHMARKS).as_posix()
        files.append(File.generated(config, f"reports/{name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link to them there."""
    return markdown.replace("](../benchmarks/", "](reports/")
