"""The locks install complete packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def test_the_module_that_two_wheels_hold_is_that_of_aws_cdk_lib() -> None:
    """`aws-cdk.cloud-assembly-schema` has it too; with its file, no warning of an app can be read."""
    spec = find_spec("aws_cdk.cloud_assembly_schema")
    assert spec is not None
    assert spec.origin is not None
    assert '"aws-cdk-lib.cloud_assembly_schema.MetadataEntry"' in Path(spec.origin).read_text("utf-8"), (
        "install aws-cdk-lib last: make clean install"
    )
