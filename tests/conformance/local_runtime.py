"""The local endpoint as the suite's target, with access to its containers."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from mme_local.containers.mms.container import SOCKET as MMS_SOCKET
from mme_local.containers.triton.patches import SOCKET as TRITON_SOCKET
from mme_local.testing.endpoint import ENVIRONMENT, IMAGE, LocalEndpoint
from tests.conformance import mms_models
from tests.conformance.target import MMS, MODELS, TRITON, Target

if TYPE_CHECKING:  # a machine that asks a live endpoint need not have the local endpoint
    from mme_local.run_files import RunFile

MEMORY_MIB = 4.0
"""Of an instance, for models: two of those with a padding of 1.2 MiB, three never."""
PADDING = 1_200_000
_MMS_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/conformance:1"
_SOCKETS = {TRITON: TRITON_SOCKET, MMS: MMS_SOCKET}
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
_SECONDS = 30
Found = TypeVar("Found")


class LocalRuntime:
    """A runtime for the session, and endpoints on it; those of one container share a bucket."""

    def __init__(self) -> None:
        from mme_local import launcher
        from mme_local.settings import LocalSettings

        settings = LocalSettings.model_validate({"port": 0, "memory_mib": MEMORY_MIB, "weight_factor": 1.5})
        self.state: RunFile = launcher.start_detached(settings, tied=True)
        self._first: dict[str, LocalEndpoint] = {}

    def target(self, container: str) -> Target:
        """The endpoint that the cases of a container share."""
        if container not in self._first:
            self._first[container] = self._create(container)
        return self._target(self._first[container], container)

    def fresh(self, container: str, *flags: str) -> tuple[LocalEndpoint, Target]:
        """Another endpoint, with the same models, no model loaded yet.

        Args:
            container: `TRITON` or `MMS`.
            flags: for its Triton.
        """
        endpoint = self._create(container, *flags, bucket=self.target(container).bucket)
        return endpoint, self._target(endpoint, container)

    def _create(self, container: str, *flags: str, bucket: str | None = None) -> LocalEndpoint:
        if container == MMS:
            variables = mms_models.ENVIRONMENT
            return LocalEndpoint.create(self.state.url, variables=variables, bucket=bucket, image=_MMS_IMAGE)
        arguments = " ".join((ENVIRONMENT["SAGEMAKER_TRITON_ADDITIONAL_ARGS"], *flags))
        variables = {**ENVIRONMENT, "SAGEMAKER_TRITON_ADDITIONAL_ARGS": arguments}
        return LocalEndpoint.create(self.state.url, variables=variables, bucket=bucket, image=IMAGE)

    def triton_version(self) -> str:
        """What its Triton says of itself at its start."""
        logs = Path(self._status()["logs"])

        def said() -> str | None:
            for log in logs.glob(f"{self.target(TRITON).endpoint}-*.log"):
                found = re.search(r"server_version\s*\|\s*([\d.]+)", log.read_text(errors="replace"))
                if found:
                    return found[1]
            return None

        return _eventually(said, "Triton's version in its log")

    def container(self, target: Target) -> Container:
        """The container of an endpoint's one instance."""
        return _eventually(lambda: self._container(target), "the container")

    def stop(self) -> None:
        """Stop it; nothing stays."""
        from mme_local import launcher

        launcher.stop(self.state.port)

    def _status(self) -> dict[str, Any]:
        from mme_local import launcher

        return launcher.ask_status(self.state)

    def _container(self, target: Target) -> Container | None:
        for endpoint in self._status()["endpoints"]:
            if endpoint["name"] == target.endpoint:
                (instance,) = endpoint["instances"]
                kind = target.container
                socket = f"/proc/{instance['pid']}/cwd/{_SOCKETS[kind]}"
                return Container(socket, Path(self.state.workdir), kind)
        return None

    @staticmethod
    def _target(endpoint: LocalEndpoint, container: str) -> Target:
        clients = {
            "s3": endpoint.s3,
            "sagemaker": endpoint.sagemaker,
            "sagemaker-runtime": endpoint.client,
        }
        return Target(endpoint.name, endpoint.bucket, endpoint.prefix, 1, clients, container)


@dataclass(frozen=True)
class Reply:
    """An answer of a container: its status and its body."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body of a JSON answer."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Container:
    """The multi-model contract, asked directly.

    Attributes:
        socket: path of its Unix socket.
        root: it accepts models below this folder.
        kind: `TRITON` or `MMS`.
    """

    socket: str
    root: Path
    kind: str

    @property
    def models(self) -> ModuleType:
        """Models for it."""
        return MODELS[self.kind]

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request."""
        connection = _connect(self.socket)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read())
        finally:
            connection.close()

    def load(self, name: str, path: Path | str, target_model: str | None = None) -> Reply:
        """``POST /models``."""
        headers = {"Content-Type": "application/json"} | (
            {TARGET_MODEL: target_model} if target_model else {}
        )
        return self.ask(
            "POST", "/models", json.dumps({"model_name": name, "url": str(path)}).encode(), headers
        )

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """``POST /models/{name}/invoke``."""
        return self.ask(
            "POST", f"/models/{name}/invoke", body, {"Content-Type": "application/json", **(headers or {})}
        )


def _connect(address: int | str) -> http.client.HTTPConnection:
    """A connection to a port of this machine, or to a Unix socket."""
    if isinstance(address, int):
        return http.client.HTTPConnection("127.0.0.1", address, timeout=_SECONDS)
    connection = http.client.HTTPConnection("localhost", timeout=_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(_SECONDS)
    connection.sock.connect(address)
    return connection


def send_chunks(
    address: int | str, path: str, headers: Mapping[str, str], body: bytes, size: int = 1
) -> Reply:
    """A POST whose body goes in chunks of this many bytes, as fast as they are taken."""
    connection = _connect(address)
    try:
        connection.putrequest("POST", path)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        pieces = (body[start : start + size] for start in range(0, len(body), size))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        # Where it has heard enough, its answer is what counts.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(chunks + b"0\r\n\r\n")
        answer = connection.getresponse()
        return Reply(answer.status, answer.read())
    finally:
        connection.close()


def _eventually(look: Callable[[], Found | None], what: str) -> Found:
    """Poll until something is found. AssertionError after 30 s."""
    pause = threading.Event()
    for _ in range(int(_SECONDS / 0.05)):
        found = look()
        if found is not None:
            return found
        pause.wait(0.05)
    raise AssertionError(f"{what} did not show within {_SECONDS} s")
