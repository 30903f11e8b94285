"""The instances that serve one revision of one endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mme.errors import MmeError
from mme.fleet import VariantView, choose_instance, choose_variant
from mme_local.aws.control_plane import (
    DeployedContainer,
    DeployedEndpoint,
    DeployedVariant,
    ObjectMissing,
    open_object,
)
from mme_local.containers.container import ServingContainer
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.archive import Artifact, unpack
from mme_local.endpoint.archive_cache import Fetch, Order
from mme_local.endpoint.instance import Instance
from mme_local.settings import LocalSettings
from mme_local.trace import Step

ContainerFactory = Callable[[str, DeployedContainer, Path], ServingContainer]
"""Makes the container of one instance, given the instance's name (``endpoint/variant/index``), the
deployed model's container and a folder of its own, in which ``models`` holds the unpacked models."""

AroundFetch = Callable[[str, Fetch], Fetch]
"""Given a container's ModelDataUrl and what downloads from it, what downloads in its place."""

_folders = itertools.count()


def plain_fetch(_: str, fetch: Fetch) -> Fetch:
    """Nothing around a download."""
    return fetch


@dataclass(slots=True)
class VariantServing:
    """One variant's instances."""

    variant: DeployedVariant
    container: DeployedContainer
    instances: list[Instance] = field(default_factory=list)
    requests: int = 0
    """Since the weights were set."""


