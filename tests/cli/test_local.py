"""`mme local` as a person and as a script see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mme.local.triton.wheel import why_not_here


def mme(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with a state folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))}
    return subprocess.run(
        [sys.executable, "-m", "mme.cli.main", *arguments],
        env=environment | {"XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["up", "--port", "99999"], {}, "port 99999 is not valid"),
        (["up", "--weight-factor", "-1"], {}, "MME_LOCAL_WEIGHT_FACTOR"),
        (["up"], {"MME_LOCAL_MEMORY_MIB": "much"}, "memory_mib 'much' is not valid"),
        (["down", "--port", "1"], {}, "no local runtime runs on port 1"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], says: str
) -> None:
    done = mme(tmp_path, "local", *arguments, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_status_without_a_runtime_says_how_to_start_one(tmp_path: Path) -> None:
    done = mme(tmp_path, "local", "status")
    assert (done.returncode, done.stdout) == (0, "no local runtime runs; start one: mme local up --detach\n")
    assert json.loads(mme(tmp_path, "local", "status", "--json").stdout) == {"runtimes": []}


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_up_status_down(tmp_path: Path) -> None:
    up = mme(tmp_path, "local", "up", "--detach", "--port", "0", "--json")
    assert up.returncode == 0, up.stderr
    here = json.loads(up.stdout)
    try:
        again = mme(tmp_path, "local", "up", "--detach", "--port", str(here["port"]))
        assert again.returncode == 2
        assert f"port {here['port']} is in use by a local runtime (process {here['pid']})" in again.stderr
        status = mme(tmp_path, "local", "status")
        assert here["url"] in status.stdout
        assert "no endpoint is deployed" in status.stdout
    finally:
        down = mme(tmp_path, "local", "down", "--port", str(here["port"]))
    assert down.returncode == 0, down.stderr
    assert not list(tmp_path.iterdir()), "nothing is left of the state"
