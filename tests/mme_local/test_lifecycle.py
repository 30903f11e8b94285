"""Runtimes that start, stop, are killed, and run in parallel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError, HTTPClientError

from mme.errors import MmeError
from mme_local import launcher
from mme_local.run_files import read_run_file
from mme_local.settings import LocalSettings
from tests.mme_local.a_model import a_model, body, number
from tests.mme_local.deployed import Endpoint, Runtime
from tests.signals import handled
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton]

SESSION = """
import sys
from mme_local import launcher
from mme_local.settings import LocalSettings
print(launcher.start_detached(LocalSettings(port=0), tied=True).port, flush=True)
sys.stdin.read()
"""


def test_a_taken_port_is_one_clear_error(runtime: Runtime) -> None:
    with pytest.raises(MmeError, match=f"port {runtime.state.port} is in use by a local endpoint"):
        launcher.start_detached(LocalSettings(port=runtime.state.port))


@pytest.mark.parametrize(
    "number_",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.nightly),
        pytest.param(signal.SIGHUP, marks=pytest.mark.nightly),
    ],
)
def test_a_stopped_runtime_leaves_no_process_and_no_file(number_: signal.Signals) -> None:
    with handled(number_, signal.SIG_DFL):
        state = launcher.start_detached(LocalSettings(port=0))
    endpoint = Endpoint(Runtime(state))
    endpoint.publish("a_v0.tar.gz", a_model(padding=10))
    endpoint.invoke("a_v0.tar.gz", body(1))
    process = psutil.Process(state.pid)
    family = [process, *process.children(recursive=True)]
    assert len(family) == 3, "the runtime, Triton, the model's python process"
    regions = list(Path("/dev/shm").glob(f"mme_{state.pid}_*"))
    assert regions
    ours = [
        *regions,
        *Path(state.workdir).rglob("*"),
        Path(state.workdir),
        *state.folder.rglob("*"),
        state.folder,
    ]
    assert [path for path in ours if not path.is_symlink() and path.stat().st_mode & 0o077] == []
    os.kill(state.pid, number_)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    assert not Path(state.workdir).exists()
    assert not state.folder.exists()
    assert not list(Path("/dev/shm").glob(f"mme_{state.pid}_*"))


def test_a_runtime_stopped_during_loads_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    state = launcher.start_detached(LocalSettings(port=0))
    endpoint = Endpoint(Runtime(state), instances=2)
    for n in range(3):
        endpoint.publish(f"m{n}_v0.tar.gz", a_model(at_load="time.sleep(600)"))
    endpoint.calls = Runtime(state).client("sagemaker-runtime", max_pool_connections=8)
    with ThreadPoolExecutor(6) as callers:
        calls = [callers.submit(endpoint.invoke, f"m{n % 3}_v0.tar.gz", body(1)) for n in range(6)]
        process = psutil.Process(state.pid)
        wait_for(lambda: len(process.children(recursive=True)) > 3)  # two Tritons, and models of theirs
        family = [process, *process.children(recursive=True)]
        os.kill(state.pid, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=25)
        assert not alive
        failures = [call.exception(timeout=20) for call in calls]
    assert all(isinstance(failure, (ClientError, HTTPClientError)) for failure in failures), failures
    assert not Path(state.workdir).exists()
    assert not state.folder.exists()
    assert not list(Path("/dev/shm").glob(f"mme_{state.pid}_*"))


def test_a_runtime_killed_during_loads_leaves_no_process_and_blocks_no_start() -> None:
    state = launcher.start_detached(LocalSettings(port=0))
    endpoint = Endpoint(Runtime(state))
    endpoint.publish("a_v0.tar.gz", a_model(padding=10))
    endpoint.publish("loading_v0.tar.gz", a_model(at_load="time.sleep(600)"))
    endpoint.invoke("a_v0.tar.gz", body(1))
    process = psutil.Process(state.pid)
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(endpoint.invoke, "loading_v0.tar.gz", body(1))
        wait_for(lambda: sum("stub" in one.name() for one in process.children(recursive=True)) == 2)
        family = process.children(recursive=True)
        os.kill(state.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
        assert isinstance(call.exception(timeout=20), HTTPClientError)
    again = launcher.start_detached(LocalSettings(port=state.port))
    assert not Path(state.workdir).exists()
    assert not list(Path("/dev/shm").glob(f"mme_{state.pid}_*"))
    launcher.stop(again.port)
    assert read_run_file(again.port) is None


def test_a_tied_runtime_ends_with_a_killed_session() -> None:
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert session.stdout
        state = read_run_file(int(session.stdout.readline()))
        assert state
        process = psutil.Process(state.pid)
        session.kill()
        _, alive = psutil.wait_procs([process], timeout=20)
        assert not alive
        wait_for(lambda: not state.folder.exists())
        assert not Path(state.workdir).exists()
    finally:
        session.kill()
        session.communicate()


def test_two_runtimes_are_independent(runtime: Runtime, endpoint: Endpoint) -> None:
    other = launcher.start_detached(LocalSettings(port=0))
    try:
        assert other.port != runtime.state.port
        mirror = Endpoint(Runtime(other))
        mirror.publish("a_v0.tar.gz", a_model("x * 3"))
        endpoint.publish("a_v0.tar.gz", a_model("x * 2"))
        assert number(mirror.invoke("a_v0.tar.gz", body(10))) == 30
        assert number(endpoint.invoke("a_v0.tar.gz", body(10))) == 20
    finally:
        launcher.stop(other.port)
    assert number(endpoint.invoke("a_v0.tar.gz", body(1))) == 2
