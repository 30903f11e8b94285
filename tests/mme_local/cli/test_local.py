"""`mme local` for people and scripts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mme.errors import MmeError
from mme_local import launcher, runtime
from mme_local import run_files as state
from mme_local.cli import local
from mme_local.containers.triton.wheel import why_not_here


def mme(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process with its own state folder."""
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
    ("arguments", "variables", "message"),
    [
        (["up", "--port", "99999"], {}, "port 99999 is not valid"),
        (["up", "--weight-factor", "-1"], {}, "MME_LOCAL_WEIGHT_FACTOR"),
        (["up"], {"MME_LOCAL_MEMORY_MIB": "much"}, "memory_mib 'much' is not valid: it must be a number"),
        (["up", "--port", "abc"], {}, "invalid value for '--port': it must be a whole number"),
        (["down", "--port", "1"], {}, "no local endpoint runs on port 1"),
        (["down"], {"AWS_ENDPOINT_URL": "http://localhost:1"}, "no local endpoint runs on port 1"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], message: str
) -> None:
    done = mme(tmp_path, "local", *arguments, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_needs_root_has_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(port: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(runtime, "_listen", refuse)
    with pytest.raises(MmeError) as caught:
        runtime.listening_socket(80)
    assert str(caught.value) == (
        "port 80 can't be bound: permission denied\nchoose a port from 1024 on: mme local up --port N"
    )


def test_status_without_a_runtime_has_a_hint(tmp_path: Path) -> None:
    done = mme(tmp_path, "local", "status")
    assert (done.returncode, done.stdout) == (3, "no local endpoint runs; start one: mme local up --detach\n")
    done = mme(tmp_path, "local", "status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (3, {"runtimes": []})


RESTART = {"at": 0.0, "exit_status": -9, "reason": "the load of a did not end"}


def test_status_shows_models_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = state.RunFile(4747, os.getpid(), 0.0, str(tmp_path), ready=True)
    model = {"name": "odd[red]_v0.tar.gz", "state": "ready", "weight_bytes": 2048, "hits": 1234}
    instance = {
        "memory_used_bytes": 2048,
        "memory_bytes": 1024**3,
        "disk_used_bytes": 4096,
        "disk_bytes": 8 * 1024**3,
        "models": [model],
        "server": "Triton 2.51",
    }
    endpoint = {
        "name": "e",
        "image": "triton:1",
        "instance_type": "ml.c5.xlarge",
        "requests": 1,
        "instances": [instance, instance | {"models": [], "restarts": 2, "last_restart": RESTART}],
    }
    monkeypatch.setattr(state, "running", lambda: [here])
    monkeypatch.setattr(
        launcher,
        "ask_status",
        lambda _: {"url": here.url, "pid": 1, "backends": ["python"], "endpoints": [endpoint]},
    )
    shown = CliRunner(env={"COLUMNS": "120"}).invoke(local.app, ["status"]).output.splitlines()
    assert shown[1] == "status page: http://localhost:4747/_mme/"
    assert shown[2] == "endpoint e ml.c5.xlarge, 1 request"
    assert shown[3] == "image triton:1, served by Triton 2.51"
    assert shown[4] == "instance 0: 1 model, 2.0 kB of 1.1 GB memory, 4.1 kB of 8.6 GB disk in use"
    assert shown[5].startswith("instance 1: 0 models")
    assert shown.pop(6).startswith("  2 restarts, the last ")
    assert shown[6].split("\t") == ["INSTANCE", "MODEL", "STATE", "WEIGHT", "HITS"]
    assert shown[7].split("\t") == ["0", "odd[red]_v0.tar.gz", "ready", "2.0 kB", "1,234"]
    assert len(shown) == 8


def test_status_is_of_the_runtime_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [state.RunFile(port, os.getpid(), 0.0, str(tmp_path), ready=True) for port in (4747, 4748)]
    monkeypatch.setattr(state, "running", lambda: every)
    monkeypatch.setattr(
        launcher, "ask_status", lambda one: {"url": one.url, "pid": 1, "backends": [], "endpoints": []}
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4748")
    ran = CliRunner().invoke(local.app, ["status"])
    assert "http://localhost:4748" in ran.stdout
    assert "4747" not in ran.stdout
    assert "other local endpoints: --port 4747" in ran.stderr
    shown = CliRunner().invoke(local.app, ["status", "--json"])
    assert [one["port"] for one in json.loads(shown.stdout)["runtimes"]] == [4748]
    assert shown.stderr == ""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4749")
    ran = CliRunner().invoke(local.app, ["status"])
    assert ran.stdout == "no local endpoint runs on port 4749; start one: mme local up --detach --port 4749\n"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example")
    shown = CliRunner().invoke(local.app, ["status", "--json"])
    assert [one["port"] for one in json.loads(shown.stdout)["runtimes"]] == [4747, 4748]


def test_status_shows_a_runtime_that_is_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = state.RunFile(4747, os.getpid(), 0.0, str(tmp_path))
    monkeypatch.setattr(state, "running", lambda: [here])
    shown = CliRunner().invoke(local.app, ["status"]).output
    assert shown == "a local endpoint is starting on port 4747; ask again in a second\n"


def test_a_status_that_cannot_be_read_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [state.RunFile(port, os.getpid(), 0.0, str(tmp_path), ready=True) for port in (4747, 4748, 4749)]
    statuses = {4747: {"pid": 1}, 4749: {"url": "u", "pid": 1, "backends": [], "endpoints": []}}

    def ask(one: state.RunFile) -> dict[str, object]:
        if one.port not in statuses:
            raise MmeError(f"the local endpoint on port {one.port} does not answer")
        return statuses[one.port]

    monkeypatch.setattr(state, "running", lambda: here)
    monkeypatch.setattr(launcher, "ask_status", ask)
    ran = CliRunner().invoke(local.app, ["status"])
    assert ran.output.startswith("u process 1")
    assert isinstance(ran.exception, MmeError)
    assert "4748 does not answer" in ran.exception.message
    statuses[4748] = statuses[4749]
    ran = CliRunner().invoke(local.app, ["status"])
    assert isinstance(ran.exception, MmeError)
    assert "the status of the local endpoint on port 4747 can't be read" in ran.exception.message
    assert "mme local down --port 4747" in str(ran.exception.hint)


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
        assert f"port {here['port']} is in use by a local endpoint (process {here['pid']})" in again.stderr
        status = mme(tmp_path, "local", "status")
        assert status.returncode == 0
        assert here["url"] in status.stdout
        assert f"status page: {here['page']}" in status.stdout
        assert "no endpoint is deployed" in status.stdout
        with urllib.request.urlopen(here["page"], timeout=60) as page:
            assert "No endpoint is deployed" in page.read().decode()
    finally:
        down = mme(tmp_path, "local", "down", "--port", str(here["port"]))
    assert down.returncode == 0, down.stderr
    assert not list(tmp_path.iterdir()), "no run file is left"