class Serving:
    """What answers for one revision of an endpoint.

    Args:
        endpoint: as it is deployed.
        new_container: makes the container of an instance.
        folder: where instances live.
        settings: budgets and time limits.
        timed: told the variant, the step and its seconds of every download, load and unload.
        around_fetch: what each download of models goes through.
    """

    def __init__(
        self,
        endpoint: DeployedEndpoint,
        new_container: ContainerFactory,
        folder: Path,
        settings: LocalSettings,
        timed: Callable[[str, Step, float], None] = lambda *_: None,
        *,
        around_fetch: AroundFetch = plain_fetch,
    ) -> None:
        self._timed = timed
        self._around_fetch = around_fetch
        self.endpoint = endpoint
        self.requests = 0
        self.variants = {
            variant.name: VariantServing(variant, container)
            for variant, container in multi_model_variants(endpoint)
        }
        self._new_container = new_container
        self._folder = folder
        self._settings = settings

    @property
    def instances(self) -> list[Instance]:
        """All of them, in the variants' order."""
        return [instance for serving in self.variants.values() for instance in serving.instances]

    def scaled_as(self, endpoint: DeployedEndpoint) -> bool:
        """Whether counts and weights are what they are to be now."""
        return self.endpoint == endpoint and all(
            len(serving.instances) == _wanted(serving.variant) for serving in self.variants.values()
        )

    async def scale(self, endpoint: DeployedEndpoint) -> list[Instance]:
        """Start instances until there are as many as each variant is to have; those that are there serve on.

        Returns the surplus ones, which get no request any more.

        Raises:
            outcome.InvocationError: a container does not come up; no instance has been started then.
        """
        for variant in endpoint.variants:
            serving = self.variants.get(variant.name)
            if serving is None:
                continue
            if serving.variant.weight != variant.weight:
                for each in self.variants.values():
                    each.requests = 0
            serving.variant = variant
        self.endpoint = endpoint
        fresh = [
            (serving, self._new_instance(serving, index))
            for serving in self.variants.values()
            for index in range(len(serving.instances), _wanted(serving.variant))
        ]
        await self._start([instance for _, instance in fresh])
        for serving, instance in fresh:
            serving.instances.append(instance)
        leaving: list[Instance] = []
        for serving in self.variants.values():
            leaving += serving.instances[_wanted(serving.variant) :]
            del serving.instances[_wanted(serving.variant) :]
        return leaving

    def choose(self, model: str, target_variant: str | None) -> tuple[VariantServing, Instance]:
        """The variant and the instance for one request, which is counted.

        Raises:
            outcome.InvocationError: there is no such variant.
        """
        if target_variant is not None and target_variant not in self.variants:
            raise outcome.validation_error(
                f"Variant {target_variant} of endpoint {self.endpoint.name} not found."
            )
        serving = self.variants[target_variant or self._choose_variant()]
        self.requests += 1
        serving.requests += target_variant is None
        if len(serving.instances) == 1:
            return serving, serving.instances[0]
        views = [
            replace(instance.view(model), index=index) for index, instance in enumerate(serving.instances)
        ]
        return serving, serving.instances[
            choose_instance(views, spill_at=self._settings.spill_at, placement=self._settings.placement)
        ]

    def _choose_variant(self) -> str:
        if len(self.variants) == 1:
            return next(iter(self.variants))
        return choose_variant(
            [VariantView(name, s.variant.weight, s.requests) for name, s in self.variants.items()]
        )

    async def retire(self, instances: list[Instance]) -> None:
        """Let instances finish what they have, then stop them."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.invoke_seconds):
                    for instance in instances:
                        await instance.drained()
        finally:
            await stop_all(instances)

    def _new_instance(self, serving: VariantServing, index: int) -> Instance:
        container = serving.container
        folder = self._folder / f"{next(_folders)}"
        folder.mkdir(parents=True)
        name = f"{self.endpoint.name}/{serving.variant.name}/{index}"
        return Instance(
            name,
            self._new_container(name, container, folder),
            self._around_fetch(
                container.model_data_url, _fetch(container.model_data_url, self._settings.disk_bytes)
            ),
            folder,
            self._settings,
            keep_loaded=container.cache_setting != "Disabled",
            timed=functools.partial(self._timed, serving.variant.name),
        )

    async def _start(self, instances: list[Instance]) -> None:
        try:
            async with asyncio.TaskGroup() as starts:
                for instance in instances:
                    starts.create_task(instance.start())
        except BaseException as error:
            await stop_all(instances)
            if not isinstance(error, ExceptionGroup):
                raise
            first = error.exceptions[0]
            if not isinstance(first, (MmeError, OSError)):
                raise
            name = self.endpoint.name
            raise outcome.service_unavailable(f"the container of {name} does not start: {first}") from None


async def stop_all(instances: list[Instance]) -> None:
    """Stop every instance, whatever happens to the others."""
    await asyncio.gather(*(instance.stop() for instance in instances), return_exceptions=True)


def multi_model_variants(endpoint: DeployedEndpoint) -> list[tuple[DeployedVariant, DeployedContainer]]:
    """Each variant and its one multi-model container.

    Raises:
        outcome.InvocationError: the endpoint is no multi-model endpoint, or is a pipeline.
    """
    found = []
    for variant in endpoint.variants:
        for container in variant.containers:
            if container.mode != "MultiModel" or not container.model_data_url.startswith("s3://"):
                continue
            if len(variant.containers) > 1:
                raise outcome.validation_error(
                    f"{endpoint.name} is a serial pipeline; the local runtime serves single-container "
                    "multi-model endpoints only"
                )
            found.append((variant, container))
    if not found:
        raise outcome.target_model_unsupported(endpoint.name)
    return found


def _wanted(variant: DeployedVariant) -> int:
    return max(1, variant.instance_count)


def _fetch(model_data_url: str, most_bytes: int) -> Fetch:
    """A function that downloads and unpacks target models under an S3 prefix."""
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def fetch(order: Order) -> Artifact:
        key = prefix + order.model
        try:
            with open_object(bucket, key) as archive:
                return unpack(
                    archive.body,
                    order.folder,
                    max_bytes=most_bytes,
                    abandoned=order.abandoned,
                    reserve=order.reserve,
                )
        except ObjectMissing:
            raise outcome.artifact_unavailable(bucket, key) from None

    return fetch
