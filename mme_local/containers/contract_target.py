"""The server that a contract check drives: one that runs already, an image, or a handler."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack
from mme.console import ended_by_signals
from mme.errors import MmeError
from mme_local.containers.container import ContainerDiedError
from mme_local.containers.contract import ContractContainer
from mme_local.containers.contract_check import HANDLE, ContractCheck, Payload, Verdict, label_verdict
from mme_local.containers.docker.container import DockerContainer
from mme_local.containers.docker.daemon import connect, docker_errors
from mme_local.containers.mms.container import MmsContainer
from mme_local.containers.mms.handler import inference_toolkit
from mme_local.containers.mms.installation import MmsInstallation
from mme_local.logs import deleted_afterwards
from mme_local.settings import LocalSettings, chosen_settings

_HERE: Final = ("localhost", "127.0.0.1")
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTarget:
    """What is checked: exactly one of the three.

    Attributes:
        url: Of a server of this machine.
        image: Image that Docker runs.
        handler: Folder with ``inference.py`` for SageMaker's inference toolkit.
    """

    url: str | None = None
    image: str | None = None
    handler: Path | None = None

    @property
    def title(self) -> str:
        """What is checked, for messages."""
        return self.url or self.image or str(self.handler)

    def check(self) -> None:
        """Raise MmeError unless exactly one target is given, and it can be one."""
        if sum(one is not None for one in (self.url, self.image, self.handler)) != 1:
            raise MmeError(
                "there is not exactly one server to check", hint="give one of --url, --image and --handler"
            )
        if self.url is not None:
            _port_of(self.url)
        if self.handler is not None and not (self.handler / "inference.py").is_file():
            raise MmeError(
                f"{self.handler} has no inference.py; the inference toolkit imports it",
                hint="give the folder that holds inference.py",
            )


def check_container(target: ContractTarget, model: Path, payload: Payload | None) -> list[Verdict]:
    """Drive the contract against a server. Nothing is left behind.

    Args:
        target: The server.
        model: A model's directory, or its tar.gz.
        payload: A request of the model; None skips the call.

    Returns:
        One verdict per rule.

    Raises:
        MmeError: The model can't be read, or no server answers.
    """
    target.check()
    settings = chosen_settings()
    with (
        tempfile.TemporaryDirectory(prefix="mme-contract-", ignore_cleanup_errors=True) as root,
        ended_by_signals(),
        asyncio.Runner() as runner,
    ):
        folder = Path(root, "models", HANDLE, "model")
        _place(model, folder, settings.disk_bytes)
        for each in (Path(root), *folder.parents[:2]):
            each.chmod(0o755)  # the server may run as another user
        with _running(target, runner, Path(root), settings) as (container, found):
            check = ContractCheck(container, folder, payload, settings.load_seconds)
            try:
                return found + runner.run(check.run())
            except ContainerDiedError as error:
                raise MmeError(
                    f"nothing answers at {target.title}: {error}",
                    hint="start the server first, then check it",
                ) from None


@contextmanager
def _running(
    target: ContractTarget, runner: asyncio.Runner, root: Path, settings: LocalSettings
) -> Iterator[tuple[ContractContainer, list[Verdict]]]:
    """Yield the started server and the verdicts that need no request."""
    if target.url is not None:
        server = _RunningServer(_port_of(target.url))
        try:
            yield server, []
        finally:
            server.disconnect()
    elif target.handler is not None:
        variables = {"SAGEMAKER_SUBMIT_DIRECTORY": str(target.handler.resolve())}
        mms = MmsContainer(
            MmsInstallation.find(),
            inference_toolkit(variables),
            "the container",
            root / "server",
            variables,
            start_seconds=settings.start_seconds,
            log=root / "log",
        )
        try:
            with deleted_afterwards(root / "log"):
                runner.run(mms.start())
            yield mms, []
        finally:
            runner.run(mms.stop())
    else:
        with _under_docker(str(target.image), runner, root, settings) as running:
            yield running


@contextmanager
def _under_docker(
    image: str, runner: asyncio.Runner, root: Path, settings: LocalSettings
) -> Iterator[tuple[ContractContainer, list[Verdict]]]:
    docker = runner.run(connect())
    owner = f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"
    container = DockerContainer(
        docker,
        image,
        root / "models",
        {},
        owner=owner,
        start_seconds=settings.start_seconds,
        log=root / "log",
    )

    async def labels() -> dict[str, str] | None:
        with docker_errors():
            found: dict[str, str] | None = (await docker.images.inspect(image))["Config"].get("Labels")
            return found

    async def close() -> None:
        await container.stop()
        await docker.close()

    try:
        with deleted_afterwards(root / "log"):
            runner.run(container.start())
        yield container, [label_verdict(runner.run(labels()))]
    finally:
        runner.run(close())


class _RunningServer(ContractContainer):
    """A server that the user started.

    Args:
        port: Of 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._connect(port)

    def disconnect(self) -> None:
        """Close the connections; the server goes on."""
        self._disconnect()


def _port_of(url: str) -> int:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    plain = host is not None and parts.scheme == "http" and parts.path in ("", "/") and not parts.query
    if not plain or host not in _HERE:
        raise MmeError(
            f"url {url!r} is not valid; the check puts the model in a folder of this machine",
            hint="give the address of a server of this machine, such as http://localhost:8080",
        )
    return port or 80


def _place(model: Path, folder: Path, max_bytes: int) -> None:
    """Put the model's files in a folder, as SageMaker does before a load."""
    hint = "give the path of a model.tar.gz or of a model's directory"
    try:
        if model.is_dir():
            shutil.copytree(model, folder)
            return
        with model.open("rb") as file:
            unpack(iter(lambda: file.read(_CHUNK_BYTES), b""), folder, max_bytes=max_bytes)
    except (UnreadableArchiveError, OSError) as error:
        raise MmeError(f"model {model} can't be read; {error}", hint=hint) from None
