"""all-MiniLM-L6-v2, or another encoder of its kind, through ONNX Runtime: without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.encoding.embedders.windows import Ids, Window
from nuonuo.errors import FileError, InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = Path(__file__).with_name("uncased_vocabulary.txt")  # BERT's, which the model reads by
LIMIT = 256  # tokens of a window, where the model's folder does not say
MISSING = (
    "MiniLM(backend='onnx') needs {}: pip install 'nuonuo[onnx]', or hand in an embedder of your own: "
    "AssociativeMemory(embedder=...)"
)


class OnnxRuntime:
    """An ONNX file whose token vectors' mean is the sentence vector, on the CPU.

    Args:
        path: the ONNX file, with an output (B, L, d) float32.
        known: it is all-MiniLM-L6-v2, whose tokenizer is at hand; of any other file the tokenizer.json
            must lie beside it or one folder above.
        overlap: tokens of context that a window repeats from the one before it.

    Raises:
        MissingDependencyError: onnxruntime or tokenizers is not installed.
        FileError: the file, or its tokenizer, is not there or cannot be read.
        InvalidInputError: the model has no token vectors, or its sentence vector is not their mean.
    """

    def __init__(self, path: Path, known: bool, overlap: int) -> None:
        beside = [path.parent, path.parent.parent] if path.parent.name == "onnx" else [path.parent]
        _check_pooling(beside)
        limit = int(_settings(beside, "sentence_bert_config.json").get("max_seq_length") or LIMIT)
        self._tokenizer = _tokenizer(path, beside, known)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(limit, stride=min(overlap, limit // 4))
        self._session = _session(path)
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._output = next((o.name for o in self._session.get_outputs() if len(o.shape) == 3), "")
        if not self._output:
            raise InvalidInputError(
                f"{path} has no output of token vectors, shape (batch, tokens, d), expected one such as "
                "last_hidden_state; export the model without its pooling"
            )
        self.unknown: int | None = self._tokenizer.token_to_id("[UNK]")
        if self.unknown is None:
            self.unknown = self._tokenizer.token_to_id("<unk>")
        self.dimension = self.run(np.array([self._tokenizer.encode("").ids], np.int64))[0].shape[1]

    def windows(self, texts: Sequence[str]) -> list[Window]:
        return [
            Window(text, np.array(part.ids, np.int64), np.array(part.offsets, np.int32))
            for text, read in enumerate(self._tokenizer.encode_batch(list(texts)))
            for part in (read, *read.overflowing)
        ]

    def run(self, ids: Ids) -> tuple[FloatArray, FloatArray]:
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        feed = {name: value for name, value in given.items() if name in self._inputs}
        tokens = np.asarray(self._session.run([self._output], feed)[0], np.float32)
        return tokens.mean(axis=1), tokens


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(MISSING.format("onnxruntime")) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0) or _processors()
    # Idle threads wait and do not spin: an application has other things to do with its processors.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many types, which onnxruntime does not name in public
        raise FileError(f"ONNX Runtime cannot load {path} ({error}); get the file anew") from error


def _tokenizer(path: Path, beside: Sequence[Path], known: bool) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingDependencyError(MISSING.format("tokenizers")) from error
    if known:
        return bert_tokenizer()
    for folder in beside:
        if (file := folder / "tokenizer.json").is_file():
            try:
                return Tokenizer.from_file(str(file))
            except Exception as error:  # tokenizers raises nothing more special
                raise FileError(f"{file} is no tokenizer ({error}); get the file anew") from error
    raise FileError(
        f"there is no tokenizer.json beside {path}; put the one that the model was made with there"
    )


def bert_tokenizer() -> Tokenizer:
    """The tokenizer of all-MiniLM-L6-v2: BERT's, lower case (Devlin et al. 2019)."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    wordpiece = models.WordPiece.from_file(str(VOCABULARY), unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = Tokenizer(wordpiece)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)]
    )
    return tokenizer


def _check_pooling(folders: Sequence[Path]) -> None:
    pooling = _settings(folders, "1_Pooling/config.json")
    if pooling and not pooling.get("pooling_mode_mean_tokens", pooling.get("pooling_mode") == "mean"):
        raise InvalidInputError(
            f"the model in {folders[-1]} makes its sentence vector otherwise than by the mean of its tokens, "
            "which alone is computed here; use MiniLM(backend='torch')"
        )


def _settings(folders: Sequence[Path], name: str) -> dict[str, Any]:
    """What stands in the JSON file ``name`` of the first folder that has it."""
    for folder in folders:
        if (file := folder / name).is_file():
            try:
                return dict(json.loads(file.read_text(encoding="utf-8")))
            except ValueError as error:
                raise FileError(f"{file} is no JSON object ({error}); get the file anew") from error
    return {}


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
