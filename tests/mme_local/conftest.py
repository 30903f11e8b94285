"""A running local runtime for the slow tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.settings import LocalSettings
from tests.mme_local.deployed import Endpoint, Runtime


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    if why_not_here():
        pytest.skip(f"Triton's wheel can't run here: {why_not_here()}")
    state = launcher.start_detached(
        LocalSettings.model_validate({"port": 0, "memory_mib": 0.01, "weight_factor": 1})
    )
    try:
        yield Runtime(state)
    finally:
        launcher.stop(state.port)


@pytest.fixture
def endpoint(runtime: Runtime) -> Iterator[Endpoint]:
    endpoint = Endpoint(runtime)
    yield endpoint
    endpoint.delete()
