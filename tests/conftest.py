"""Settings of all tests."""

from __future__ import annotations

import importlib
import os
import re
from functools import cache
from typing import Any

import botocore.session
import pytest
from hypothesis import settings

# CDK's built-in validation of templates costs a second a synthesis. One test of the CDK CLI pays it once for
# all; here, before anything starts the Node that aws-cdk-lib runs in, it is off for every other.
os.environ["CDK_VALIDATION"] = "false"

# A session of boto3 parses the JSON of each of its services: 0.1 s a client, in thousands of tests. Here all
# sessions share one loader, which caches what it parsed.
botocore.session.create_loader = cache(botocore.session.create_loader)

# A time limit for each example would fail on a busy machine; pytest's own limit is there for real hangs.
settings.register_profile("default-profile", deadline=None)
settings.load_profile("default-profile")


_OF_TERMINALS = ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH")
"""Variables by which typer and rich choose colours and width, in GitHub's workflows too."""


@pytest.fixture(scope="session")
def lightgbm() -> Any:
    """The package, unless the machine lacks the library that its wheel does not hold."""
    try:
        return importlib.import_module("lightgbm")
    except OSError as error:
        pytest.skip(f"LightGBM can't be loaded (Debian, Ubuntu: apt-get install libgomp1): {error}")


def pytest_configure(config: pytest.Config) -> None:
    """Hide settings of the user, unless the conformance suite runs against a deployed endpoint.

    A developer who follows the README has the local endpoint's URL in the environment, and may have an
    account in files. Tests start their own embedded AWS, and no test may reach a real account.
    """
    if config.getoption("endpoint_name", None):
        return
    for name in [*os.environ]:
        if name in _OF_TERMINALS or re.match("AWS_|MME_(?!TEST_)", name):
            del os.environ[name]
    os.environ |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files with slow tests first, so that parallel workers end with short files."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
