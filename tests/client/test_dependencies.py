"""The client imports few modules, for a fast cold start."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
{code}
files = [name for name, module in sys.modules.items() if getattr(module, "__file__", None)]
roots = {{name.partition(".")[0] for name in files}}
print(sorted(roots - set(sys.stdlib_module_names) - {{"mme", "__main__"}}))
print(sorted(name for name in sys.modules if name.startswith("mme.")))
"""


def loaded(code: str) -> tuple[set[str], set[str]]:
    """Third parties' packages and our own modules that are there after `code` ran in a new interpreter."""
    command = [
        sys.executable,
        "-S",
        "-c",
        "import sys; sys.path[:] = " + repr(sys.path) + LOADED.format(code=code),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    outside, own = (set(eval(line)) for line in ran.stdout.splitlines())  # noqa: S307 - what we printed
    return outside, own


def test_the_errors_need_nothing() -> None:
    outside, _ = loaded("from mme.client import InvocationError, FaultKind, read_fault")
    assert outside == set()


def test_the_client_needs_numpy_and_boto3_only() -> None:
    outside, own = loaded("from mme.client import MultiModelClient, encode_csv")
    assert outside == {"numpy"}
    parts = {module.split(".")[1] for module in own}
    assert parts == {"aws", "catalog", "client", "errors", "registry"}
    # boto3 itself takes what it finds of brotli, certifi and others.
    alone, _ = loaded("import numpy, boto3; boto3.client('sagemaker-runtime', region_name='us-east-1')")
    outside, _ = loaded("from mme.client import runtime_client as made; made(region_name='us-east-1')")
    assert "boto3" in outside
    assert outside <= alone


def test_unknown_names_are_no_members() -> None:
    import mme.client

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mme.client.nothing  # type: ignore[attr-defined]


def test_all_members_can_be_imported() -> None:
    import mme.client

    assert sorted(mme.client.__all__) == list(mme.client.__all__)
    for name in mme.client.__all__:
        assert getattr(mme.client, name) is not None
    assert dir(mme.client) == sorted(mme.client.__all__)
