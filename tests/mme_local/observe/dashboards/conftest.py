"""The embedded AWS of this process with a monitored endpoint, deployed once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mme_local import aws as cloud
from tests.mme_local.observe.dashboards.monitored import deploy_monitored


@pytest.fixture
def _monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    cloud.reset()
    deploy_monitored(str(tmp_path_factory.mktemp("cdk.out")))
    yield
    cloud.reset()
