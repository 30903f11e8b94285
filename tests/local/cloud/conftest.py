"""The embedded AWS on a free localhost port, and plain boto3 clients of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from werkzeug.serving import make_server

from mme.local import cloud

ClientOf = Callable[[str], Any]


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """Where the embedded AWS listens, for the whole test session."""
    server = make_server("localhost", 0, cloud.application(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join(timeout=10)


@pytest.fixture(autouse=True)
def _empty_aws() -> Iterator[None]:
    """Every test starts with nothing deployed."""
    cloud.reset()
    yield
    cloud.reset()


@pytest.fixture
def aws(endpoint_url: str, monkeypatch: pytest.MonkeyPatch) -> ClientOf:
    """A boto3 client of a service, with nothing but the endpoint's URL and made-up credentials set."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config = Config(retries={"total_max_attempts": 1})

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, config=config)

    return client
