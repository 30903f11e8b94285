"""The instances of an endpoint, by variant, for one revision of its config."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mme.errors import MmeError
from mme.fleet import VariantView, choose_instance, choose_variant
from mme_local.aws.control_plane import (
    DeployedContainer,
    DeployedEndpoint,
    DeployedVariant,
    ObjectMissing,
    open_object,
)
from mme_local.aws.role_rights import may_read_object
from mme_local.containers.container import ServingContainer
from mme_local.endpoint import errors
from mme_local.endpoint.archive_cache import Download, Fetch, UnpackedArchive
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.pipeline import Pipeline, Stage
from mme_local.endpoint.trace import Step
from mme_local.settings import LocalSettings

NewContainer = Callable[[str, DeployedContainer, Path], ServingContainer]
"""Makes an instance's container from the instance's name (``endpoint/variant/index``), the deployed model's
container and the instance's folder, in which ``models`` holds the unpacked models."""

AroundFetch = Callable[[str, Fetch], Fetch]
"""Wraps a function that downloads from a container's ModelDataUrl."""

_MULTI_MODEL: Final = "MultiModel"

Serving = Instance | Pipeline
"""One instance of a variant."""

_folders = itertools.count()


@dataclass(slots=True)
class VariantInstances:
    """One variant's instances; ``container`` is the multi-model one of the variant, or its first."""

    variant: DeployedVariant
    container: DeployedContainer
    instances: list[Serving] = field(default_factory=list)
    requests: int = 0
    """Requests since the weights were set."""

    @property
    def desired(self) -> int:
        """How many instances the deployed variant has."""
        return max(1, self.variant.instance_count)


