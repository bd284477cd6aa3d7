from __future__ import annotations

from pathlib import Path

import pytest

from nuonuo.evaluation.synthetic import HashEmbedder


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands run whole; only the model they would load is another."""
    monkeypatch.setattr("nuonuo.cli.embedder.MiniLM", lambda *model, **backend: HashEmbedder())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
