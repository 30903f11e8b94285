"""One instance of a serial inference pipeline, or of a single-model endpoint: containers called in order.

Source: AWS developer guide, "inference-pipelines" and "inference-pipeline-real-time".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mme.archives.errors import UnreadableArchiveError
from mme.errors import MmeError
from mme.fleet import InstanceView
from mme_local.containers.container import ContainerDiedError, ContainerReply, ContainerTimeoutError
from mme_local.endpoint.errors import InvokeError
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from mme_local.endpoint.trace import Trace

_CONTENT_TYPE: Final = "Content-Type"
_ACCEPT: Final = "Accept"
_FAILED_START = (
    ContainerDiedError,
    ContainerTimeoutError,
    InvokeError,
    LoadFailedError,
    NotReadyError,
    UnreadableArchiveError,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One container of the pipeline.

    Attributes:
        hostname: ContainerHostname, or the container's number as ``container-2``; ``primary`` if it is alone.
        image: The deployed image.
        instance: Runs the container.
        model: Name of its one model; None if the request names the model.
    """

    hostname: str
    image: str
    instance: Instance
    model: str | None


class Pipeline:
    """Calls its containers in order, each with the answer of the one before; used like an `Instance`.

    Args:
        name: For the log, such as ``scoring/AllTraffic/0``.
        stages: In their order.
        seconds: Time limit of one request.
    """

    def __init__(self, name: str, stages: Sequence[Stage], seconds: float) -> None:
        self.name = name
        self._stages = list(stages)
        self._seconds = seconds
        self._main = next((one for one in self._stages if one.model is None), self._stages[0])

    @property
    def pid(self) -> int | None:
        """The process id of the multi-model container, or of the first one."""
        return self._main.instance.pid

    async def start(self) -> None:
        """Start every container and load the single models. Raises MmeError if one does not start."""
        try:
            async with asyncio.TaskGroup() as starts:
                for stage in self._stages:
                    starts.create_task(_start(stage))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def stop(self) -> None:
        """Stop every container. Safe to call if it never started."""
        await asyncio.gather(*(stage.instance.stop() for stage in self._stages), return_exceptions=True)

    async def wait_idle(self) -> None:
        """Return once no request is in flight."""
        for stage in self._stages:
            await stage.instance.wait_idle()

    async def unload_idle(self, model: str) -> None:
        """Evict a model of the multi-model container, unless it is in use or being loaded."""
        if self._main.model is None:
            await self._main.instance.unload_idle(model)

    def view(self, target_model: str, index: int = 0) -> InstanceView:
        """Return what routing may know of it for one model.

        Args:
            target_model: The model of the request.
            index: Its position in its variant.
        """
        views = [one.instance.view(one.model or target_model, index) for one in self._stages]
        main = views[self._stages.index(self._main)]
        return replace(main, available=all(view.available for view in views))

    def describe(self) -> dict[str, object]:
        """Return what `Instance.describe` does of the multi-model container, and all containers."""
        described = [one.instance.describe() for one in self._stages]
        main = described[self._stages.index(self._main)]
        containers = [
            {"hostname": stage.hostname, "image": stage.image, "name": one["name"], "server": one["server"]}
            for stage, one in zip(self._stages, described, strict=True)
        ]
        return {**main, "name": self.name, "containers": containers}

    async def invoke(
        self, target_model: str, body: bytes, headers: Mapping[str, str], trace: Trace | None = None
    ) -> ContainerReply:
        """Answer one request: the last container's answer, or the first one that is not 2xx.

        The caller's ``Accept`` goes to the last container; others answer in their default content type.

        Args:
            target_model: The model of the multi-model container.
            body: The payload for the first container.
            headers: The caller's headers.
            trace: Gets times, and the container that answered last.

        Raises:
            Exception: As `Instance.invoke`.
        """
        trace = trace or Trace()
        passed = {name: value for name, value in headers.items() if name != _ACCEPT}
        reply: ContainerReply | None = None
        try:
            async with asyncio.timeout(self._seconds):
                for stage in self._stages:
                    trace.container = stage.hostname
                    if reply is not None:
                        passed[_CONTENT_TYPE], body = reply.content_type, reply.body
                    sent = dict(headers) | passed if stage is self._stages[-1] else passed
                    own = trace if stage.model is None else Trace()
                    reply = await stage.instance.invoke(stage.model or target_model, body, sent, own)
                    if own is not trace:
                        trace.model_seconds += own.model_seconds
                        trace.waited_seconds += own.waited_seconds
                    if not reply.ok:
                        break
        except TimeoutError:
            raise ContainerTimeoutError(f"no response within {self._seconds:g} s") from None
        if reply is None:
            raise RuntimeError("a pipeline has at least one container")
        return reply


async def _start(stage: Stage) -> None:
    """Start a container and load its one model, as its image does."""
    try:
        await stage.instance.start()
        if stage.model is not None:
            await stage.instance.load(stage.model)
    except MmeError as error:
        raise MmeError(f"{stage.hostname}: {error.message}", hint=error.hint) from None
    except _FAILED_START as error:
        raise MmeError(
            f"{stage.hostname}: its model does not load: {error}", hint="try it alone: mme models try ARCHIVE"
        ) from None
