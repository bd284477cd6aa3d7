"""NuonuoMemory written down and read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import make, new_embedder, user
from pydantic import ValidationError

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index import NuonuoMemory


def test_it_is_written_down_and_read_back_in_one_process(engine: AssociativeMemory) -> None:
    filters = MetadataFilters(filters=[MetadataFilter(key="role", value=["user"], operator="in")])
    memory = make(engine, token_limit=500, filters=filters, insert_method="user")
    again = NuonuoMemory.from_json(memory.to_json())
    assert (again.filters, again.insert_method) == (memory.filters, memory.insert_method)
    assert again.memory is engine
    assert (again.session_id, again.token_limit) == ("now", 500)


def test_a_memory_in_a_file_is_read_back_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    memory = NuonuoMemory(memory=tmp_path / "m.db", session_id="s")
    memory.put(user("The garage code is 4471."))
    written = memory.to_json()
    memory.memory.close()  # as where the process ended
    again = NuonuoMemory.from_json(written)
    assert again.get_all() == [user("The garage code is 4471.")]
    again.memory.close()


def test_a_memory_in_ram_that_is_gone_says_so() -> None:
    memory = NuonuoMemory(memory=AssociativeMemory(embedder=new_embedder()))
    written = memory.to_json()
    memory.memory.close()
    with pytest.raises(ValidationError, match="lived in RAM"):
        NuonuoMemory.from_json(written)
