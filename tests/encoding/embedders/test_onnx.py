"""all-MiniLM-L6-v2 through ONNX Runtime: what it computes, what a file remembers it by, and without torch."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Encoding, MiniLM
from nuonuo.encoding.embedders import weights
from nuonuo.encoding.embedders.centre import centre_of, known_centres
from nuonuo.errors import EmbedderMismatchError, FileError, InvalidInputError, MissingDependencyError
from tests.corpus import CORPUS

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")
if weights.ONNX_INT8.installed() is None:
    pytest.skip("the packaged ONNX weights are not installed", allow_module_level=True)

LONG = " ".join(CORPUS * 3)  # several windows
ODD = [
    "[SEP] a mark [MASK]", "naïve café ÉCOLE", "日本語のテキスト and English", "привет мир", "\U0001f600",
    "a" * 300, "\x00x\ufffd", "ﬁne ½", "Rex\u2019s  \t dog\n\n", "   ",
]  # fmt: skip


@pytest.fixture(scope="module")
def onnx() -> MiniLM:
    return MiniLM(backend="onnx")


@pytest.fixture(scope="module")
def packaged() -> Path:
    path = weights.ONNX_INT8.checked()
    assert path is not None
    return path


def same(one: Encoding, other: Encoding) -> bool:
    assert one.tokens is not None and other.tokens is not None
    assert one.spans is not None and other.spans is not None
    return (
        np.array_equal(one.vectors, other.vectors)
        and np.array_equal(one.tokens, other.tokens)
        and np.array_equal(one.spans, other.spans)
    )


# -- what it computes ---------------------------------------------------------------------------------


def test_shapes(onnx: MiniLM) -> None:
    short, long = onnx.encode_documents(["Rex is afraid of thunder.", LONG])
    assert short.vectors.shape == (1, onnx.dimension) == (1, 384)
    assert short.tokens is not None and short.spans is not None
    assert short.tokens.shape == (6, onnx.token_dimension) and short.tokens.dtype == np.float32
    assert [("Rex is afraid of thunder."[s:e]) for s, e in short.spans.tolist()][-2:] == ["thunder", "."]
    assert long.spans is not None and len(long.vectors) > 3
    assert (np.diff(long.spans[:, 0]) >= 0).all() and long.spans[-1, 1] == len(LONG)
    assert np.allclose(np.linalg.norm(long.vectors, axis=1), 1, atol=1e-6)


def test_a_text_alone_and_among_others_is_the_same(onnx: MiniLM) -> None:
    texts = [*CORPUS, LONG, *ODD]
    for text, found in zip(texts, onnx.encode_documents(texts), strict=True):
        (alone,) = onnx.encode_queries([text])
        assert same(alone, found), text
    small = MiniLM(backend="onnx", batch_tokens=1)
    assert all(map(same, small.encode_documents(texts[:5]), onnx.encode_documents(texts[:5])))


def test_it_serves_many_threads(onnx: MiniLM) -> None:
    alone = onnx.encode_documents(CORPUS)
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda text: onnx.encode_queries([text])[0], CORPUS)]
    assert all(map(same, found, alone))


def test_it_reads_as_torch_does_and_means_nearly_the_same(onnx: MiniLM, minilm: MiniLM) -> None:
    texts = [*CORPUS, LONG, *ODD]
    differ = []
    for one, other in zip(onnx.encode_documents(texts), minilm.encode_documents(texts), strict=True):
        assert one.spans is not None and np.array_equal(one.spans, other.spans)
        assert one.tokens is not None and other.tokens is not None
        assert ((one.vectors * other.vectors).sum(axis=1) > 0.99).all()
        differ.append((one.tokens > 0) != (other.tokens > 0))
    assert 0 < np.concatenate(differ).mean() < 0.02  # of the patterns' bits: so it is another embedder


def test_the_centre_that_is_written_down_is_what_is_computed(onnx: MiniLM, minilm: MiniLM) -> None:
    for model in (onnx, minilm):
        assert np.abs(centre_of(model._load(), 4096) - known_centres()[model.name]).max() < 1e-6


def test_it_recalls(onnx: MiniLM) -> None:
    with AssociativeMemory(embedder=onnx) as memory:
        memory.add(CORPUS)
        assert memory.recall("what scares my dog?", k=1)[0].memory.text == CORPUS[1]
        assert CORPUS[47] in [hit.memory.text for hit in memory.recall("a shop that sells loaves", k=3)]
        assert memory.recall("How do I bake sourdough?").confidence < 0.1


# -- what a file remembers it by ----------------------------------------------------------------------


def test_int8_is_another_embedder(onnx: MiniLM, tmp_path: Path) -> None:
    float32 = MiniLM(backend="torch")  # its name needs no torch
    assert (onnx.name, float32.name) == ("all-MiniLM-L6-v2-int8", "all-MiniLM-L6-v2")
    path = tmp_path / "m.db"
    AssociativeMemory.open(path, embedder=float32).close()
    with pytest.raises(EmbedderMismatchError, match=r"backend='torch'.*nuonuo\[minilm\].*nuonuo export"):
        AssociativeMemory.open(path, embedder=onnx)


def test_an_export_leads_from_one_to_the_other(onnx: MiniLM, minilm: MiniLM, tmp_path: Path) -> None:
    with AssociativeMemory.open(tmp_path / "torch.db", embedder=minilm) as memory:
        memory.add(CORPUS[:5])
        memory.export(tmp_path / "dump.jsonl")
    with AssociativeMemory.open(tmp_path / "onnx.db", embedder=onnx) as memory:
        assert memory.load_export(tmp_path / "dump.jsonl") == 5
        assert memory.recall("what scares my dog?", k=1)[0].memory.text == CORPUS[1]


def test_a_file_of_ones_own_is_known_by_its_bytes(onnx: MiniLM, packaged: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").symlink_to(packaged)
    for given in (packaged, tmp_path, tmp_path / "onnx" / "model.onnx"):
        mine = MiniLM(str(given), backend="onnx")
        assert mine.name == onnx.name
        assert (mine.dimension, mine.token_dimension) == (384, 384)
        assert same(mine.encode_queries(ODD[:3])[0], onnx.encode_queries(ODD[:3])[0])
    assert MiniLM(str(packaged)).backend == "onnx"
    assert pickle.loads(pickle.dumps(MiniLM(str(packaged)))).name == onnx.name


def test_other_bytes_are_known_by_what_they_compute(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuonuo.encoding.embedders.onnx_runtime import bert_tokenizer

    other = tmp_path / "model.onnx"
    other.write_bytes(
        packaged.read_bytes() + b"\x1a\x01x"
    )  # the same graph, with "x" as its producer's version
    with pytest.raises(FileError, match=r"no tokenizer\.json beside"):
        MiniLM(str(other)).encode_queries(["Rex"])
    bert_tokenizer().save(str(tmp_path / "tokenizer.json"))
    assert MiniLM(str(other)).name == weights.INT8
    monkeypatch.setattr("nuonuo.encoding.embedders.minilm.same_centre", lambda centre: None)
    assert MiniLM(str(other)).name == f"onnx:{weights.sha256_of(other)[:16]}"
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}', encoding="utf-8")
    with pytest.raises(InvalidInputError, match="otherwise than by the mean"):
        MiniLM(str(other)).encode_queries(["Rex"])


def test_the_tokenizer_is_the_models_own() -> None:
    installed = weights.SAFETENSORS.installed()
    if installed is None:
        pytest.skip("the package that has the tokenizer is not installed")
    from tokenizers import Tokenizer

    from nuonuo.encoding.embedders.onnx_runtime import bert_tokenizer

    theirs, ours = Tokenizer.from_file(str(installed.with_name("tokenizer.json"))), bert_tokenizer()
    theirs.no_padding()
    theirs.no_truncation()
    for text in [*CORPUS, LONG, *ODD, ""]:
        one, other = theirs.encode(text), ours.encode(text)
        assert (one.ids, one.offsets) == (other.ids, other.offsets)


# -- what is missing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["no/such/folder", "no/such/model.onnx", "sentence-transformers/a-name"])
def test_there_is_no_such_file(given: str) -> None:
    with pytest.raises(FileError, match=r"no ONNX file at .*model\.onnx"):
        MiniLM(given, backend="onnx")  # when it is made: nothing was stored or asked yet


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    from nuonuo.encoding.embedders.onnx_runtime import bert_tokenizer

    bert_tokenizer().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(FileError, match=r"cannot load .*model\.onnx"):
        MiniLM(str(tmp_path), backend="onnx").encode_queries(["Rex"])
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FileError, match=r"tokenizer\.json is no tokenizer"):
        MiniLM(str(tmp_path), backend="onnx").encode_queries(["Rex"])


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_a_package_that_is_missing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"{package}.*nuonuo\[onnx\]"):
        MiniLM(backend="onnx").encode_queries(["Rex"])


ONLY_ONNX = """
import sys
for name in ("torch", "sentence_transformers", "transformers"):
    sys.modules[name] = None
from nuonuo import AssociativeMemory
memory = AssociativeMemory()
memory.add("Rex is afraid of thunder.")
print(memory.recall("What scares my dog?")[0].memory.text, memory.stats().embedder)
heavy = ("torch", "sentence_transformers", "transformers", "huggingface_hub")
print({name for name in heavy if sys.modules.get(name)})
"""


def test_where_there_is_no_torch_it_is_the_default() -> None:
    done = subprocess.run([sys.executable, "-c", ONLY_ONNX], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["Rex is afraid of thunder. all-MiniLM-L6-v2-int8", "set()"], (
        done.stderr
    )


def test_the_command_line_takes_it_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    with AssociativeMemory.open(tmp_path / "m.db", embedder=MiniLM(backend="onnx")) as memory:
        memory.add("Rex is afraid of thunder.")
    code = (
        "import sys; from nuonuo.cli import main\n"
        "done = main(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'nuonuo.evaluation'}\n"
        "print(done, heavy & {*sys.modules})"
    )
    given = ["recall", str(tmp_path / "m.db"), "What scares my dog?", "--embedder", "onnx"]
    done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=False)
    assert "Rex is afraid of thunder." in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "0 set()"
