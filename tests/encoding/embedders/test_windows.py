"""Windows, batches and what is made of them, with a runtime that needs no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from nuonuo.encoding.embedders.windows import Window, batches, encode

CENTRE = np.float32(0.5)


class Letters:
    """Each letter a token, whose vector says which letter it is and where it stands in its window."""

    dimension = 2
    unknown = None

    def __init__(self, limit: int = 6, overlap: int = 2) -> None:
        self.limit, self.overlap = limit, overlap
        self.runs: list[tuple[int, ...]] = []

    def windows(self, texts: Sequence[str]) -> list[Window]:
        found = []
        for number, text in enumerate(texts):
            start = 0
            while True:
                part = text[start : start + self.limit]
                spans = [(0, 0), *((start + at, start + at + 1) for at in range(len(part))), (0, 0)]
                ids = [1, *map(ord, part), 2]
                found.append(Window(number, np.array(ids, np.int64), np.array(spans, np.int32)))
                start += self.limit - self.overlap
                if start + self.overlap >= len(text):
                    break
        return found

    def run(self, ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        self.runs.append(ids.shape)
        place = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        tokens = np.stack([ids, place], axis=2).astype(np.float32)
        return tokens.mean(axis=1), tokens


def texts() -> st.SearchStrategy[list[str]]:
    return st.lists(st.text("abc", max_size=20), min_size=1, max_size=12)


@given(texts(), st.integers(1, 40))
def test_a_batch_is_of_one_length_and_bounded(given: list[str], most: int) -> None:
    windows = Letters().windows(given)
    found = list(batches(windows, most))
    assert sorted(at for batch in found for at in batch) == list(range(len(windows)))
    for batch in found:
        (length,) = {len(windows[at].ids) for at in batch}
        assert len(batch) == 1 or len(batch) * length <= most
    full = [len(windows[batch[0]].ids) for batch in found]
    assert full == sorted(full)


@given(texts(), st.integers(1, 40))
def test_each_text_gets_what_it_gets_alone(given: list[str], most: int) -> None:
    together = encode(Letters().windows(given), Letters(), CENTRE, most)
    assert len(together) == len(given)
    for text, found in zip(given, together, strict=True):
        (alone,) = encode(Letters().windows([text]), Letters(), CENTRE, 1)
        assert np.array_equal(found.vectors, alone.vectors)
        assert found.tokens is not None and alone.tokens is not None
        assert np.array_equal(found.tokens, alone.tokens)
        assert found.spans is not None and found.spans[:, 0].tolist() == list(range(len(text)))
        # Its letters in order, each relative to the centre; the first window that has one tells its place.
        assert (found.tokens[:, 0] + CENTRE).tolist() == [ord(letter) for letter in text]
        assert len(found.vectors) == len(Letters().windows([text]))
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)


def test_where_windows_overlap_the_first_has_the_token() -> None:
    (found,) = encode(Letters().windows(["abcdefghij"]), Letters(), np.float32(0), 100)
    assert found.tokens is not None
    assert found.tokens[:, 1].tolist() == [1, 2, 3, 4, 5, 6, 3, 4, 5, 6]


def test_a_long_text_is_run_in_bounded_batches() -> None:
    letters = Letters()
    encode(letters.windows(["ab" * 500]), letters, CENTRE, 32)
    assert all(rows * length <= 32 for rows, length in letters.runs)
    assert max(rows for rows, _ in letters.runs) == 4  # of 8 tokens: as many as there is room for
