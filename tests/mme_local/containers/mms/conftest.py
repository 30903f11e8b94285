"""A local endpoint with room for some models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.settings import LocalSettings
from tests.mme_local.deployed import Runtime


@pytest.fixture(scope="session")
def cpu_runtime() -> Iterator[Runtime]:
    if why_not_here():
        pytest.skip(f"the local endpoint can't run here: {why_not_here()}")
    state = launcher.start_detached(LocalSettings(port=0))
    try:
        yield Runtime(state)
    finally:
        launcher.stop(state.port)
