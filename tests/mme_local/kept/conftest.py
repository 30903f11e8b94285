"""The embedded AWS of this process, and what becomes of it when it was kept and read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mme_local import aws as cloud
from mme_local.aws.account import DEFAULT_ACCOUNT, DEFAULT_REGION
from mme_local.aws.clients import clients_of
from mme_local.kept import embedded_aws
from mme_local.kept.bodies import Bodies

Client = Callable[[str], Any]
"""A boto3 client of a service, answered inside the process."""


@pytest.fixture(autouse=True)
def _empty_aws() -> Iterator[None]:
    cloud.reset()
    yield
    cloud.reset()


@pytest.fixture
def aws() -> Client:
    return clients_of(DEFAULT_ACCOUNT, DEFAULT_REGION).client


@pytest.fixture
def again(tmp_path: Path) -> Callable[[], None]:
    """Keep all that there is, forget it, and read it again."""

    def keep_and_read() -> None:
        bodies = Bodies(tmp_path / "bodies")
        frozen = embedded_aws.freeze(bodies)
        embedded_aws.write_bodies(frozen, bodies)
        cloud.reset()
        embedded_aws.thaw(frozen.pickle, Bodies(tmp_path / "bodies"))

    return keep_and_read


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, without what is about the request."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
