"""A server process of this machine that ends with the local endpoint, even if that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path


class ServerProcess:
    """One server and its child processes, which are a process group.

    Args:
        stop_seconds: How long it may take to end by SIGTERM before it is killed.
    """

    def __init__(self, stop_seconds: float) -> None:
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[int] | None = None
        self._lifeline: int | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> int:
        """Start it and return its process id.

        Args:
            command: Program and arguments.
            environment: All of its variables.
            folder: Its working directory.
            log: Its output is appended to this file.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        read, lifeline = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(environment),
                    cwd=folder,
                    pass_fds=[read],
                    preexec_fn=functools.partial(_end_with, read),
                )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(read)
        self._lifeline = lifeline
        self._ended = asyncio.create_task(_end_group(self._process))
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit status once it has ended."""
        if self._ended is None:
            raise RuntimeError("the container was never started")
        return await asyncio.shield(self._ended)

    async def stop(self) -> bool:
        """End it and its child processes. Return whether it was ever started; safe to call twice."""
        if self._ended is None:
            return False
        self.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), self._stop_seconds)
        self.signal(signal.SIGKILL)
        await self.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its child processes, if it runs."""
        if self.pid:
            _signal_group(self.pid, number)


async def _end_group(process: asyncio.subprocess.Process) -> int:
    """Return the exit status of a server that has ended, and end the child processes that outlive it."""
    status = await process.wait()
    # At once: a later process group may get the same number.
    _signal_group(process.pid, signal.SIGKILL)
    return status


def _end_with(lifeline: int) -> None:
    """Run in the child: have the kernel kill its process group once the other end of a pipe is closed.

    The local endpoint has that end, so the server and its child processes end with it, even if it is killed.
    If that happens now, the child's own copy of that end closes, and the kernel acts, when it executes the
    server.
    """
    os.setsid()  # not by `start_new_session`, which uvloop applies later
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
