"""Models by name, the fitted beta, the rank correlation, and questions made by rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.research.experiments.cues import of_pairs, with_cues
from nuonuo.research.experiments.embedders import BETAS, Embedders, fitted_beta, rank_correlation
from nuonuo.research.frame import run
from nuonuo.research.material.models import as_embedder, model_of
from nuonuo.research.material.source import Material
from nuonuo.research.parts.questions import questions_of


class LangChainLike:
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, float(len(text))]


class LlamaIndexLike:
    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        return LangChainLike().embed_documents(texts)

    def get_query_embedding(self, text: str) -> list[float]:
        return LangChainLike().embed_query(text)


LANGCHAIN = LangChainLike()


def make() -> HashEmbedder:
    return HashEmbedder(8)


@pytest.mark.parametrize("name", ["LangChainLike", "LlamaIndexLike", "LANGCHAIN"])
def test_objects_of_frameworks_are_embedders(name: str) -> None:
    model = model_of(f"{__name__}:{name}")
    assert (model.name, model.dimension) == (f"{__name__}:{name}", 2)
    document, query = model.encode_documents(["abc"])[0], model.encode_queries(["abc"])[0]
    assert document.vectors[0, 0] > document.vectors[0, 1] and query.vectors[0, 0] < query.vectors[0, 1]


def test_what_makes_an_embedder_of_ours() -> None:
    assert model_of(f"{__name__}:make").dimension == 8
    assert model_of("nuonuo.evaluation.synthetic:HashEmbedder").dimension == 384


def test_what_is_no_embedder_is_told() -> None:
    with pytest.raises(MissingDependencyError, match="no module 'no_such_module'"):
        model_of("no_such_module:thing")
    with pytest.raises(InvalidInputError, match="has nothing called 'thing'"):
        model_of(f"{__name__}:thing")
    with pytest.raises(InvalidInputError, match="is a int, which is no embedder"):
        as_embedder(3, "three")


def test_the_fitted_beta_is_the_most_likely() -> None:
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((200, 32)).astype(np.float32)
    patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    drawn = []
    for _ in range(3000):  # cues whose right pattern is drawn by the softmax at beta 20
        cue = rng.standard_normal(32)
        cue /= np.linalg.norm(cue)
        weights = np.exp(20 * patterns @ cue)
        drawn.append((rng.choice(200, p=weights / weights.sum()), cue))
    right = np.array([at for at, _ in drawn])
    cues = np.array([cue for _, cue in drawn], np.float32)
    # The right patterns come first: the same question, asked with the patterns of each cue put in front.
    found = fitted_beta(np.concatenate([patterns[right[:150]], patterns]), cues[:150])
    assert found in BETAS and 10 < found < 40


def test_the_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3], [10, 20, 90]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 2, 3], [5, 5, 5]) == 0
    assert rank_correlation([1, 2, 3, 4], [1, 1, 2, 2]) == pytest.approx(0.894, abs=1e-3)


def test_models_are_measured_beside_each_other() -> None:
    models = [HashEmbedder(dimension) for dimension in (16, 64, 256)]
    found = run(Embedders(models), Material(), quick=True)
    by = {row.condition.get("model"): row for row in found.rows if row.condition["of"] == "recall"}
    assert [*by] == ["hash-16", "hash-64", "hash-256"]
    for row in by.values():
        values = row.values
        assert values["gap"].mean == pytest.approx(values["same"].mean - values["other"].mean)
        assert values["fitted"].mean >= values["fixed"].mean - 0.1
    correlation = [row for row in found.rows if row.condition["of"] == "correlation"]
    assert correlation[0].condition["models"] == 3
    with pytest.raises(InvalidInputError, match="measured once"):
        run(Embedders([HashEmbedder(), HashEmbedder()]), Material(), quick=True)


def test_the_command(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    from nuonuo.cli.commands import main

    out = tmp_path / "e.json"
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(
        "\n".join(f"dog number {n} ran\tnumber {n} is a dog\t1" for n in range(60)), encoding="utf-8"
    )
    given = ["--model", "nuonuo.evaluation.synthetic:HashEmbedder", "--pairs", str(pairs), "--out", str(out)]
    assert main(["bench", "embedders", "--quick", *given]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["conditions"]["pairs"]["pairs"] == 60
    assert content["research"]["tables"][0]["rows"][0][0] == "hash-384"


def test_questions_by_rule() -> None:
    assert questions_of("Ines: I adopted a beagle called Rex. He is afraid of thunder.") == [
        "What did Ines say about adopted beagle called Rex?"
    ]
    assert questions_of("Ines adopted a beagle.") == ["What do we know about Ines adopted beagle?"]
    assert (
        questions_of("Ines: Is he afraid?") == questions_of("It is.") == questions_of("Ines: Oh yes!") == []
    )
    assert len(questions_of("one two three four five six seven eight nine ten")[0].split()) == 5 + 8


def test_cues_of_each_kind() -> None:
    material = Material()
    group = of_pairs(material, 0, 20, 5)
    assert (len(group.memories), len(group.questions)) == (25, 20)
    third = dict(zip(material.pairs.first, material.pairs.third, strict=True))
    given = with_cues(group, "text, sentences and the caller's paraphrase", third)
    assert [memory.cues for memory in given.memories[20:]] == [()] * 5
    for memory, question in zip(given.memories, group.questions, strict=False):
        assert memory.cues == (third[memory.text],)
        assert len({memory.text, memory.cues[0], question.text}) == 3
    assert with_cues(group, "text alone", third) == group
    assert all(
        memory.cues for memory in with_cues(group, "text, sentences and questions by rule", third).memories
    )
