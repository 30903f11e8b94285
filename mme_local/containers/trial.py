"""One model in a private container for a moment: what `mme models try` calls by an entry point."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack
from mme.catalog.frameworks import find_framework, framework_of_repository
from mme.console import ended_by_signals
from mme.errors import MmeError
from mme_local import run_files
from mme_local.aws.control_plane import DeployedContainer
from mme_local.containers.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme_local.containers.factory import open_containers
from mme_local.logs import deleted_afterwards, last_line
from mme_local.settings import LocalSettings, chosen_settings

_HANDLE: Final = "0" * 32


class Trial:
    """A model that was loaded, or refused.

    Args:
        container: Has the model.
        runner: Of the container's event loop.
        settings: Time limits.
        folder: The unpacked archive.
        name: Triton's name of the model.

    Attributes:
        load: The container's answer to the load.
        load_seconds: How long that took.
        memory_bytes: What the container's processes hold more since; None if they aren't this machine's.
    """

    def __init__(
        self,
        container: ServingContainer,
        runner: asyncio.Runner,
        settings: LocalSettings,
        folder: Path,
        name: str,
    ) -> None:
        self._container = container
        self._runner = runner
        self._settings = settings
        self._folder = folder
        self._name = name
        self._before = _held_bytes(container)
        began = time.perf_counter()
        seconds = settings.load_seconds
        with _explained(f"{name} did not load within {seconds:g} s", "MME_LOCAL_LOAD_SECONDS"):
            self.load = runner.run(container.load(_HANDLE, name, folder, seconds))
        self.load_seconds = time.perf_counter() - began

    @property
    def memory_bytes(self) -> int | None:
        """Bytes that the container's processes hold in addition to those before the load."""
        now = _held_bytes(self._container)
        return None if now is None or self._before is None else max(0, now - self._before)

    def invoke(self, body: bytes, content_type: str) -> tuple[ContainerReply, float]:
        """Call the model and return its answer, and how many seconds it took.

        Args:
            body: The request.
            content_type: Its type.

        Raises:
            MmeError: It does not answer.
        """
        seconds = self._settings.invoke_seconds
        began = time.perf_counter()
        with _explained(f"{self._name} did not answer within {seconds:g} s", "MME_LOCAL_INVOKE_SECONDS"):
            reply = self._runner.run(
                self._container.invoke(_HANDLE, self._name, body, {"Content-Type": content_type}, seconds)
            )
        return reply, time.perf_counter() - began

    def reference(self, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what onnxruntime itself answers; None if the archive is not one ONNX model.

        Args:
            inputs: Arrays by name; BYTES are bytes.
        """
        files = [*self._folder.glob("*/model.onnx"), *self._folder.glob("*/*/model.onnx")]
        files = [file for file in files if file.is_file()]
        if len(files) != 1:
            return None
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
        nodes = {node.name: node for node in (*session.get_inputs(), *session.get_overridable_initializers())}
        if not inputs.keys() <= nodes.keys():
            return None
        feed = {name: _shaped(_text(array), len(nodes[name].shape)) for name, array in inputs.items()}
        names = [node.name for node in session.get_outputs()]
        return dict(zip(names, session.run(names, feed), strict=True))


@contextmanager
def open_trial(archive: Iterable[bytes], name: str, repository: str) -> Iterator[Trial]:
    """Load a model into a container of its own. Nothing is left behind.

    Args:
        archive: The bytes of its tar.gz.
        name: The TargetModel that it gets.
        repository: Name of the image repository of its framework, such as ``sagemaker-tritonserver``.

    Raises:
        MmeError: The archive can't be unpacked, or its container can't run here.
    """
    settings = chosen_settings()
    run_files.check_parent(Path(tempfile.gettempdir()), "set TMPDIR to another folder")
    environment = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0", **_program(repository)}
    deployed = DeployedContainer(repository, "MultiModel", "", environment, "Enabled")
    with (
        tempfile.TemporaryDirectory(prefix="mme-try-", ignore_cleanup_errors=True) as root,
        ended_by_signals(),
        asyncio.Runner() as runner,
    ):
        place, log = Path(root, "instances", "0"), Path(root, "container.log")
        folder = place / "models" / _HANDLE / "model"
        try:
            unpack(archive, folder, max_bytes=settings.disk_bytes)
        except UnreadableArchiveError as error:
            hint = "give the path of a model.tar.gz or of a model's directory"
            raise MmeError(f"{name} can't be unpacked; {error}", hint=hint) from None
        containers = runner.run(open_containers(settings, Path(root, "triton")))
        try:
            container = containers.make(deployed, place, log)
            try:
                with deleted_afterwards(log):
                    runner.run(container.start())
                yield Trial(container, runner, settings, folder, name)
            except ContainerDiedError as error:
                end = last_line(log)
                raise MmeError(f"the container ended: {error}", hint=f"its log ends with: {end}") from None
            finally:
                runner.run(container.stop())
        finally:
            runner.run(_finished(containers.close()))


def _program(repository: str) -> dict[str, str]:
    """Return the variables of the shell that name the program of a container, which serves all its models."""
    names = ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY")
    found = {name: os.environ[name] for name in names if os.environ.get(name)}
    if not found.get(names[0]) and framework_of_repository(repository) == find_framework("scikit-learn"):
        raise MmeError(
            "the scikit-learn image serves all models by one program, and SAGEMAKER_PROGRAM is not set",
            hint="set SAGEMAKER_PROGRAM=inference.py and SAGEMAKER_SUBMIT_DIRECTORY=DIRECTORY in this shell; "
            "or convert the model: mme models new NAME --from FILE --to onnx",
        )
    if (folder := Path(found.get(names[1], ""))).is_dir():
        found[names[1]] = str(folder.resolve())
    return found


async def _finished(closing: Awaitable[None]) -> None:
    await closing


@contextmanager
def _explained(message: str, variable: str) -> Iterator[None]:
    try:
        yield
    except ContainerTimeoutError:
        raise MmeError(message, hint=f"set {variable} to allow more time") from None


def _held_bytes(container: ServingContainer) -> int | None:
    """Return the memory of a container's processes; memory that they share counts once."""
    if container.pid is None or os.name != "posix":
        return None
    total = 0
    server = psutil.Process(container.pid)
    for process in (server, *server.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it ended meanwhile
    return total


def _text(array: Any) -> Any:
    """Return bytes as text, as onnxruntime takes them."""
    import numpy as np

    if not array.dtype.hasobject:
        return array
    words = [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
    return np.array(words, np.object_).reshape(array.shape)


def _shaped(array: Any, rank: int) -> Any:
    """Return an array of the model's rank: a configuration may reshape ``[N, 1]`` to ``[N]``."""
    if array.ndim == rank:
        return array
    return array.reshape(()) if rank == 0 else array.reshape((*array.shape[: rank - 1], -1))
