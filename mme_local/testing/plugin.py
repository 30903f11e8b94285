"""The pytest plugin with ``mme_endpoint`` and related fixtures. It imports nothing until a test uses them.

Options in pytest's ini file::

    mme_models    model directories, or directories of them, published before the first test
    mme_missing   "skip" (default) or "fail" if the server can't run on this machine
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mme_local.faults.remote import RuntimeFaults
    from mme_local.run_files import RunFile
    from mme_local.testing.endpoint import LocalEndpoint

_ON_MISSING = ("skip", "fail")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini options."""
    parser.addini("mme_models", "models that mme_endpoint serves: directories", type="paths", default=[])
    parser.addini("mme_missing", "if the server can't run here: skip or fail", default="skip")


@pytest.fixture(scope="session")
def mme_models(pytestconfig: pytest.Config) -> Sequence[str | Path]:
    """Models to publish before the first test: the ini option ``mme_models``. Override it."""
    return list(pytestconfig.getini("mme_models"))


@pytest.fixture(scope="session")
def mme_settings() -> Mapping[str, Any]:
    """Settings of the local endpoint, by their names in ``mme_local.settings.LocalSettings``. Override it."""
    return {}


@pytest.fixture(scope="session")
def mme_image() -> str | None:
    """Image of the endpoint's model; None for Triton's. Override it."""
    return None


@pytest.fixture(scope="session")
def mme_variables() -> Mapping[str, str] | None:
    """Environment of the container; None for that of `LocalEndpoint.create`. Override it."""
    return None


@pytest.fixture(scope="session")
def mme_runtime(pytestconfig: pytest.Config, mme_settings: Mapping[str, Any]) -> Iterator[RunFile]:
    """A local endpoint on a free port. It stops when the session ends or is killed, and deletes its files."""
    on_missing = pytestconfig.getini("mme_missing")
    if on_missing not in _ON_MISSING:
        raise pytest.UsageError(f"mme_missing is {on_missing!r}; it must be {' or '.join(_ON_MISSING)}")
    from mme_local.testing.endpoint import missing

    if reason := missing():
        _skip_or_fail(pytestconfig, f"mme_endpoint needs real Triton: {reason}")
    from mme.errors import MmeError
    from mme_local import launcher
    from mme_local.settings import chosen_settings

    try:
        here = launcher.start_detached(chosen_settings(**{"port": 0, **mme_settings}), tied=True)
    except MmeError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield here
    finally:
        if here.alive():
            launcher.stop(here.port)


@pytest.fixture(scope="session")
def mme_endpoint(
    pytestconfig: pytest.Config,
    mme_runtime: RunFile,
    mme_models: Sequence[str | Path],
    mme_image: str | None,
    mme_variables: Mapping[str, str] | None,
) -> Iterator[LocalEndpoint]:
    """A multi-model endpoint with a real server that serves ``mme_models``; see `LocalEndpoint`."""
    from mme.errors import MmeError
    from mme_local.testing.endpoint import IMAGE, LocalEndpoint, missing_for

    image = mme_image or IMAGE
    if reason := missing_for(image, mme_variables or {}):
        _skip_or_fail(pytestconfig, f"mme_endpoint can't serve {image}: {reason}")
    endpoint = LocalEndpoint.create(mme_runtime.url, variables=mme_variables, image=image)
    try:
        endpoint.publish(*mme_models)
    except MmeError as error:
        pytest.fail(str(error), pytrace=False)
    yield endpoint
    if mme_runtime.alive():
        endpoint.delete()


@pytest.fixture
def mme_environment(mme_endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Environment with which, in this test, every AWS client talks to the local endpoint."""
    for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in mme_endpoint.environment.items():
        monkeypatch.setenv(variable, value)
    return mme_endpoint.environment


@pytest.fixture
def mme_faults(mme_runtime: RunFile, mme_endpoint: LocalEndpoint) -> Iterator[RuntimeFaults]:
    """Makes S3, the server, memory or disk fail: ``.set("load-507", "add_sub")``. Cleared after the test."""
    from mme_local.faults.remote import RuntimeFaults

    faults = RuntimeFaults(mme_endpoint.url, mme_endpoint.models)
    yield faults
    if mme_runtime.alive():
        faults.clear()


def _skip_or_fail(config: pytest.Config, text: str) -> None:
    """Skip the test or fail it, as `mme_missing` says."""
    if config.getini("mme_missing") == "skip":
        pytest.skip(text)
    pytest.fail(text, pytrace=False)
