"""One real ``tritonserver`` as a serving container."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from mme.archives.triton.shell import first_shell_metacharacter
from mme_local.containers.container import ContainerDiedError, ContainerReply
from mme_local.containers.contract import ContractContainer
from mme_local.containers.server_process import ServerProcess
from mme_local.containers.triton.arguments import serve_arguments
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.load_errors import readable, with_sagemaker_paths
from mme_local.containers.triton.patches import SOCKET
from mme_local.logs import TAIL_BYTES, start_failure, tail

log = logging.getLogger(__name__)

TITLE: Final = "Triton 2.51 of NVIDIA's wheel"
_BAD_REQUEST = 400
_UNHEALTHY = re.compile(rb"""\{"error":"Stub process '[^"]+' is not healthy\."\}""")
_NO_MORE_ENVIRONMENTS = b"Failed to create environment directory for"
"""After one archive of an environment that can't be unpacked, Triton 2.51 unpacks no other (observed)."""
_HELP = "Usage: tritonserver"
"""Triton prints why it does not start, then all its help."""
_POLL_SECONDS = 0.02
_STOP_SECONDS = 8.0
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - of the python backend's regions


class TritonProcess(ContractContainer):
    """A Triton with its own Unix socket, log and shared memory.

    Args:
        installation: The private Triton to run.
        folder: For its log and its (empty) repository; made if missing.
        environment: Variables of the deployed model, such as ``SAGEMAKER_TRITON_*``.
        start_seconds: Time limit for ``/ping`` to answer.
        log: Its log file; by default ``triton.log`` in the folder.
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
        self._process = ServerProcess(_STOP_SECONDS)

    @property
    def title(self) -> str:
        """What serves."""
        return TITLE

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server and wait for ``/ping``.

        Raises:
            MmeError: It ended or did not answer in time; the message has the last line of its log.
        """
        repository = self._folder / "repository"
        repository.mkdir(parents=True, exist_ok=True)
        (self._folder / SOCKET).unlink(missing_ok=True)
        command = [
            str(self._installation.server),
            "--model-control-mode=explicit",
            f"--model-repository={repository}",
            f"--backend-directory={self._installation.backends}",
            "--allow-sagemaker=true",
            "--allow-http=false",
            "--allow-grpc=false",
            "--allow-metrics=false",
            "--exit-timeout-secs=2",
            f"--backend-config=python,shm-region-prefix-name={self._region}",
            *serve_arguments(self._environment),
        ]
        environment = self._installation.environment | self._environment | {"SAGEMAKER_MULTI_MODEL": "true"}
        pid = await self._process.start(command, environment, self._folder, self._log_path)
        # Through the process, as the path of a Unix socket has 107 bytes at most.
        self._connect(f"/proc/{pid}/cwd/{SOCKET}")
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._until_up()
        except TimeoutError:
            await self.stop()
            raise start_failure(
                f"Triton was not up within {self._start_seconds:g} s",
                self._log_path,
                hint="give it more time: MME_LOCAL_START_SECONDS",
            ) from None

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Implement `ServingContainer.load`; 400 if a name holds a shell metacharacter.

        Raises:
            ContainerDiedError: An earlier model left the server unable to load this one; it was ended.
        """
        names = [target_model]
        if not (path / "config.pbtxt").exists():  # else the directories are no models
            names += [each.name for each in path.iterdir() if each.is_dir()]
        for name in names:
            if letter := first_shell_metacharacter(name):
                return _refusal(target_model, name, letter)
        begin = self._log_size()
        reply = await super().load(handle, target_model, path, seconds)
        if reply.ok:
            return reply
        if _NO_MORE_ENVIRONMENTS in reply.body and self.pid:
            log.warning("%s: a broken environment was loaded before; Triton is started again", target_model)
            self._process.signal(signal.SIGKILL)
            raise ContainerDiedError("an earlier model's environment archive was broken", read=True)
        written = tail(self._log_path, min(TAIL_BYTES, self._log_size() - begin))
        return readable(reply, self._folder, written)

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """Implement `ServingContainer.invoke`; end the server if the model's python process has ended.

        Triton 2.51 does not start that again, and can't unload the model: it counts this request as running.
        """
        reply = await super().invoke(handle, target_model, body, headers, seconds)
        if reply.ok:
            return reply
        if reply.status == _BAD_REQUEST and _UNHEALTHY.fullmatch(reply.body) and self.pid:
            log.warning("%s: its python process has ended; Triton is started again", target_model)
            self._process.signal(signal.SIGKILL)
            return replace(reply, fatal=f"the python process of {target_model} ended")
        return with_sagemaker_paths(reply, self._folder)

    async def wait_dead(self) -> int:
        """Return the exit status once the server has ended."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server and its python processes, and remove their shared memory."""
        self._disconnect()
        if await self._process.stop():
            for region in _SHARED_MEMORY.glob(f"{self._region}*"):
                region.unlink(missing_ok=True)

    def _log_size(self) -> int:
        try:
            return self._log_path.stat().st_size
        except OSError:
            return 0

    async def _until_up(self) -> None:
        while True:
            if self.pid is None:
                await self.stop()
                raise start_failure("Triton ended at its start", self._log_path, before=_HELP)
            if await self.ping(2):
                return
            await asyncio.sleep(_POLL_SECONDS)


def _refusal(target_model: str, name: str, letter: str) -> ContainerReply:
    """Return the refusal of a load, which starts as Triton's own does."""
    error = (
        f"load failed for model '{target_model}': the name {name!r} holds {letter!r}; Triton's python "
        "backend passes it to a shell unquoted"
    )
    return ContainerReply(_BAD_REQUEST, json.dumps({"error": error}).encode(), "application/json")
