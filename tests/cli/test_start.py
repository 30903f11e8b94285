"""Each command imports only the packages that it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NEVER = {"aws_cdk", "constructs", "mme_cdk", "pytest", "torch"}
LOCAL = {"moto", "aiohttp", "werkzeug", "mme_local.runtime"}
TERMINAL = {"plotext", "PIL"}
AWS = {"boto3", "botocore"}
ARRAYS = {"numpy", "mme.client.multi_model_client"}
PARSING = {"google.protobuf", "tritonclient", "isal"}


def loaded(*arguments: str) -> set[str]:
    """The modules that are there when `mme ARGUMENTS` ends, well or badly."""
    script = (
        f"import sys; sys.argv = ['mme', *{list(arguments)!r}]\n"
        "from mme.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert ended.code in (0, 2, None), ended.code\n"
        "print('loaded:', *sys.modules)\n"
    )
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("invoke", "--help"),
        ("models", "--help"),
        ("models", "list", "--help"),
        ("models", "add", "--help"),
        ("endpoint", "--help"),
        ("plan", "--help"),
        ("bench", "--help"),
        ("cost", "--help"),
        ("advise", "--help"),
    ],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = NEVER | LOCAL | TERMINAL | AWS | ARRAYS | PARSING | {"pydantic_settings"}
    assert heavy & loaded(*arguments) == set()


def test_help_of_all_loads_no_noun() -> None:
    names = ("local", "models", "archives", "invoke", "endpoint", "cost", "advise")
    nouns = {f"mme.cli.{noun}" for noun in names}
    assert (nouns | {"pydantic"}) & loaded("--help") == set()


def test_local_help_starts_nothing() -> None:
    heavy = NEVER | LOCAL | TERMINAL | AWS | ARRAYS | PARSING
    assert heavy & loaded("local", "--help") == set()


NOWHERE = ("--endpoint-url", "http://localhost:9")


def test_listing_models_needs_no_arrays() -> None:
    there = loaded(*NOWHERE, "models", "list")
    assert "boto3" in there
    assert (NEVER | LOCAL | TERMINAL | ARRAYS | PARSING - {"isal"}) & there == set()


def test_calling_a_model_needs_numpy_and_no_more() -> None:
    there = loaded(*NOWHERE, "invoke", "add_sub_v0.tar.gz", "--input", "X=1")
    assert (NEVER | LOCAL | TERMINAL) & there == set()


def test_planning_a_mix_needs_no_compiler(tmp_path: Path) -> None:
    sizes = tmp_path / "sizes.csv"
    sizes.write_text("a_v0.tar.gz,1000000\n")
    there = loaded("plan", "--rate", "1", "--models", str(sizes), "--counts", "1")
    assert "numpy" in there
    assert ({"numba", "llvmlite"} | NEVER | LOCAL | TERMINAL) & there == set()
