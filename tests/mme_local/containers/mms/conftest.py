"""A local endpoint with room for some models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mme_local.deployed import Runtime, a_runtime


@pytest.fixture(scope="session")
def cpu_runtime() -> Iterator[Runtime]:
    with a_runtime() as runtime:
        yield runtime
