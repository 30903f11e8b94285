"""One real ``tritonserver`` as a serving container."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from mme.errors import MmeError
from mme_local.containers.container import ContainerReply
from mme_local.containers.contract import ContractContainer
from mme_local.containers.triton.arguments import serve_arguments
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.shell import taken_apart
from mme_local.logs import TAIL_BYTES, tail

_BAD_REQUEST = 400
_POLL_SECONDS = 0.02
_STOP_SECONDS = 8.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: a forked child should do as little as it can
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the python backend puts its regions


class TritonProcess(ContractContainer):
    """A Triton of its own port, log and shared memory names.

    Args:
        installation: the private Triton to run.
        folder: where its log and its (empty) repository go; made if missing.
        environment: variables of the deployed model, ``SAGEMAKER_TRITON_*`` among them.
        start_seconds: most time until it answers ``/ping``.
        log: its log file; by default ``triton.log`` in the folder.
    """

    def __init__(
        self,
        installation: TritonInstallation,
        folder: Path,
        environment: Mapping[str, str],
        *,
        start_seconds: float,
        log: Path | None = None,
    ) -> None:
        super().__init__()
        self._installation = installation
        self._folder = folder
        self._environment = dict(environment)
        self._log_path = log or folder / "triton.log"
        self._start_seconds = start_seconds
        self._region = f"mme_{os.getpid()}_{secrets.token_hex(4)}"
        self._process: asyncio.subprocess.Process | None = None
        self._reserved: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(self) -> None:
        """Start the server and wait for ``/ping``.

        Raises:
            MmeError: it ended or did not answer in time; the message ends with its log.
        """
        repository = self._folder / "repository"
        repository.mkdir(parents=True, exist_ok=True)
        self._reserved, port = _reserved_port()
        command = [
            str(self._installation.server),
            "--model-control-mode=explicit",
            f"--model-repository={repository}",
            f"--backend-directory={self._installation.backends}",
            "--allow-sagemaker=true",
            f"--sagemaker-port={port}",
            "--allow-http=false",
            "--allow-grpc=false",
            "--allow-metrics=false",
            "--exit-timeout-secs=2",
            f"--backend-config=python,shm-region-prefix-name={self._region}",
            *serve_arguments(self._environment),
        ]
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._installation.environment | self._environment | {"SAGEMAKER_MULTI_MODEL": "true"},
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._connect(port)
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._until_up()
        except TimeoutError:
            words = self.log_tail()
            await self.stop()
            raise MmeError(f"Triton was not up within {self._start_seconds:g} s\n{words}") from None

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Load the unpacked archive at ``path``, a folder named ``model``.

        400 where a name would be taken apart by the shell that Triton starts the model's python process with.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or the load did.
        """
        for name in (target_model, *(each.name for each in path.iterdir() if each.is_dir())):
            if letter := taken_apart(name):
                return _unspeakable(target_model, name, letter)
        return await super().load(handle, target_model, path, seconds)

    async def wait_dead(self) -> int:
        """Return the exit status once the server has ended."""
        if self._process is None:
            raise RuntimeError("the container was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server and its python processes; their shared memory goes too."""
        self._disconnect()
        reserved, self._reserved = self._reserved, None
        try:
            await self._end()
        finally:
            if reserved:
                reserved.close()

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        # The group, not the server alone: python processes may outlive it.
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        for region in _SHARED_MEMORY.glob(f"{self._region}*"):
            region.unlink(missing_ok=True)

    def log_tail(self) -> str:
        """The end of the server's log."""
        return tail(self._log_path)

    def _first_words(self) -> str:
        """Why a start failed: of a refused flag Triton prints the reason first, then all its help."""
        try:
            text = self._log_path.read_text(errors="replace")
        except OSError:
            return ""
        return text.partition("Usage: tritonserver")[0].strip()[-TAIL_BYTES:]

    async def _until_up(self) -> None:
        while True:
            if self._process is None or self._process.returncode is not None:
                words = self._first_words()
                await self.stop()
                raise MmeError(f"Triton ended at its start\n{words}")
            if await self.ping(2):
                return
            await asyncio.sleep(_POLL_SECONDS)


def _unspeakable(target_model: str, name: str, letter: str) -> ContainerReply:
    """The refusal of a load, in the words that Triton begins its own with."""
    error = (
        f"load failed for model '{target_model}': the name {name!r} holds {letter!r}, which Triton's python "
        "backend hands to a shell unquoted; name it without"
    )
    return ContainerReply(_BAD_REQUEST, json.dumps({"error": error}).encode(), "application/json")


def _reserved_port() -> tuple[socket.socket, int]:
    """A port for Triton, and the socket that keeps everybody else off it while it is open.

    A Triton that finds its port taken ends a moment later, but until then the other's server would
    answer our ``/ping`` and our requests. The kernel gives a port that is bound, if only by us and
    without listening, to nobody who asks for any port; Triton may take it by name, since it binds
    with SO_REUSEADDR, as we do.
    """
    holder = socket.socket()
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
    except OSError:
        holder.close()
        raise
    return holder, int(holder.getsockname()[1])


def _die_with_parent() -> None:
    """Runs in the child: a killed runtime must not leave its Tritons behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
