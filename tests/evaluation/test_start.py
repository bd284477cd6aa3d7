"""From the start of a process to its first answer: what is reported is of a process that has answered."""

from __future__ import annotations

import pytest

from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.clock import resident_bytes
from nuonuo.evaluation.generated import generated_memories
from nuonuo.evaluation.start import TOGETHER, measure_start
from nuonuo.evaluation.synthetic import HashEmbedder
from tests.fakes import VectorsOnly


class Broken(HashEmbedder):
    """One that another process cannot use."""

    def __reduce__(self) -> tuple[type[ValueError], tuple[str]]:  # type: ignore[override]
        return ValueError, ("no embedder",)


def test_a_process_answers() -> None:
    told: list[tuple[str, int]] = []
    found = measure_start(
        [*generated_memories(30)], "who was it?", HashEmbedder(64), turns=10, processes=1,
        progress=lambda *each: told.append(each),
    )  # fmt: skip
    assert (found.embedder, found.memories, found.processes, found.turns) == ("hash-64", 30, 1, 10)
    assert found.wall_seconds > 0
    if resident_bytes() is not None:
        assert found.resident_bytes is not None and found.resident_bytes > 10_000_000
    assert [*found.to_json()["turns_per_second"]] == [str(each) for each in TOGETHER]
    assert sum(count for what, count in told if what == "processes answered") == 2


def test_a_process_that_cannot_answer_says_why() -> None:
    with pytest.raises(NuonuoError, match=r"the process that opens the file failed: .*no attribute"):
        measure_start([*generated_memories(30)], "who?", Broken(64), turns=10, processes=1)


@pytest.mark.parametrize("given", [{"turns": 31}, {"turns": 0}, {"processes": 0}])
def test_what_cannot_be_measured(given: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError, match="measuring needs memories"):
        measure_start([*generated_memories(30)], "who?", HashEmbedder(64), **given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="only one with as many of both"):
        measure_start([*generated_memories(30)], "who?", VectorsOnly(), turns=3)
