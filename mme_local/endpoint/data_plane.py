"""``InvokeEndpoint``: from an endpoint's name and a TargetModel to a container's answer."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from mme_local.aws.account import DEFAULT_REGION
from mme_local.aws.control_plane import (
    DeployedEndpoint,
    endpoint_revision,
    list_endpoints,
    resolve_endpoint,
)
from mme_local.containers.container import ContainerDiedError, ContainerTimeoutError
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.archive import BadArchiveError
from mme_local.endpoint.call import Call, Invocation
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from mme_local.endpoint.variant import (
    AroundFetch,
    ContainerFactory,
    Serving,
    multi_model_variants,
    plain_fetch,
    stop_all,
)
from mme_local.settings import LocalSettings
from mme_local.trace import NoObserver, Observer, Trace

log = logging.getLogger(__name__)

_PAUSES_SECONDS = (1.0, 30.0)
"""After a start that failed: how long requests hear of it at once before it is tried again, and at most."""

_Key = tuple[str, str]  # region and name


@dataclass(slots=True)
class _Failure:
    """An endpoint that does not start as it is deployed."""

    endpoint: DeployedEndpoint
    error: outcome.InvocationError
    pause: float
    until: float


class DataPlane:
    """Serves every endpoint that the control plane has now.

    An endpoint's containers start at its first request or at :meth:`reconcile`, whichever is first.
    A new config starts new containers; the old ones answer what they have and stop.

    Args:
        new_container: makes the container of an instance.
        folder: where containers and unpacked models live; the caller removes it.
        settings: budgets and time limits.
        observer: told of requests and loads.
        around_fetch: what each download of models goes through.
    """

    def __init__(
        self,
        new_container: ContainerFactory,
        folder: Path,
        settings: LocalSettings,
        observer: Observer | None = None,
        *,
        around_fetch: AroundFetch = plain_fetch,
    ) -> None:
        self._observer = observer or NoObserver()
        self._around_fetch = around_fetch
        self._new_container = new_container
        self._folder = folder
        self._settings = settings
        self._serving: dict[_Key, Serving] = {}
        self._changes: dict[_Key, asyncio.Task[None]] = {}
        self._failures: dict[_Key, _Failure] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._regions = {DEFAULT_REGION}
        self._stopping = False

    async def invoke(self, call: Call) -> Invocation:
        """Answer one ``InvokeEndpoint``.

        Raises:
            outcome.InvocationError: every way in which it does not end with a 2xx of the container.
        """
        began = time.perf_counter()
        trace = Trace()
        try:
            answered = await self._answer(call, trace)
        except outcome.InvocationError as error:
            self._observer.finished(call, trace, time.perf_counter() - began, error)
            raise
        self._observer.finished(call, trace, time.perf_counter() - began, None)
        return answered

    async def _answer(self, call: Call, trace: Trace) -> Invocation:
        if len(call.body) > self._settings.payload_bytes:
            raise outcome.too_large(self._settings.payload_bytes)
        serving = await self._current(call)
        model = call.checked_model()
        variant, instance = serving.choose(model, call.target_variant)
        trace.variant, trace.instance = variant.variant.name, instance.name
        trace.instances = len(variant.instances)
        try:
            reply = await instance.invoke(model, call.body, call.headers, trace)
        except NotReadyError:
            raise outcome.model_not_ready(model) from None
        except LoadFailedError as error:
            raise outcome.model_error(call.place, error.status, error.message) from None
        except BadArchiveError as error:
            raise outcome.validation_error(f"{model}: {error}") from None
        except ContainerTimeoutError:
            raise outcome.timed_out(call.place) from None
        except ContainerDiedError as error:
            log.warning("%s: the container ended under a request for %s: %s", call.endpoint, model, error)
            raise outcome.no_response(call.place) from None
        if not reply.ok:
            raise outcome.model_error(call.place, reply.status, reply.text)
        return Invocation(reply, variant.variant.name)

    def reconcile(self) -> None:
        """Begin to start what was deployed since, and to stop what is gone."""
        deployed: dict[_Key, DeployedEndpoint] = {
            (region, endpoint.name): endpoint
            for region in sorted(self._regions)
            for endpoint in list_endpoints(region=region)
        }
        for key in [key for key in self._serving if key not in deployed]:
            gone = self._serving.pop(key)
            self._retire(gone, gone.instances)
        for key in [key for key in self._failures if key not in deployed]:
            del self._failures[key]
        for key, endpoint in deployed.items():
            known = self._serving.get(key)
            right = known is not None and known.scaled_as(endpoint)
            if right or key in self._changes or self._failed(key, endpoint):
                continue
            try:
                self._begin_change(key, endpoint)
            except outcome.InvocationError as error:
                log.debug("%s is not served: %s", endpoint.name, error)

    def describe(self) -> list[dict[str, object]]:
        """All endpoints that are served now, for people and scripts."""
        return [
            {
                "name": serving.endpoint.name,
                "region": region,
                "config": serving.endpoint.config_name,
                "variant": variant.variant.name,
                "instance_type": variant.variant.instance_type,
                "models": variant.container.model_data_url,
                "requests": serving.requests,
                "instances": [instance.describe() for instance in variant.instances],
            }
            for (region, _), serving in sorted(self._serving.items())
            for variant in serving.variants.values()
        ]

    async def unload_idle(self, model: str) -> None:
        """Let a model go from memory and disk of every instance that does not use it now."""
        instances = [instance for serving in self._serving.values() for instance in serving.instances]
        await asyncio.gather(*(instance.unload_idle(model) for instance in instances))

    async def stop(self) -> None:
        """Stop every container. Requests from now on are refused."""
        self._stopping = True
        tasks = [*self._changes.values(), *self._retiring]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        serving = list(self._serving.values())
        self._serving.clear()
        await stop_all([instance for one in serving for instance in one.instances])

    async def _current(self, call: Call) -> Serving:
        """The instances of the endpoint as it is deployed now, started where they are not."""
        key = (call.region, call.endpoint)
        while True:
            if self._stopping:
                raise outcome.service_unavailable("the local runtime is being stopped")
            known = self._serving.get(key)
            # Another count or other weights are no reason to wait: reconcile sees to them.
            if known is not None and known.endpoint.revision == endpoint_revision(
                call.endpoint, account=call.account, region=call.region
            ):
                return known
            endpoint = _deployed(call)
            self._regions.add(call.region)
            if failure := self._failed(key, endpoint):
                raise failure.error
            # Every request waits for the one change, which outlives a request that gives up.
            await asyncio.wait({self._changes.get(key) or self._begin_change(key, endpoint)})

    def _failed(self, key: _Key, endpoint: DeployedEndpoint) -> _Failure | None:
        """The failure that is still to be told of, rather than tried again."""
        failure = self._failures.get(key)
        same = failure is not None and failure.endpoint == endpoint
        return failure if same and failure and asyncio.get_running_loop().time() < failure.until else None

    def _begin_change(self, key: _Key, endpoint: DeployedEndpoint) -> asyncio.Task[None]:
        multi_model_variants(endpoint)  # raises at once where no start could ever succeed
        task = asyncio.create_task(self._change(key, endpoint), name=f"change {endpoint.name}")
        self._changes[key] = task
        return task

    async def _change(self, key: _Key, endpoint: DeployedEndpoint) -> None:
        """Have what the endpoint is to have, or a failure to tell of."""
        known = self._serving.get(key)
        try:
            if known is not None and known.endpoint.revision == endpoint.revision:
                self._retire(known, await known.scale(endpoint))
            else:
                timed = functools.partial(self._observer.stepped, key[0], endpoint.name)
                fresh = Serving(
                    endpoint,
                    self._new_container,
                    self._folder,
                    self._settings,
                    timed,
                    around_fetch=self._around_fetch,
                )
                await fresh.scale(endpoint)
                known = self._serving.get(key)  # reconcile may have let it go meanwhile
                self._serving[key] = fresh
                if known is not None:
                    self._retire(known, known.instances)
            self._failures.pop(key, None)
        except Exception as error:
            self._fail(key, endpoint, error)
        finally:
            del self._changes[key]

    def _fail(self, key: _Key, endpoint: DeployedEndpoint, error: Exception) -> None:
        first, longest = _PAUSES_SECONDS
        before = self._failures.get(key)
        pause = min(2 * before.pause, longest) if before and before.endpoint == endpoint else first
        if isinstance(error, outcome.InvocationError):
            log.warning("%s: %s; tried again in %g s", endpoint.name, error.message, pause)
            told = error
        else:
            log.error("%s does not start", endpoint.name, exc_info=error)
            told = outcome.internal_failure(f"{type(error).__name__}: {error}")
        until = asyncio.get_running_loop().time() + pause
        self._failures[key] = _Failure(endpoint, told, pause, until)

    def _retire(self, serving: Serving, instances: list[Instance]) -> None:
        if not instances:
            return
        task = asyncio.create_task(serving.retire(instances), name=f"retire {serving.endpoint.name}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _deployed(call: Call) -> DeployedEndpoint:
    """The endpoint as it is deployed now. InvocationError where there is none."""
    try:
        endpoint = resolve_endpoint(call.endpoint, account=call.account, region=call.region)
    except KeyError:  # no such region
        endpoint = None
    if endpoint is None:
        raise outcome.unknown_endpoint(call.endpoint, call.account)
    return endpoint
