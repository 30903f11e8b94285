"""Local endpoints from outside: start one in the background, read its status, stop it."""

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
from typing import IO, Any, Final
from urllib.error import URLError

from mme.aws.settings import LOCAL_PORT
from mme.errors import MmeError
from mme_local import run_files
from mme_local.run_files import RunFile
from mme_local.settings import LocalSettings

TIED: Final = "--tied"
"""Argument of ``python -m mme_local``: stop at the end of standard input."""
LISTENER: Final = "--listener="
"""Argument of ``python -m mme_local``, with a file descriptor: listen on this socket."""
_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 60.0
_STATUS_SECONDS: Final = 5.0
_LOG_LINES: Final = 15
_ERROR: Final = "error: "
"""Prefix of an error in the output of `mme_local.__main__`."""
_tied: dict[int, subprocess.Popen[bytes]] = {}
"""Tied local endpoints by port; each process holds the pipe whose end stops it."""


def start_detached(settings: LocalSettings, *, seconds: float = 120, tied: bool = False) -> RunFile:
    """Start a local endpoint in the background and wait until it answers.

    Args:
        settings: the local endpoint's settings.
        seconds: time limit of the start.
        tied: whether it stops when this process ends, even if it is killed.

    Raises:
        MmeError: It did not start; the message holds its output.
    """
    from mme_local.runtime import listening_socket

    run_files.running()  # removes the files of killed local endpoints
    with contextlib.ExitStack() as opened:
        with listening_socket(settings.port) as listener:  # the same error as in the foreground
            port = int(listener.getsockname()[1])
            path = run_files.make_folder(port) / "runtime.log"
            # Kept open: a local endpoint that fails deletes its folder, this file included.
            log = opened.enter_context(path.open("w+b"))
            path.chmod(0o600)
            process = _start(settings, listener, log, tied)
        try:
            here = _wait_ready(process, port, seconds)
        except BaseException:
            _end(process, port)
            raise
        if here:
            if tied:
                _tied[port] = process
            return here
        ended = process.poll() is not None
        _end(process, port)
        log.seek(0)
        output = log.read().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
    if process.returncode == MmeError.exit_status and (own := _own_error(output)):
        raise own
    option = "" if settings.port in (0, LOCAL_PORT) else f" --port {settings.port}"
    reason = "did not start" if ended else f"did not start within {seconds:g} s"
    raise MmeError(
        f"the local endpoint {reason}" + (":\n" + "\n".join(output) if output else ""),
        hint=f"start it in the foreground, which prints all its output: mme local up{option}",
    )


def _start(
    settings: LocalSettings, listener: socket.socket, log: IO[bytes], tied: bool
) -> subprocess.Popen[bytes]:
    """Start the process. It inherits the socket, so that no other program can take the port meanwhile."""
    variables = {
        f"MME_LOCAL_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()
    } | {"MME_LOCAL_PORT": str(listener.getsockname()[1])}
    import fcntl  # here, as Windows has none

    # Without standard input here, the listener may have a number that the child needs for its own.
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


def _own_error(output: list[str]) -> MmeError | None:
    """Return the error that the local endpoint ended with, as in the foreground."""
    for number, line in enumerate(output):
        if line.startswith(_ERROR):
            return MmeError(line.removeprefix(_ERROR), hint="\n".join(output[number + 1 :]) or None)
    return None


def _wait_ready(process: subprocess.Popen[bytes], port: int, seconds: float) -> RunFile | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        here = run_files.read_run_file(port)
        if here and here.ready and here.pid == process.pid:
            return here
        time.sleep(_POLL_SECONDS)
    return None


def _end(process: subprocess.Popen[bytes], port: int) -> None:
    """End a local endpoint that did not start, and remove its files if it had to be killed."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()
    here = run_files.read_run_file(port)
    if here is None:
        run_files.forget(port)
    elif not here.alive():
        here.remove()


def find(port: int) -> RunFile:
    """Return the local endpoint on a port.

    Raises:
        MmeError: None runs there.
    """
    here = run_files.read_run_file(port)
    if here is None or not here.alive():
        others = ", ".join(f"--port {other.port}" for other in run_files.running())
        at = "" if port == LOCAL_PORT else f" --port {port}"
        raise MmeError(
            f"no local endpoint runs on port {port}",
            hint=f"local endpoints run at {others}" if others else f"start one: mme local up --detach{at}",
        )
    return here


def stop(port: int) -> RunFile:
    """Stop the local endpoint on a port and return once its process has ended.

    Raises:
        MmeError: None runs there, or it does not stop.
    """
    here = find(port)
    os.kill(here.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while here.alive():
        if time.monotonic() > deadline:
            where = f"port {port} (process {here.pid})"
            raise MmeError(
                f"the local endpoint on {where} did not stop within {_STOP_SECONDS:g} s",
                hint=f"end it: kill -9 {here.pid}",
            )
        time.sleep(_POLL_SECONDS)
    here.remove()
    if own := _tied.pop(port, None):
        own.communicate()
    return here


def ask_status(here: RunFile) -> dict[str, Any]:
    """Return the status of a running local endpoint.

    Raises:
        MmeError: It does not answer.
    """
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{here.port}/_mme/status", timeout=_STATUS_SECONDS
        ) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer
    except (URLError, OSError, ValueError) as error:
        raise MmeError(
            f"the local endpoint on port {here.port} does not answer: {error}",
            hint=f"ask again; if it never answers, stop it: mme local down --port {here.port}",
        ) from None
