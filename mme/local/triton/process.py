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

import aiohttp

from mme.errors import MmeError
from mme.local.container import (
    RETURNED_HEADERS,
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
)
from mme.local.triton.arguments import serve_arguments
from mme.local.triton.installation import TritonInstallation

TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"
_POLL_SECONDS = 0.02
_STOP_SECONDS = 8.0
_UNLOAD_SECONDS = 360.0
"""SageMaker waits as long for an unload (triton-inference-server/server, ``sagemaker_server.cc``)."""
_LOG_TAIL_BYTES = 4000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: a forked child should do as little as it can
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the python backend puts its regions


class TritonProcess:
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
        self._installation = installation
        self._folder = folder
        self._environment = dict(environment)
        self._log_path = log or folder / "triton.log"
        self._start_seconds = start_seconds
        self._region = f"mme_{os.getpid()}_{secrets.token_hex(4)}"
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._base = ""
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
        self._base = f"http://127.0.0.1:{port}"
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
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._until_up()
        except TimeoutError:
            words = self.last_words()
            await self.stop()
            raise MmeError(f"Triton was not up within {self._start_seconds:g} s\n{words}") from None

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Load the unpacked archive at ``path``, a folder named ``model``.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or the load did.
        """
        body = json.dumps({"model_name": handle, "url": str(path)}).encode()
        return await self._ask("POST", "/models", target_model, body, {}, seconds)

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """Unload a model; Triton takes about 2 s.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer.
        """
        return await self._ask("DELETE", f"/models/{handle}", target_model, b"", {}, _UNLOAD_SECONDS)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """Run one inference.

        Raises:
            ContainerDiedError, ContainerTimeoutError: it ended, or did not answer in time.
        """
        return await self._ask("POST", f"/models/{handle}/invoke", target_model, body, headers, seconds)

    async def wait_dead(self) -> int:
        """Return the exit status once the server has ended."""
        if self._process is None:
            raise RuntimeError("the container was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server and its python processes; their shared memory goes too."""
        session, self._session = self._session, None
        if session:
            await session.close()
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

    def last_words(self) -> str:
        """The end of the server's log."""
        try:
            with self._log_path.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - _LOG_TAIL_BYTES))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def _first_words(self) -> str:
        """Why a start failed: of a refused flag Triton prints the reason first, then all its help."""
        try:
            text = self._log_path.read_text(errors="replace")
        except OSError:
            return ""
        return text.partition("Usage: tritonserver")[0].strip()[-_LOG_TAIL_BYTES:]

    async def _until_up(self) -> None:
        while True:
            if self._process is None or self._process.returncode is not None:
                words = self._first_words()
                await self.stop()
                raise MmeError(f"Triton ended at its start\n{words}")
            with contextlib.suppress(ContainerDiedError, ContainerTimeoutError):
                if (await self._ask("GET", "/ping", "", b"", {}, 2)).ok:
                    return
            await asyncio.sleep(_POLL_SECONDS)

    async def _ask(
        self, method: str, path: str, target: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        session = self._session
        if session is None or session.closed:
            raise ContainerDiedError("the container is not running")
        sent = {**headers, TARGET_MODEL_HEADER: target} if target else dict(headers)
        try:
            async with asyncio.timeout(seconds):
                async with session.request(method, self._base + path, data=body, headers=sent) as reply:
                    return ContainerReply(
                        reply.status,
                        await reply.read(),
                        reply.headers.get("Content-Type", "application/octet-stream"),
                        {name: reply.headers[name] for name in RETURNED_HEADERS if name in reply.headers},
                    )
        except TimeoutError:
            raise ContainerTimeoutError(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ContainerDiedError(str(error) or type(error).__name__) from None


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
