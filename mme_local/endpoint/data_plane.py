"""Answer ``InvokeEndpoint`` for every deployed endpoint."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mme.archives.errors import UnreadableArchiveError
from mme.aws.backoff import backoff_delays
from mme_local.aws.account import DEFAULT_REGION
from mme_local.aws.control_plane import (
    DeployedEndpoint,
    ObjectMissing,
    endpoint_revision,
    head_object,
    list_endpoints,
    resolve_endpoint,
)
from mme_local.containers.container import ContainerDiedError, ContainerTimeoutError
from mme_local.endpoint import errors
from mme_local.endpoint.call import Invocation, InvokeCall
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from mme_local.endpoint.trace import Observer, Trace
from mme_local.endpoint.variant import (
    AroundFetch,
    EndpointInstances,
    NewContainer,
    Serving,
    served_variants,
    stop_all,
)
from mme_local.settings import LocalSettings

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = (1.0, 30.0)
"""First and longest delay before an endpoint that failed to start is tried again."""

_Key = tuple[str, str]  # region and name


@dataclass(slots=True)
class _Failure:
    """An endpoint that does not start as it is deployed, and when to try again."""

    endpoint: DeployedEndpoint
    error: errors.InvokeError
    retry_at: float
    delays: Iterator[float] = field(default_factory=lambda: backoff_delays(*_RETRY_SECONDS, floor=0.5))


class DataPlane:
    """Serves every endpoint of the control plane.

    An endpoint's containers start at its first request or at :meth:`reconcile`, whichever comes first.
    A new config starts new containers; the old ones answer their requests in flight and stop.

    Args:
        new_container: Makes the container of an instance.
        folder: Holds containers' files and unpacked models; the caller removes it.
        settings: Budgets and time limits.
        observer: Called after requests, downloads, loads and unloads.
        around_fetch: Wraps every download.
    """

    def __init__(
        self,
        new_container: NewContainer,
        folder: Path,
        settings: LocalSettings,
        observer: Observer | None = None,
        *,
        around_fetch: AroundFetch = lambda _, fetch: fetch,
    ) -> None:
        self._observer = observer or Observer()
        self._around_fetch = around_fetch
        self._new_container = new_container
        self._folder = folder
        self._settings = settings
        self._endpoints: dict[_Key, EndpointInstances] = {}
        self._changes: dict[_Key, asyncio.Task[None]] = {}
        self._failures: dict[_Key, _Failure] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._regions = {DEFAULT_REGION}
        self._stopping = False

    async def invoke(self, call: InvokeCall) -> Invocation:
        """Answer one ``InvokeEndpoint``.

        Raises:
            InvokeError: The container did not answer with 2xx.
        """
        began = time.perf_counter()
        trace = Trace()
        try:
            answered = await self._answer(call, trace)
        except errors.InvokeError as error:
            self._observer.finished(call, trace, time.perf_counter() - began, error)
            raise
        self._observer.finished(call, trace, time.perf_counter() - began, None)
        return answered

    async def _answer(self, call: InvokeCall, trace: Trace) -> Invocation:
        endpoint = await self._current(call)
        if call.component:
            raise errors.component_unsupported()
        if endpoint.endpoint.multi_model:
            model = call.checked_model()
        elif call.target_model:
            raise errors.target_model_unsupported(call.endpoint)
        else:
            model = ""
        variant, instance = endpoint.choose(model, call.target_variant)
        trace.variant, trace.instance = variant.variant.name, instance.name
        trace.instances = len(variant.instances)
        try:
            reply = await instance.invoke(model, call.body, call.headers, trace)
        except NotReadyError:
            raise errors.model_not_ready(model, self._settings.invoke_seconds) from None
        except LoadFailedError as error:
            container = trace.container
            raise errors.model_error(call.endpoint_id, error.status, error.message, container) from None
        except UnreadableArchiveError as error:
            raise errors.validation_error(f"{model}: {error}") from None
        except ContainerTimeoutError:
            raise errors.timed_out(call.endpoint_id, self._settings.invoke_seconds, trace.container) from None
        except ContainerDiedError as error:
            log.warning("%s: the container ended during a request for %s: %s", call.endpoint, model, error)
            raise errors.no_response(call.endpoint_id, trace.container) from None
        if not reply.ok:
            raise errors.model_error(call.endpoint_id, reply.status, reply.text, trace.container)
        return Invocation(reply, variant.variant.name)

    def reconcile(self) -> None:
        """Begin to start what was deployed since the last call, and to stop what was deleted."""
        deployed: dict[_Key, DeployedEndpoint] = {
            (region, endpoint.name): endpoint
            for region in sorted(self._regions)
            for endpoint in list_endpoints(region=region)
        }
        for key in [key for key in self._endpoints if key not in deployed]:
            deleted = self._endpoints.pop(key)
            self._retire(deleted, deleted.instances)
        for key in [key for key in self._failures if key not in deployed]:
            del self._failures[key]
        for key, endpoint in deployed.items():
            known = self._endpoints.get(key)
            current = known is not None and known.scaled_as(endpoint)
            if current or key in self._changes or self._failure(key, endpoint):
                continue
            try:
                self._begin_change(key, endpoint)
            except errors.InvokeError as error:
                log.debug("%s is not served: %s", endpoint.name, error)

    def describe(self) -> list[dict[str, object]]:
        """Return every served variant as JSON."""
        return [
            {
                "name": served.endpoint.name,
                "region": region,
                "config": served.endpoint.config_name,
                "variant": variant.variant.name,
                "image": variant.container.image,
                "instance_type": variant.variant.instance_type,
                "models": variant.container.model_data_url,
                "requests": served.requests,
                "instances": [instance.describe() for instance in variant.instances],
            }
            for (region, _), served in sorted(self._endpoints.items())
            for variant in served.variants.values()
        ]

    def describe_failures(self) -> list[dict[str, object]]:
        """Return every endpoint that does not start, with the reason, as JSON."""
        return [
            {"name": failure.endpoint.name, "region": region, "error": failure.error.message}
            for (region, _), failure in sorted(self._failures.items())
        ]

    async def unload_idle(self, model: str) -> None:
        """Evict a model from memory and disk of every instance that does not use it now."""
        await asyncio.gather(*(instance.unload_idle(model) for instance in self._instances()))

    def has_model(self, model: str) -> bool:
        """Return whether an endpoint has this model in S3."""
        # An endpoint that was just created is not served yet; one of another region is not listed.
        deployed = [*list_endpoints(), *(served.endpoint for served in self._endpoints.values())]
        urls = {
            container.model_data_url
            for endpoint in deployed
            for variant in endpoint.variants
            for container in variant.containers
            if container.mode == "MultiModel"
        }
        return any(_exists(f"{url.removeprefix('s3://')}{model}") for url in urls)

    async def stop(self) -> None:
        """Stop every container. Later requests are refused."""
        self._stopping = True
        tasks = [*self._changes.values(), *self._retiring]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        instances = self._instances()
        self._endpoints.clear()
        await stop_all(instances)

    def _instances(self) -> list[Serving]:
        return [instance for served in self._endpoints.values() for instance in served.instances]

    async def _current(self, call: InvokeCall) -> EndpointInstances:
        """Return the instances of the endpoint as it is deployed now, started if needed."""
        key = (call.region, call.endpoint)
        while True:
            if self._stopping:
                raise errors.service_unavailable("the local endpoint is being stopped")
            known = self._endpoints.get(key)
            # Other counts or weights are no reason to wait: reconcile applies them.
            if known is not None and known.endpoint.revision == endpoint_revision(
                call.endpoint, account=call.account, region=call.region
            ):
                return known
            endpoint = _deployed(call)
            if call.target_model and not endpoint.multi_model:
                raise errors.target_model_unsupported(call.endpoint)
            self._regions.add(call.region)
            if failure := self._failure(key, endpoint):
                raise failure.error
            # All requests wait for the same change, which continues if a request gives up.
            await asyncio.wait({self._changes.get(key) or self._begin_change(key, endpoint)})

    def _failure(self, key: _Key, endpoint: DeployedEndpoint) -> _Failure | None:
        """Return the failure of this very endpoint until it is time to try again."""
        failure = self._failures.get(key)
        if failure is None or failure.endpoint != endpoint:
            return None
        return failure if asyncio.get_running_loop().time() < failure.retry_at else None

    def _begin_change(self, key: _Key, endpoint: DeployedEndpoint) -> asyncio.Task[None]:
        served_variants(endpoint)  # raises at once if no start could ever succeed
        task = asyncio.create_task(self._change(key, endpoint), name=f"change {endpoint.name}")
        self._changes[key] = task
        return task

    async def _change(self, key: _Key, endpoint: DeployedEndpoint) -> None:
        """Start and retire instances so that they match the endpoint, or record the failure."""
        known = self._endpoints.get(key)
        try:
            if known is not None and known.endpoint.revision == endpoint.revision:
                self._retire(known, await known.scale(endpoint))
            else:
                started = EndpointInstances(
                    endpoint,
                    self._new_container,
                    self._folder,
                    self._settings,
                    functools.partial(self._observer.stepped, key[0], endpoint.name),
                    self._around_fetch,
                )
                await started.scale(endpoint)
                known = self._endpoints.get(key)  # reconcile may have removed it meanwhile
                self._endpoints[key] = started
                if known is not None:
                    self._retire(known, known.instances)
            self._failures.pop(key, None)
        except Exception as error:
            self._fail(key, endpoint, error)
        finally:
            del self._changes[key]

    def _fail(self, key: _Key, endpoint: DeployedEndpoint, error: Exception) -> None:
        if not isinstance(error, errors.InvokeError):
            log.error("%s does not start", endpoint.name, exc_info=error)
            error = errors.internal_failure(f"{type(error).__name__}: {error}")
        failure = self._failures.get(key)
        if failure is None or failure.endpoint != endpoint:
            failure = self._failures[key] = _Failure(endpoint, error, 0.0)
        delay = next(failure.delays)
        failure.error = error
        failure.retry_at = asyncio.get_running_loop().time() + delay
        log.warning("%s: %s; next try in %.1f s", endpoint.name, error.message, delay)

    def _retire(self, endpoint: EndpointInstances, instances: list[Serving]) -> None:
        if not instances:
            return
        task = asyncio.create_task(endpoint.retire(instances), name=f"retire {endpoint.endpoint.name}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _deployed(call: InvokeCall) -> DeployedEndpoint:
    """Return the endpoint as it is deployed now. Raises InvokeError if there is none."""
    try:
        endpoint = resolve_endpoint(call.endpoint, account=call.account, region=call.region)
    except KeyError:  # no such region
        endpoint = None
    if endpoint is None:
        raise errors.unknown_endpoint(call.endpoint, call.account)
    return endpoint


def _exists(path: str) -> bool:
    bucket, _, key = path.partition("/")
    try:
        head_object(bucket, key)
    except ObjectMissing:
        return False
    return True
