"""A stack with every feature, deployed, updated and destroyed: what each leaves in the other services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.local.cloud.every_feature import template

pytestmark = pytest.mark.slow


def test_deploy_update_destroy(
    tmp_path: Path, deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    capable = {"Capabilities": ["CAPABILITY_IAM"]}
    first = deploy(template(str(tmp_path / "1"), 1), **capable)
    print(first["StackStatus"])
