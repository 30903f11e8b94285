"""One Multi Model Server, or its fork TorchServe, as a serving container."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from mme_local.containers.container import ContainerReply, ContainerTimeoutError
from mme_local.containers.contract import ContractContainer
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.installation import MmsInstallation
from mme_local.containers.mms.program import Program
from mme_local.containers.mms.properties import server_environment, server_properties
from mme_local.containers.server_process import ServerProcess
from mme_local.logs import start_failure

_LOG_CONFIG: Final = Path(__file__).with_name("log4j2.xml")
SOCKET: Final = "mms.sock"
"""Of the server, in its folder."""
_WORKER_DIED: Final = b'"message": "Worker died."'
_HEAP: Final = "256m"
_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 3.0
# The path of a Unix socket has 107 bytes at most, and workers run in folders of their own: the sockets are
# reached through the server's process. The shell becomes the server, so its process id is the server's.
_START: Final = 'exec "$0" -Djava.io.tmpdir=/proc/$$/cwd/tmp "$@"'


class MmsContainer(ContractContainer):
    """A server with its own Unix socket and log; its workers run a handler.

    Args:
        installation: The server and its Java runtime.
        handler: What the workers run.
        image: The deployed image, for messages.
        folder: For its files; made if missing.
        environment: Variables of the deployed model.
        start_seconds: Time limit for the program's import and ``/ping``.
        log: File for its output.
        multi_model: The mode of the deployed container.
    """

    def __init__(
        self,
        installation: MmsInstallation,
        handler: Handler,
        image: str,
        folder: Path,
        environment: Mapping[str, str],
        *,
        start_seconds: float,
        log: Path,
        multi_model: bool = True,
    ) -> None:
        super().__init__()
        self._installation = installation
        self._handler = handler
        self._image = image
        self._folder = folder / "mms"
        self._environment = dict(environment)
        self._start_seconds = start_seconds
        self._log = log
        self._multi_model = multi_model
        self._process = ServerProcess(_STOP_SECONDS)

    @property
    def title(self) -> str:
        """What serves."""
        return f"{self._installation.server.title} {self._installation.version} with {self._handler.text}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server, import the program if the image does so, and wait for ``/ping``.

        Raises:
            MmeError: A variable is wrong, the program can't be imported, or the server ended or did not
                answer in time; the message then ends with the last line of its log.
        """
        await self.stop()
        self._handler.check_installed()
        for name in ("tmp", "failed", "code"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / SOCKET).unlink(missing_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        properties = server_properties(self._handler, self._environment, f"/proc/self/cwd/{SOCKET}")
        lines = [f"{name}={value}" for name, value in properties.items()]
        (self._folder / "config.properties").write_text("\n".join(lines))
        program = Program.of(self._environment)
        source = await program.fetch(self._folder / "code")
        environment = self._variables(program, source)
        self._note_requirements(source)
        try:
            async with asyncio.timeout(self._start_seconds), asyncio.TaskGroup() as starting:
                if self._handler.program and program.in_model is None:
                    check = program.check_import(environment, self._folder, self._log, self._start_seconds)
                    starting.create_task(check)
                pid = await self._process.start(self._command(), environment, self._folder, self._log)
                self._connect(f"/proc/{pid}/cwd/{SOCKET}")
                starting.create_task(self._until_up())
        except TimeoutError:
            await self.stop()
            raise start_failure(
                f"{self._installation.server.title} was not up within {self._start_seconds:g} s",
                self._log,
                hint="give it more time: MME_LOCAL_START_SECONDS",
            ) from None
        except BaseExceptionGroup as group:
            await self.stop()
            raise group.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Implement `ServingContainer.load`; the failure of a handler that the server answers 200 to."""
        reply = await super().load(handle, target_model, path, seconds)
        report = self._folder / "failed" / handle
        if not reply.ok or not report.exists():
            return reply
        failure = json.loads(report.read_text("utf-8"))
        report.unlink()
        await self.unload(handle, target_model)
        text = f"{failure['message'].rstrip()}\nmme local: {self._image} is served by {self.title}\n"
        return ContainerReply(failure["status"], text.encode(), "text/plain")

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """Implement `ServingContainer.invoke`; end a server that has no process for the model any more.

        A model has two processes. The server forks the second one again if it ends, but starts the first one
        once only: without it, calls of the model are never answered.
        """
        try:
            reply = await super().invoke(handle, target_model, body, headers, seconds)
        except ContainerTimeoutError:
            self._end_without(handle)
            raise
        if _WORKER_DIED in reply.body and self._end_without(handle):
            return replace(reply, fatal=f"the processes of {target_model} ended")
        return reply

    async def wait_dead(self) -> int:
        """Return the exit status once the server has ended."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the server and its workers."""
        self._disconnect()
        await self._process.stop()

    def _end_without(self, handle: str) -> bool:
        """End the server if no process of a model runs; return whether it was ended."""
        if self.pid is None:
            return False
        for process in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if handle in process.cmdline():
                    return False
        self._process.signal(signal.SIGKILL)
        return True

    def _command(self) -> list[str]:
        server = self._installation.server
        heap = self._environment.get("SAGEMAKER_MAX_HEAP_SIZE", _HEAP)
        return [
            *("/bin/sh", "-c", _START, str(self._installation.java)),
            *(f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
            f"-Dmodel_server_home={self._installation.home}",
            f"-Dlog4j.configurationFile={_LOG_CONFIG.as_uri()}",
            *("-cp", f"{self._installation.home}/{server.module}/frontend/*"),
            server.main,
            *("--python", sys.executable, "-f", "config.properties", "-s", "/", *server.arguments),
        ]

    def _variables(self, program: Program, source: Path | None) -> dict[str, str]:
        """Return the server's variables: the deployed ones, over ours without those that would mislead it."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("AWS_", "PYTHON", "SAGEMAKER_", "MMS_", "TS_", "MME_", "LD_", "JAVA_", "JDK_")
            )
        }
        deployed = server_environment(self._environment)
        paths = [str(source) if source else "", deployed.get("PYTHONPATH", "")]
        own = {
            "PATH": os.pathsep.join(
                (str(Path(sys.executable).parent), os.environ.get("PATH", "/usr/bin:/bin"))
            ),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_MULTI_MODEL": "true" if self._multi_model else "false",
            "TEMP": str(self._folder / "tmp"),
            "MME_LOCAL_HANDLER": self._handler.module,
            "MME_LOCAL_FAILED_LOADS": str(self._folder / "failed"),
        }
        code = self._handler.code if program.in_model is None else program.in_model
        if code or program.in_model is not None:
            own["MME_LOCAL_MODEL_CODE"] = code
        return inherited | deployed | own

    def _note_requirements(self, source: Path | None) -> None:
        if source and (source / "requirements.txt").exists():
            with self._log.open("a") as log:
                log.write(
                    "mme local: requirements.txt of SAGEMAKER_SUBMIT_DIRECTORY is not installed; the program "
                    f"imports the packages of {sys.prefix}\n"
                )

    async def _until_up(self) -> None:
        while True:
            if self.pid is None:
                raise start_failure(f"{self._installation.server.title} ended at its start", self._log)
            if await self.ping(2):
                return
            await asyncio.sleep(_POLL_SECONDS)
