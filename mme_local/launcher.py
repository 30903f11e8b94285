"""Runtimes from the outside: start one in the background, ask it, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import IO, Any
from urllib.error import URLError

from mme.aws.settings import LOCAL_PORT
from mme.errors import MmeError
from mme_local import run_files as state
from mme_local.settings import LocalSettings

_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
_STATUS_SECONDS = 5.0
_LOG_LINES = 15
TIED = "--tied"
"""Argument of ``python -m mme_local``: stop at the end of the standard input."""
LISTENER = "--listener="
"""Argument of ``python -m mme_local``, with a file descriptor: listen on this socket."""
_tied: dict[int, subprocess.Popen[bytes]] = {}
"""By port: each holds the pipe whose end is that of its runtime."""
_ERROR = "error: "
"""How `mme_local.__main__` begins an error of ours."""


def start_detached(settings: LocalSettings, *, seconds: float = 60, tied: bool = False) -> state.RuntimeState:
    """Start a runtime in the background and wait until it answers.

    Args:
        settings: of the runtime.
        seconds: most time for that.
        tied: have it stop when this process ends, however that comes about.

    Raises:
        MmeError: it did not come up; the message holds what it said.
    """
    from mme_local.runtime import listening_socket

    state.running()  # removes what killed ones left
    with contextlib.ExitStack() as opened:
        with listening_socket(settings.port) as listener:  # the same clear error as in the foreground
            port = int(listener.getsockname()[1])
            folder = state.state_root() / str(port)
            folder.mkdir(parents=True, exist_ok=True)
            # Kept open here: a runtime that fails deletes its folder, and with it the name of this file.
            log = opened.enter_context((folder / "runtime.log").open("w+b"))
            process = _begin(settings, listener, log, tied)
        try:
            here = _until_ready(process, port, seconds)
        except BaseException:
            _end(process, port)
            raise
        if here:
            if tied:
                _tied[port] = process
            return here
        in_time = process.poll() is not None
        _end(process, port)
        log.seek(0)
        said = log.read().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
    if process.returncode == MmeError.exit_status and (own := _own_error(said)):
        raise own
    reason = "did not come up" if in_time else f"was not up within {seconds:g} s"
    raise MmeError(f"the local runtime {reason}" + (":\n" + "\n".join(said) if said else ""))


def _begin(
    settings: LocalSettings, listener: socket.socket, log: IO[bytes], tied: bool
) -> subprocess.Popen[bytes]:
    """Start the process. It gets the socket: a port that was only found free could be another's by then."""
    variables = {
        f"MME_LOCAL_{name.upper()}": str(value)
        for name, value in settings.model_dump(mode="json").items()
        if value is not None
    } | {"MME_LOCAL_PORT": str(listener.getsockname()[1])}
    import fcntl  # here, as Windows has none

    # Where this process has no standard input, the listener may have that number, which is the child's own.
    inherited = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "mme_local", f"{LISTENER}{inherited}", *([TIED] if tied else [])],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | variables,
            pass_fds=[inherited],
            start_new_session=True,
        )
    finally:
        os.close(inherited)


def _own_error(said: list[str]) -> MmeError | None:
    """The error that the runtime ended with, as it would be in the foreground."""
    for number, line in enumerate(said):
        if line.startswith(_ERROR):
            return MmeError(line.removeprefix(_ERROR), hint="\n".join(said[number + 1 :]) or None)
    return None


def _until_ready(process: subprocess.Popen[bytes], port: int, seconds: float) -> state.RuntimeState | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        here = state.read_state(port)
        if here and here.ready and here.pid == process.pid:
            return here
        time.sleep(_POLL_SECONDS)
    return None


def _end(process: subprocess.Popen[bytes], port: int) -> None:
    """End a runtime that is not wanted, and remove what it left if it had to be killed."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()
    here = state.read_state(port)
    if here is None:
        state.forget(port)
    elif not here.alive():
        here.remove()


def find(port: int) -> state.RuntimeState:
    """The runtime on a port.

    Raises:
        MmeError: none runs there.
    """
    here = state.read_state(port)
    if here is None or not here.alive():
        others = ", ".join(f"--port {other.port}" for other in state.running())
        at = "" if port == LOCAL_PORT else f" --port {port}"
        raise MmeError(
            f"no local runtime runs on port {port}",
            hint=f"name one that runs: {others}" if others else f"start one: mme local up --detach{at}",
        )
    return here


def stop(port: int, *, waiting: Callable[[], None] | None = None) -> state.RuntimeState:
    """Stop the runtime on a port and return once it is gone.

    Raises:
        MmeError: none runs there, or it does not stop.
    """
    here = find(port)
    os.kill(here.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while here.alive():
        if time.monotonic() > deadline:
            raise MmeError(
                f"the runtime on port {port} (process {here.pid}) did not stop within {_STOP_SECONDS:g} s"
            )
        if waiting:
            waiting()
        time.sleep(_POLL_SECONDS)
    here.remove()
    if own := _tied.pop(port, None):
        own.communicate()
    return here


def ask_status(here: state.RuntimeState) -> dict[str, Any]:
    """What a running runtime tells of itself.

    Raises:
        MmeError: it does not answer.
    """
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{here.port}/_mme/status", timeout=_STATUS_SECONDS
        ) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer
    except (URLError, OSError, ValueError) as error:
        raise MmeError(f"the runtime on port {here.port} does not answer: {error}") from None
