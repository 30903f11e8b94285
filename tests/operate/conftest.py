"""Clients of the embedded AWS, empty at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mme.aws.clients import AwsClients
from mme_local import aws as cloud
from tests.operate.deployment import serve_embedded_aws
from tools.sample_deployment import clients_at


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[str]:
    with serve_embedded_aws() as url:
        yield url


@pytest.fixture
def clients(embedded_aws: str) -> Iterator[AwsClients]:
    """Clients of an account with nothing in it."""
    cloud.reset()
    yield clients_at(embedded_aws)
    cloud.reset()
