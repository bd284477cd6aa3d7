"""Kernels are tested where numba is, and whatever follows goes on without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nuonuo import kernels


@pytest.fixture(autouse=True)
def numpy_afterwards() -> Iterator[None]:
    yield
    kernels.use("numpy")
