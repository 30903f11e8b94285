"""``InvokeEndpoint``: from an endpoint's name and a TargetModel to a container's answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mme.catalog import limits
from mme.errors import MmeError
from mme.fleet import choose_instance
from mme.local import outcome
from mme.local.artifact import Artifact, BadArchiveError, unpack
from mme.local.cloud.account import DEFAULT_ACCOUNT, DEFAULT_REGION
from mme.local.cloud.control_plane import (
    DeployedContainer,
    DeployedEndpoint,
    DeployedVariant,
    ObjectMissing,
    list_endpoints,
    open_object,
    resolve_endpoint,
)
from mme.local.container import (
    ContainerDiedError,
    ContainerReply,
    ContainerTimeoutError,
    ServingContainer,
)
from mme.local.instance import Instance
from mme.local.load import LoadFailedError, NotReadyError
from mme.local.settings import LocalSettings

log = logging.getLogger(__name__)

ContainerFactory = Callable[[Mapping[str, str], Path], ServingContainer]
"""Makes the container of one instance, given its environment and a folder of its own."""


@dataclass(slots=True)
class _Serving:
    """The instances that serve one revision of one endpoint."""

    endpoint: DeployedEndpoint
    variant: DeployedVariant
    container: DeployedContainer
    instances: list[Instance] = field(default_factory=list)
    requests: int = 0

    def serves(self, endpoint: DeployedEndpoint) -> bool:
        """Whether these instances are what the endpoint is to have now."""
        return self.endpoint.revision == endpoint.revision and all(
            variant.instance_count in (0, len(self.instances))
            for variant in endpoint.variants
            if variant.name == self.variant.name
        )


@dataclass(frozen=True, slots=True)
class Invocation:
    """One answered request.

    Attributes:
        reply: what the container said, with a 2xx status.
        variant: the production variant that answered.
    """

    reply: ContainerReply
    variant: str


class DataPlane:
    """Serves every endpoint that the control plane has now.

    An endpoint's containers start at its first request or at :meth:`reconcile`, whichever is first.
    A new config starts new containers; the old ones answer what they have and stop.

    Args:
        new_container: makes the container of an instance.
        folder: where containers and unpacked models live; the caller removes it.
        settings: budgets and time limits.
    """

    def __init__(self, new_container: ContainerFactory, folder: Path, settings: LocalSettings) -> None:
        self._new_container = new_container
        self._folder = folder
        self._settings = settings
        self._serving: dict[tuple[str, str], _Serving] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._regions = {DEFAULT_REGION}

    async def invoke(
        self,
        endpoint_name: str,
        target_model: str | None,
        body: bytes,
        headers: Mapping[str, str],
        *,
        region: str = DEFAULT_REGION,
    ) -> Invocation:
        """Answer one ``InvokeEndpoint``.

        Args:
            endpoint_name: from the request's path.
            target_model: from ``X-Amzn-SageMaker-Target-Model``; None where it was not sent.
            body: the payload.
            headers: Content-Type and Accept, passed on to the container.
            region: of the request's signature.

        Raises:
            outcome.InvocationError: every way in which it does not end with a 2xx of the container.
        """
        endpoint = resolve_endpoint(endpoint_name, region=region)
        self._regions.add(region)
        if endpoint is None:
            raise outcome.unknown_endpoint(endpoint_name, DEFAULT_ACCOUNT)
        if len(body) > limits.PAYLOAD_MAX_BYTES:
            raise outcome.validation_error(
                f"the payload of {len(body):,} bytes is over the limit of {limits.PAYLOAD_MAX_BYTES:,} bytes"
            )
        model = _checked_target(endpoint_name, target_model)
        serving = await self._current(endpoint, region)
        serving.requests += 1
        views = [
            replace(instance.view(model), index=index) for index, instance in enumerate(serving.instances)
        ]
        instance = serving.instances[choose_instance(views, spill_at=self._settings.spill_at)]
        variant = serving.variant.name
        try:
            reply = await instance.invoke(model, body, headers)
        except NotReadyError:
            raise outcome.model_not_ready(model) from None
        except LoadFailedError as error:
            raise outcome.model_error(endpoint_name, variant, error.status, error.message) from None
        except BadArchiveError as error:
            raise outcome.validation_error(f"{model}: {error}") from None
        except ContainerTimeoutError:
            raise outcome.model_error(
                endpoint_name,
                variant,
                0,
                "Your invocation timed out while waiting for a response from container primary.",
            ) from None
        except ContainerDiedError as error:
            raise outcome.model_error(
                endpoint_name,
                variant,
                0,
                f"the container ended while it answered and is started again: {error}",
            ) from None
        if not reply.ok:
            raise outcome.model_error(endpoint_name, variant, reply.status, reply.text)
        return Invocation(reply, variant)

    async def reconcile(self) -> None:
        """Start what was deployed since, stop what is gone."""
        deployed = {
            (region, endpoint.name): endpoint
            for region in sorted(self._regions)
            for endpoint in list_endpoints(region=region)
        }
        for key in [key for key in self._serving if key not in deployed]:
            async with self._lock(key):
                gone = self._serving.pop(key, None)
                if gone:
                    self._retire(gone.instances)
        for (region, _), endpoint in deployed.items():
            try:
                await self._current(endpoint, region)
            except outcome.InvocationError as error:
                log.debug("%s is not served: %s", endpoint.name, error)

    def describe(self) -> list[dict[str, object]]:
        """All endpoints that are served now, for people and scripts."""
        return [
            {
                "name": serving.endpoint.name,
                "region": region,
                "config": serving.endpoint.config_name,
                "variant": serving.variant.name,
                "instance_type": serving.variant.instance_type,
                "models": serving.container.model_data_url,
                "requests": serving.requests,
                "instances": [instance.describe() for instance in serving.instances],
            }
            for (region, _), serving in sorted(self._serving.items())
        ]

    async def stop(self) -> None:
        """Stop every container."""
        serving = list(self._serving.values())
        self._serving.clear()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(
            *(instance.stop() for one in serving for instance in one.instances), return_exceptions=True
        )

    async def _current(self, endpoint: DeployedEndpoint, region: str) -> _Serving:
        """The instances of the endpoint as it is deployed now, started where they are not."""
        key = (region, endpoint.name)
        known = self._serving.get(key)
        if known and known.serves(endpoint):
            return known
        async with self._lock(key):
            known = self._serving.get(key)
            if known and known.endpoint.revision == endpoint.revision:
                await self._scale(known, endpoint)
                return known
            fresh = await self._start(endpoint)
            self._serving[key] = fresh
            if known:
                self._retire(known.instances)
            return fresh

    async def _scale(self, serving: _Serving, endpoint: DeployedEndpoint) -> None:
        """Add or drain instances until there are as many as the variant has now."""
        variant, _ = _multi_model_container(endpoint)
        wanted = max(1, variant.instance_count)
        leaving = serving.instances[wanted:]
        del serving.instances[wanted:]
        self._retire(leaving)
        serving.instances += await self._start_instances(serving, range(len(serving.instances), wanted))
        serving.endpoint, serving.variant = endpoint, variant

    async def _start(self, endpoint: DeployedEndpoint) -> _Serving:
        variant, container = _multi_model_container(endpoint)
        serving = _Serving(endpoint, variant, container)
        serving.instances = await self._start_instances(serving, range(max(1, variant.instance_count)))
        return serving

    async def _start_instances(self, serving: _Serving, indices: Iterable[int]) -> list[Instance]:
        container = serving.container
        fetch = _fetcher(container.model_data_url, self._settings.disk_bytes)
        instances: list[Instance] = []
        for index in indices:
            folder = self._folder / f"{next(self._numbers)}"
            folder.mkdir(parents=True)
            instances.append(
                Instance(
                    f"{serving.endpoint.name}/{serving.variant.name}/{index}",
                    self._new_container(container.environment, folder),
                    fetch,
                    folder,
                    self._settings,
                    keep_loaded=container.cache_setting != "Disabled",
                )
            )
        try:
            await asyncio.gather(*(instance.start() for instance in instances))
        except MmeError as error:
            await asyncio.gather(*(instance.stop() for instance in instances), return_exceptions=True)
            name = serving.endpoint.name
            log.warning("%s: %s", name, error)
            raise outcome.service_unavailable(f"the container of {name} does not start: {error}") from None
        return instances

    def _retire(self, instances: list[Instance]) -> None:
        if not instances:
            return
        task = asyncio.create_task(_drain_and_stop(instances, self._settings.invoke_seconds))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _lock(self, key: tuple[str, str]) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())


async def _drain_and_stop(instances: list[Instance], seconds: float) -> None:
    """Let the instances finish what they have, then stop them."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for instance in instances:
                    await instance.drained()
    finally:
        await asyncio.gather(*(instance.stop() for instance in instances), return_exceptions=True)


