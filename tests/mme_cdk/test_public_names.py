"""The top level of `mme_cdk` has the public names, and no modules or helpers."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import mme_cdk


def test_dir_lists_the_public_names_only() -> None:
    assert dir(mme_cdk) == sorted(mme_cdk.__all__)


def test_every_public_name_can_be_imported() -> None:
    assert [name for name in mme_cdk.__all__ if getattr(mme_cdk, name, None) is None] == []


def test_the_top_level_holds_packages_only() -> None:
    modules = {each.name: each.ispkg for each in pkgutil.iter_modules(mme_cdk.__path__)}
    assert all(modules.values())
    assert set(modules) == {
        "_internal",
        "async_invocations",
        "deployment",
        "endpoint",
        "model",
        "monitoring",
        "scaling",
        "storage",
    }


def test_the_import_loads_no_module_of_aws_cdk_that_most_apps_do_not_need() -> None:
    late = [f"aws_cdk.aws_{name}" for name in ("cloudwatch", "ec2", "ecr", "kms", "lambda", "sns")]
    code = f"import sys, mme_cdk; print([name for name in {late} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
