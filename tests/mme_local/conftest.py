"""A running local endpoint for the slow tests; an event loop for tests that are coroutines."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest
import uvloop

from tests.mme_local.deployed import Endpoint, Runtime, a_runtime


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    with a_runtime(memory_mib=0.01, weight_factor=1) as runtime:
        yield runtime


@pytest.fixture
def endpoint(runtime: Runtime) -> Iterator[Endpoint]:
    endpoint = Endpoint(runtime)
    yield endpoint
    endpoint.delete()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine on an event loop of the runtime's kind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    uvloop.run(asyncio.wait_for(pyfuncitem.obj(**arguments), 240))
    return True
