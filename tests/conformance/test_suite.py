"""The suite itself: its page, its version checks, and a run against a deployed endpoint."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.settings import LocalSettings
from mme_local.testing.endpoint import LocalEndpoint
from tests.conformance.case import ANY, Case, Triton, case_of
from tests.conformance.local_runtime import MEMORY_MIB
from tests.conformance.test_payloads import OUT_OF_RANGE
from tools.conformance_table import PAGE, Row, Run, documented

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


def cases() -> list[Row]:
    """Every case in the suite's order."""
    modules = [import_module(f"tests.conformance.{path.stem}") for path in sorted(FOLDER.glob("test_*.py"))]
    functions = [function for module in modules for function in vars(module).values()]
    found = [(function, case_of(function)) for function in functions]
    return [case.row(function) for function, case in found if case is not None]


def test_the_documented_cases_are_the_suites() -> None:
    assert documented(PAGE.read_text("utf-8")) == [row.documented for row in cases()], (
        "renew it: pytest tests/conformance --conformance-json run.json; "
        "python -m tools.conformance_table run.json"
    )


def test_the_documented_run_is_green() -> None:
    table = PAGE.read_text("utf-8")
    assert "| failed" not in table
    assert table.count("| any | passed |") > 50
    assert "not run" not in table


def test_titles_are_unique() -> None:
    titles = [row.title for row in cases()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("needed", "version", "lacking"),
    [
        (ANY, None, None),
        (ANY, "2.51.0", None),
        (Triton("2.67.0", "26.03"), "2.67.0", None),
        (Triton("2.67.0", "26.03"), "2.100.0", None),
        (Triton("2.67.0", "26.03"), "2.73.0dev", None),
        (Triton("2.67.0", "26.03"), "2.66.1", r"needs Triton 2\.67\.0 \(26\.03\) or newer, this is 2\.66\.1"),
        (Triton("2.67.0", "26.03"), None, "version is unknown, say it by --triton-version"),
        (Triton(broken=("2.70.0", "2.73.0"), why="it ends"), "2.69.0", None),
        (Triton(broken=("2.70.0", "2.73.0"), why="it ends"), "2.70.0", r"Triton 2\.70\.0: it ends"),
        (Triton(broken=("2.70.0", "2.73.0"), why="it ends"), "2.72.9", r"Triton 2\.72\.9: it ends"),
        (Triton(broken=("2.70.0", "2.73.0"), why="it ends"), "2.73.0", None),
        (Triton(broken=("2.70.0", "2.73.0"), why="it ends"), None, "version is unknown"),
    ],
)
def test_versions(needed: Triton, version: str | None, lacking: str | None) -> None:
    found = needed.lacking(version)
    if lacking is None:
        assert found is None
    else:
        assert re.search(lacking, found or "")


def test_other_tests_are_no_cases() -> None:
    assert case_of(test_versions) is None
    assert case_of(None) is None
    assert Case("x", ANY, "", "", "").row(test_versions).area == "suite"


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_it_asks_an_endpoint_by_name(tmp_path: Path) -> None:
    """As on AWS: by the endpoint's name and the environment's credentials, and knowing nothing else of it."""
    state = launcher.start_detached(
        LocalSettings.model_validate({"port": 0, "memory_mib": MEMORY_MIB}), tied=True
    )
    try:
        endpoint = LocalEndpoint.create(state.url)
        chosen = "test_first_call or test_fields or test_malformed_out_of_range or test_ping"
        options = [
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "-k",
            chosen,
            "--endpoint-name",
            endpoint.name,
            "--conformance-json",
            str(tmp_path / "run.json"),
        ]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/conformance", *options],
            cwd=ROOT,
            env=inherited | endpoint.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        left = endpoint.s3.list_objects_v2(Bucket=endpoint.bucket).get("Contents", [])
    finally:
        launcher.stop(state.port)
    run = Run.load((tmp_path / "run.json").read_text())
    assert run.target == f"endpoint {endpoint.name}"
    assert {row.case: row.on_triton for row in run.rows} == {
        "test_ping": "skipped: local only: asks the container itself",
        "test_first_call": "passed",
        "test_fields": "passed",
        # The wheel's Triton, unlike NVIDIA's images, does not tell its processes its version.
        "test_malformed_out_of_range": f"skipped: {OUT_OF_RANGE.lacking(None)}",
    }
    assert run.summary in done.stdout
    assert not left, "the suite deletes what it published"
