"""Starts that fail: the reason is reported, and no file is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from benchmarks.s3_server import free_ports
from mme.errors import MmeError
from mme_local import launcher
from mme_local.cli import local
from mme_local.settings import LocalSettings
from tests.signals import handled

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path


def left(root: Path) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.is_file()]


def on_another_platform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make child processes believe that they run on a platform without Triton's wheel."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import platform\nplatform.machine = lambda: 'riscv64'\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def test_a_runtime_that_cannot_start_reports_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_another_platform(root / "platform", monkeypatch)
    with pytest.raises(MmeError, match="this is Linux riscv64"):
        launcher.start_detached(LocalSettings(port=0))
    assert left(root) == [str(root / "platform" / "sitecustomize.py")]


def test_a_variable_that_is_not_valid_is_one_clear_error(root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mme_local"],
        env=os.environ | {"MME_LOCAL_PORT": "many"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: port 'many' is not valid")
    assert "Traceback" not in ran.stderr
    assert left(root) == []


def test_a_runtime_that_does_not_start_in_time_is_ended(root: Path) -> None:
    before = set(psutil.Process().children())
    [port] = free_ports(1)
    for asked, command in ((0, "mme local up"), (port, f"mme local up --port {port}")):
        with pytest.raises(MmeError, match="did not start within 0 s") as caught:
            launcher.start_detached(LocalSettings(port=asked), seconds=0)
        assert str(caught.value.hint).endswith(f": {command}")
    assert set(psutil.Process().children()) == before
    assert left(root) == []


@pytest.mark.parametrize(
    ("number", "handler", "status"),
    [(signal.SIGINT, signal.default_int_handler, 130), (signal.SIGTERM, signal.SIG_DFL, 143)],
)
def test_an_interrupted_start_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, handler: Any, status: int
) -> None:
    def interrupt(_: float) -> None:
        monkeypatch.setattr(time, "sleep", real)
        signal.raise_signal(number)

    real = time.sleep
    before = set(psutil.Process().children())
    monkeypatch.setattr(time, "sleep", interrupt)
    with handled(number, handler):
        ran = CliRunner().invoke(local.app, ["up", "--detach", "--port", "0"])
    assert ran.exit_code == status
    assert set(psutil.Process().children()) == before
    assert left(root) == []


def test_a_runtime_inherits_a_bound_socket(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[int] = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **how: Any) -> None:
            output = [word for word in command if word.startswith(launcher.LISTENER)]
            descriptor = int(output[0].removeprefix(launcher.LISTENER))
            assert how["pass_fds"] == [descriptor]
            with socket.socket(fileno=os.dup(descriptor)) as bound:
                ports.append(bound.getsockname()[1])
            assert how["env"]["MME_LOCAL_PORT"] == str(ports[-1])
            super().__init__(command, **how)

    monkeypatch.setattr(subprocess, "Popen", Started)
    here = launcher.start_detached(LocalSettings(port=0))
    try:
        assert [here.port] == ports
        assert launcher.ask_status(here)["pid"] == here.pid
        process = psutil.Process(here.pid)
        listening = [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert [(one.laddr.ip, one.laddr.port) for one in listening] == [("127.0.0.1", here.port)]
    finally:
        launcher.stop(here.port)
    assert left(root) == []


def test_a_caller_without_standard_streams_can_start_one(root: Path) -> None:
    output = root / "output"
    script = (
        "import os, sys\n"
        "for number in (0, 1, 2): os.close(number)\n"
        "from mme_local import launcher\n"
        "from mme_local.settings import LocalSettings\n"
        "here = launcher.start_detached(LocalSettings(port=0))\n"
        "pid = launcher.ask_status(here)['pid']\n"
        "launcher.stop(here.port)\n"
        "open(sys.argv[1], 'w').write(str(pid == here.pid))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(output)], timeout=100, check=True)
    assert output.read_text() == "True"


TMPDIR = "\nset TMPDIR to a folder of your own, with 100 MB of space"
UNFIT = {
    "programs can't run in the temporary folder": (
        "import subprocess\n"
        "def run(*_, **__): raise PermissionError(13, 'Permission denied')\n"
        "subprocess.run = run\n",
        f"the temporary folder can't be used: Permission denied{TMPDIR}",
    ),
    "the temporary folder is full": (
        "import tempfile\n"
        "def mkdtemp(**_): raise OSError(28, 'No space left on device')\n"
        "tempfile.mkdtemp = mkdtemp\n",
        f"the temporary folder can't be used: No space left on device{TMPDIR}",
    ),
    "there is no localhost": (
        "import socket\n"
        "def unknown(*_): raise socket.gaierror(-2, 'Name or service not known')\n"
        "socket.getaddrinfo = unknown\n",
        "the name localhost resolves to nothing; AWS clients need 127.0.0.1\n"
        "add the line `127.0.0.1 localhost` to /etc/hosts",
    ),
    "HOME can't be written": (
        "import os\nos.environ['XDG_STATE_HOME'] = '/proc/none'\n",
        "/proc/none/sagemaker-mme/local/",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_machine_that_is_not_fit_is_one_clear_error(root: Path, case: str) -> None:
    script, message = UNFIT[case]  # it makes the process meet what it would meet there
    (root / "sitecustomize.py").write_text(script)
    ran = subprocess.run(
        [sys.executable, "-m", "mme_local"],
        env=os.environ | {"MME_LOCAL_PORT": "0", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.startswith(f"error: {message}")
    assert "Traceback" not in ran.stderr