class EndpointInstances:
    """Serves one revision of an endpoint.

    Args:
        endpoint: As it is deployed.
        new_container: Makes the container of an instance.
        folder: Holds the instances' folders.
        settings: Budgets and time limits.
        timed: Called with the variant, the step and its seconds after every download, load and unload.
        around_fetch: Wraps every download.

    Raises:
        InvokeError: The endpoint has no container that can be served.
    """

    def __init__(
        self,
        endpoint: DeployedEndpoint,
        new_container: NewContainer,
        folder: Path,
        settings: LocalSettings,
        timed: Callable[[str, Step, float], None],
        around_fetch: AroundFetch,
    ) -> None:
        self.endpoint = endpoint
        self.requests = 0
        self.variants = {
            variant.name: VariantInstances(variant, container)
            for variant, container in served_variants(endpoint)
        }
        self._new_container = new_container
        self._folder = folder
        self._settings = settings
        self._timed = timed
        self._around_fetch = around_fetch

    @property
    def instances(self) -> list[Serving]:
        """All of them, in the variants' order."""
        return [instance for variant in self.variants.values() for instance in variant.instances]

    def scaled_as(self, endpoint: DeployedEndpoint) -> bool:
        """Whether counts and weights are those of the deployed endpoint."""
        return self.endpoint == endpoint and all(
            len(variant.instances) == variant.desired for variant in self.variants.values()
        )

    async def scale(self, endpoint: DeployedEndpoint) -> list[Serving]:
        """Start missing instances and return the surplus ones, which get no more requests.

        Raises:
            InvokeError: A container does not start; no instance has been added then.
        """
        for deployed in endpoint.variants:
            variant = self.variants.get(deployed.name)
            if variant is None:
                continue
            if variant.variant.weight != deployed.weight:
                for each in self.variants.values():
                    each.requests = 0
            variant.variant = deployed
        self.endpoint = endpoint
        added = [
            (variant, self._new_instance(variant, index))
            for variant in self.variants.values()
            for index in range(len(variant.instances), variant.desired)
        ]
        await self._start([instance for _, instance in added])
        for variant, instance in added:
            variant.instances.append(instance)
        surplus: list[Serving] = []
        for variant in self.variants.values():
            surplus += variant.instances[variant.desired :]
            del variant.instances[variant.desired :]
        return surplus

    def choose(self, model: str, target_variant: str | None) -> tuple[VariantInstances, Serving]:
        """Choose the variant and the instance for one request, and count it.

        Args:
            model: The target model.
            target_variant: Name of the variant; None to choose by weight.

        Raises:
            InvokeError: There is no such variant.
        """
        if target_variant is not None and target_variant not in self.variants:
            raise errors.validation_error(
                f"Variant {target_variant} of endpoint {self.endpoint.name} not found."
            )
        variant = self.variants[target_variant or self._choose_variant()]
        self.requests += 1
        variant.requests += target_variant is None
        if len(variant.instances) == 1:
            return variant, variant.instances[0]
        views = [instance.view(model, index) for index, instance in enumerate(variant.instances)]
        chosen = choose_instance(views, spill_at=self._settings.spill_at, placement=self._settings.placement)
        return variant, variant.instances[chosen]

    def _choose_variant(self) -> str:
        if len(self.variants) == 1:
            return next(iter(self.variants))
        return choose_variant(
            [VariantView(name, one.variant.weight, one.requests) for name, one in self.variants.items()]
        )

    async def retire(self, instances: list[Serving]) -> None:
        """Stop instances once they have answered their requests in flight."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.invoke_seconds):
                    for instance in instances:
                        await instance.wait_idle()
        finally:
            await stop_all(instances)

    def _new_instance(self, variant: VariantInstances, index: int) -> Serving:
        """Return an instance that is not started yet. Raises InvokeError if nothing serves its image here."""
        name = f"{self.endpoint.name}/{variant.variant.name}/{index}"
        containers = variant.variant.containers
        if len(containers) == 1:
            if variant.container.mode == _MULTI_MODEL:
                return self._new_stage(name, variant, variant.container)
            names = ["primary"]
        else:
            names = [one.hostname or f"container-{number}" for number, one in enumerate(containers, 1)]
        alone = len(containers) == 1
        stages = [
            Stage(
                hostname,
                one.image,
                self._new_stage(name if alone else f"{name}/{hostname}", variant, one),
                None if one.mode == _MULTI_MODEL else _model_of(one),
            )
            for hostname, one in zip(names, containers, strict=True)
        ]
        return Pipeline(name, stages, self._settings.invoke_seconds)

    def _new_stage(self, name: str, variant: VariantInstances, container: DeployedContainer) -> Instance:
        folder = self._folder / f"{next(_folders)}"
        try:
            server = self._new_container(name, container, folder)
        except MmeError as error:
            raise self._not_starting(error) from None
        folder.mkdir(parents=True)
        url = container.model_data_url
        if container.mode != _MULTI_MODEL:
            url = url.removesuffix(_model_of(container)) if url else ""
        role = variant.variant.execution_role_arn
        fetch = _fetch(url, self._settings.disk_bytes, role) if url else _no_files
        return Instance(
            name,
            server,
            self._around_fetch(url, fetch),
            folder,
            self._settings,
            keep_loaded=container.cache_setting != "Disabled",
            timed=functools.partial(self._timed, variant.variant.name),
        )

    async def _start(self, instances: list[Serving]) -> None:
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
            raise self._not_starting(first) from None

    def _not_starting(self, error: Exception) -> errors.InvokeError:
        reason = "; ".join(str(error).splitlines())
        return errors.service_unavailable(f"the container of {self.endpoint.name} does not start: {reason}")


async def stop_all(instances: list[Serving]) -> None:
    """Stop every instance, even if some fail to."""
    await asyncio.gather(*(instance.stop() for instance in instances), return_exceptions=True)


def served_variants(endpoint: DeployedEndpoint) -> list[tuple[DeployedVariant, DeployedContainer]]:
    """Return each variant with its multi-model container, or with its first one if none is.

    Raises:
        InvokeError: No variant has a container, or one has several multi-model containers.
    """
    found = []
    for variant in endpoint.variants:
        multi = [one for one in variant.containers if one.mode == _MULTI_MODEL]
        if len(multi) > 1:
            raise errors.validation_error(
                f"variant {variant.name} of {endpoint.name} has {len(multi)} multi-model containers; one is "
                "allowed"
            )
        if variant.containers:
            found.append((variant, multi[0] if multi else variant.containers[0]))
    if not found:
        raise errors.validation_error(f"endpoint {endpoint.name} has no container")
    return found


def _model_of(container: DeployedContainer) -> str:
    """Return the name of a single-model container's model: the file of its archive."""
    return container.model_data_url.rpartition("/")[2] or "model"


def _no_files(download: Download) -> UnpackedArchive:
    """Return the model of a container without ModelDataUrl: nothing."""
    path = download.folder / "model"
    path.mkdir(parents=True)
    return UnpackedArchive(path, 0)


def _fetch(model_data_url: str, max_bytes: int, role_arn: str) -> Fetch:
    """Return a function that downloads and unpacks target models under an S3 prefix, if the role may."""
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def fetch(download: Download) -> UnpackedArchive:
        key = prefix + download.model
        try:
            if not may_read_object(role_arn, bucket, key):
                raise errors.artifact_unavailable(bucket, key)
            with open_object(bucket, key) as archive:
                return download.unpack(archive.body, max_bytes)
        except ObjectMissing:
            raise errors.artifact_unavailable(bucket, key) from None

    return fetch
