"""What experiments are run on: texts of a folder, pairs of our own making, pairs of a file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError
from nuonuo.research.material.files import read_pairs
from nuonuo.research.material.pairs import made_up_pairs
from nuonuo.research.material.situations import FILLINGS, SITUATIONS
from nuonuo.research.material.source import Material
from tests.evaluation.samples import LOCOMO, MULTIHOP, write


def test_made_up_pairs_are_distinct_varied_and_always_the_same() -> None:
    pairs = made_up_pairs(3000)
    assert len(pairs) == len({*pairs.first}) == 3000
    assert all(one != other for one, other in zip(pairs.first, pairs.second, strict=True))
    assert len({*pairs.topics}) == len(SITUATIONS) > 30
    assert made_up_pairs(3000).sha256 == pairs.sha256 != made_up_pairs(3000, seed=1).sha256
    assert not any("{" in text for text in (*pairs.first, *pairs.second))
    with pytest.raises(InvalidInputError, match="at least 1, got 0"):
        made_up_pairs(0)


def test_every_situation_has_wordings_of_the_same_facts() -> None:
    import re

    for topic, wordings in SITUATIONS:
        slots = [{*re.findall(r"\{(\w+?)\d?\}", wording)} for wording in wordings]
        assert len(wordings) >= 3 and all(slot == slots[0] for slot in slots), topic
        assert slots[0] <= {*FILLINGS}
    assert all(all(words) and "" not in words for fillings in FILLINGS.values() for words in fillings)


def test_a_split_has_no_topic_in_common() -> None:
    pairs = made_up_pairs(360)
    inside, outside = pairs.split(seed=3)
    assert len(inside) + len(outside) == 360
    assert not {*inside.topics} & {*outside.topics}
    assert pairs.split(seed=3)[0].first == inside.first != pairs.split(seed=4)[0].first
    with pytest.raises(InvalidInputError, match="two topics"):
        pairs.of([0]).split(0)
    with pytest.raises(InvalidInputError, match="share"):
        pairs.split(0, share=1.0)


@pytest.mark.parametrize(
    ("header", "line", "other", "form"),
    [
        (
            "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
            "1\t7\t8\tA dog ran.\tA hound was running.", "0\t1\t2\tA\tB", "MRPC",
        ),
        (
            "index\tsentence1\tsentence2\tscore",
            "3\tA dog ran.\tA hound was running.\t4.2", "4\tA\tB\t3.9", "STS-B",
        ),
        (
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
            "0\t1\t2\tA dog ran.\tA hound was running.\t1", "0\t1\t2\tA\tB\t0", "QQP",
        ),
        ("sentence1\tsentence2\tlabel", "A dog ran.\tA hound was running.\t1", "A\tB\t0", "GLUE"),
        (None, "A dog ran.\tA hound was running.\t1", "A\tB\t0", "no names of columns"),
        (None, "A dog ran.\tA hound was running.", "Same\tSame", "no names of columns"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_pairs_are_read_in_each_form(
    header: str | None, line: str, other: str, form: str, packed: bool, tmp_path: Path
) -> None:
    text = "\r\n".join([*([header] if header else []), line, other, line, ""])
    path = tmp_path / ("pairs.tsv.gz" if packed else "pairs.tsv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    pairs = read_pairs(path)
    assert (pairs.first, pairs.second) == (("A dog ran.",), ("A hound was running.",))
    assert form in pairs.name and path.name in pairs.name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("one column\nonly\n", "first line has one column. Known names of columns: MRPC"),
        ("A\tB\t1\nC\tD\n", "line 2 of pairs.tsv has 2 columns, expected at least 3"),
        (
            "sentence1\tsentence2\tscore\nA\tB\tvery\n",
            "line 2 of pairs.tsv has the label 'very', expected a number",
        ),
        ("sentence1\tsentence2\tscore\nA\tB\t1.0\n", "holds no pair whose label is 4 or more"),
    ],
)
def test_what_is_no_file_of_pairs_is_told(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError, match=says):
        read_pairs(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="must be UTF-8"):
        read_pairs(path)
    with pytest.raises(InvalidInputError, match="no file of pairs"):
        read_pairs(tmp_path / "other.tsv")


def test_texts_are_those_of_the_folder_each_once(tmp_path: Path) -> None:
    write(tmp_path, "locomo_dev.json", LOCOMO)
    write(tmp_path, "musique_dev.json", MULTIHOP)
    material = Material(tmp_path)
    count = material.available(10_000)
    texts = material.texts(count)
    assert len(texts) == len({*texts}) == count > 3
    told = material.described()
    assert (
        told is not None
        and told["split"] == "dev"
        and {*told["files"]} == {"locomo_dev.json", "musique_dev.json"}
    )
    vectors = material.vectors(count)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(material.vectors(2), vectors[:2])
    codes = material.codes(count, 256, 8)
    assert np.array_equal(codes, WinnerTakeAll(vectors.shape[1], 256, 8).encode(vectors))
    assert np.array_equal(material.codes(2, 256, 8), codes[:2])
    with pytest.raises(InvalidInputError, match=rf"{count + 1} texts are needed .* give {count}"):
        material.texts(count + 1)
    (empty := tmp_path / "none").mkdir()
    with pytest.raises(InvalidInputError, match="no data set"):
        Material(empty).texts(1)
    with pytest.raises(InvalidInputError, match="takes a folder"):
        Material(tmp_path / "locomo_dev.json").texts(1)


def test_without_a_folder_texts_are_made_up() -> None:
    material = Material()
    assert len({*material.texts(50)}) == 50 and material.described() is None
    assert material.available(70) == 70
    assert material.texts(700)[:50] == material.texts(50)
    one = material.embed(["a b", "c", "a b"])
    assert np.array_equal(one[0], one[2]) and not np.array_equal(one[0], one[1])