def _checked_target(endpoint: str, target_model: str | None) -> str:
    if not target_model:
        raise outcome.validation_error(
            f"Endpoint {endpoint} is a multi-model endpoint: TargetModel is required to invoke it."
        )
    if len(target_model) > limits.TARGET_MODEL_MAX_CHARS:
        raise outcome.validation_error(
            f"TargetModel has {len(target_model)} characters; "
            f"at most {limits.TARGET_MODEL_MAX_CHARS} are allowed"
        )
    return target_model


def _multi_model_container(endpoint: DeployedEndpoint) -> tuple[DeployedVariant, DeployedContainer]:
    """The variant and its one multi-model container. InvocationError where there is none."""
    for variant in endpoint.variants:
        for container in variant.containers:
            if container.mode == "MultiModel" and container.model_data_url.startswith("s3://"):
                if len(variant.containers) > 1:
                    raise outcome.validation_error(
                        f"{endpoint.name} is a serial pipeline; the local runtime serves single-container "
                        "multi-model endpoints only"
                    )
                return variant, container
    raise outcome.validation_error(
        f"{endpoint.name} has no multi-model container; the local runtime serves multi-model endpoints only"
    )


def _fetcher(model_data_url: str, most_bytes: int) -> Callable[[str, Path], asyncio.Future[Artifact]]:
    """A function that downloads and unpacks target models under an S3 prefix."""
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def download(target_model: str, folder: Path) -> Artifact:
        key = prefix + target_model
        try:
            with open_object(bucket, key) as archive:
                return unpack(archive.body, folder, most_bytes=most_bytes)
        except ObjectMissing:
            raise outcome.artifact_unavailable(bucket, key) from None

    def fetch(target_model: str, folder: Path) -> asyncio.Future[Artifact]:
        return asyncio.ensure_future(asyncio.to_thread(download, target_model, folder))

    return fetch
