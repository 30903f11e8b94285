"""Every environment's templates are as committed: `pytest tests/stacks --snapshot-update` after a change."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from stacks.environments import ENVIRONMENTS

STACKS = ("ModelStore", "Serving")


class TemplateSnapshot(JSONSnapshotExtension):
    """One readable file a stack, such as `snapshots/prod-Serving.json`."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(test_location.filepath).parents[1] / "snapshots")

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        (parameters,) = re.findall(r"\[(.*)\]", test_location.snapshot_name)
        return str(parameters)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("environment", [environment.name for environment in ENVIRONMENTS])
def test_template(environment: str, stack: str, assembly, snapshot: SnapshotAssertion) -> None:
    template = assembly.template(environment, stack)
    # An asset's hash would change with files that are no part of the stack.
    assert not re.search(r"[0-9a-f]{64}", json.dumps(template))
    assert template == snapshot(extension_class=TemplateSnapshot)
