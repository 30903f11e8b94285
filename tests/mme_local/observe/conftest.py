"""The embedded AWS of this process, emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mme_local import aws


@pytest.fixture
def _empty_aws() -> Iterator[None]:
    yield
    aws.reset()
