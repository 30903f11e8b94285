"""Endpoints that are deployed, updated and deleted, with containers that need no Triton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mme.errors import MmeError
from mme_local.aws.control_plane import DeployedContainer, DeployedEndpoint, DeployedVariant
from mme_local.endpoint import data_plane, variant
from mme_local.endpoint.archive_cache import Download, Fetch, UnpackedArchive
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.data_plane import DataPlane
from mme_local.endpoint.errors import InvokeError
from mme_local.settings import LocalSettings
from tests.mme_local.an_instance import MIB, until
from tests.mme_local.fake_container import FakeContainer


def an_endpoint(
    name: str = "e", revision: str = "1", counts: Mapping[str, int] | None = None, **container: Any
) -> DeployedEndpoint:
    """An endpoint with a variant for each of the counts."""
    model = DeployedContainer("image", "MultiModel", "s3://bucket/models/", {}, "Enabled")
    return DeployedEndpoint(
        name,
        f"arn:{name}",
        f"config-{revision}",
        "InService",
        tuple(
            DeployedVariant(variant, "ml.c5.xlarge", count, 1.0, "model", (replace(model, **container),), "")
            for variant, count in (counts or {"AllTraffic": 1}).items()
        ),
        revision,
    )


@dataclass
class World:
    """What is deployed, the data plane over it, and every container it ever made."""

    plane: DataPlane
    deployed: dict[str, DeployedEndpoint] = field(default_factory=dict)
    containers: list[FakeContainer] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    fail_start: Exception | None = None

    def deploy(self, endpoint: DeployedEndpoint) -> None:
        self.deployed[endpoint.name] = endpoint

    async def call(self, name: str = "e", model: str | None = "a", **more: Any) -> str:
        return (await self.plane.invoke(InvokeCall(name, model, b"x", **more))).reply.body.decode()

    def running(self) -> int:
        return sum(container.running for container in self.containers)


NewWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NewWorld:
    """Makes a world from settings."""
    return partial(a_world, tmp_path, monkeypatch)


@asynccontextmanager
async def a_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: float | str
) -> AsyncIterator[World]:
    def new_container(name: str, deployed: DeployedContainer, folder: Path) -> FakeContainer:
        container = FakeContainer()
        container.fail_start = world.fail_start
        world.containers.append(container)
        world.environments.append(deployed.environment)
        return container

    def fetch(url: str, most_bytes: int, role_arn: str) -> Fetch:
        def fetch_one(download: Download) -> UnpackedArchive:
            path = download.folder / "model"
            path.mkdir(parents=True)
            return UnpackedArchive(path, MIB)

        return fetch_one

    world = World(DataPlane(new_container, tmp_path, LocalSettings.model_validate(settings)))
    monkeypatch.setattr(data_plane, "resolve_endpoint", lambda name, **_: world.deployed.get(name))
    monkeypatch.setattr(
        data_plane, "endpoint_revision", lambda name, **_: getattr(world.deployed.get(name), "revision", None)
    )
    monkeypatch.setattr(
        data_plane,
        "list_endpoints",
        lambda *, region: list(world.deployed.values()) if region == "us-east-1" else [],
    )
    monkeypatch.setattr(variant, "_fetch", fetch)
    try:
        yield world
    finally:
        await world.plane.stop()
        assert world.running() == 0
        assert not list(tmp_path.iterdir())


async def test_concurrent_first_requests_start_the_endpoint_once(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint())
        assert await asyncio.gather(*(world.call() for _ in range(5))) == ["a:x"] * 5
        assert len(world.containers) == 1


async def test_reconcile_starts_and_stops_endpoints(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint("e", counts={"AllTraffic": 2}))
        world.deploy(an_endpoint("f"))
        world.plane.reconcile()
        world.plane.reconcile()
        await until(lambda: len(world.plane.describe()) == 2)
        assert world.running() == len(world.containers) == 3
        world.deployed.clear()
        world.plane.reconcile()
        await until(lambda: world.running() == 0)
        with pytest.raises(InvokeError, match="Endpoint e of account 123456789012 not found"):
            await world.call()


async def test_an_update_drains_the_old_containers(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint(environment={"A": "1"}))
        await world.call()
        (old,) = world.containers
        old.invoke_gate.clear()
        pending = asyncio.create_task(world.call())
        await until(lambda: old.calls["invoke a"] == 2)
        world.deploy(an_endpoint(revision="2", environment={"A": "2"}))
        assert await world.call() == "a:x"
        assert world.containers[1].calls["invoke a"] == 1
        assert old.running
        old.invoke_gate.set()
        assert await pending == "a:x"
        await until(lambda: not old.running)
        assert world.environments == [{"A": "1"}, {"A": "2"}]


async def test_scaling_makes_no_request_wait_or_fail(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint())
        await world.call()
        world.deploy(an_endpoint(counts={"AllTraffic": 2}))
        assert await world.call() == "a:x"
        world.plane.reconcile()
        await until(lambda: len(instances(world)) == 2)
        assert await world.call(model="b") == "b:x"  # has more free memory
        first, second = world.containers
        assert list(second.loaded.values()) == ["b"]
        second.invoke_gate.clear()
        pending = asyncio.create_task(world.call(model="b"))
        await until(lambda: second.calls["invoke b"] == 2)
        world.deploy(an_endpoint())
        world.plane.reconcile()
        await until(lambda: len(instances(world)) == 1)
        assert second.running
        second.invoke_gate.set()
        assert await pending == "b:x"
        await until(lambda: not second.running)
        assert first.running


async def test_a_failed_start_is_reported_until_the_next_try(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.fail_start = MmeError("no such flag", hint="correct it")
        world.deploy(an_endpoint())
        asked = await asyncio.gather(*(world.call() for _ in range(9)), return_exceptions=True)
        assert {str(error) for error in asked} == {
            "ServiceUnavailable (503): the container of e does not start: no such flag; correct it"
        }
        world.plane.reconcile()
        assert len(world.containers) == 1
        world.fail_start = None
        world.deploy(an_endpoint(revision="2"))  # fixed
        assert await world.call() == "a:x"


async def test_a_failed_start_stops_the_other_instances(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Second(FakeContainer):
        async def start(self) -> None:
            await super().start()
            if len(started) == 1:
                raise MmeError("one is enough")
            started.append(self)

    started: list[FakeContainer] = []

    async with new_world() as world:
        monkeypatch.setattr(world.plane, "_new_container", lambda *_: Second())
        world.deploy(an_endpoint(counts={"AllTraffic": 2}))
        with pytest.raises(InvokeError, match="one is enough"):
            await world.call()
        assert not started[0].running


async def test_a_stopped_data_plane_starts_nothing(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(FakeContainer):
        async def start(self) -> None:
            await super().start()
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()

    async with new_world() as world:
        container = Slow()
        monkeypatch.setattr(world.plane, "_new_container", lambda *_: container)
        world.deploy(an_endpoint())
        pending = asyncio.create_task(world.call())
        await began.wait()
        await world.plane.stop()
        for request in (pending, world.call()):
            with pytest.raises(InvokeError, match="being stopped"):
                await request
        assert not container.running


async def test_variants_share_requests_by_weight(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint(counts={"Blue": 1, "Green": 1}))
        answered = [(await world.plane.invoke(InvokeCall("e", "a", b""))).variant for _ in range(4)]
        assert answered == ["Blue", "Green", "Blue", "Green"]
        named = [InvokeCall("e", "a", b"", target_variant="Green") for _ in range(3)]
        assert [(await world.plane.invoke(call)).variant for call in named] == ["Green"] * 3
        with pytest.raises(InvokeError, match="Variant Red of endpoint e not found"):
            await world.call(target_variant="Red")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (InvokeCall("nowhere", "a", b""), "Endpoint nowhere of account 123456789012 not found."),
        (InvokeCall("e", None, b"", request_id="r-1"), "Request r-1 is missing a target model header."),
        (InvokeCall("e", "x" * 1025, b""), "at most 1024"),
        (InvokeCall("e", "a\udce9.tar.gz", b""), "characters that are not allowed"),
        (InvokeCall("e", " a", b""), "characters that are not allowed"),
        (InvokeCall("nowhere", "a", b"", component="c"), "Endpoint nowhere of account"),
        (InvokeCall("e", "a", b"", component="c"), "Inference Component Name header is not allowed"),
        (
            InvokeCall("single", "a", b""),
            "not a multi-model endpoint and does not support target model header",
        ),
    ],
)
async def test_invalid_requests_are_validation_errors(
    new_world: NewWorld, call: InvokeCall, message: str
) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint())
        world.deploy(an_endpoint("single", mode="SingleModel"))
        with pytest.raises(InvokeError, match=message) as caught:
            await world.plane.invoke(call)
        assert (caught.value.name, caught.value.status) == ("ValidationError", 400)


async def test_a_single_model_takes_no_target_model(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.deploy(an_endpoint("single", mode="SingleModel", model_data_url="s3://bucket/one/v1.tar.gz"))
        assert await world.call("single", None) == "v1.tar.gz:x"


async def test_a_pipeline_passes_answers_on(new_world: NewWorld) -> None:
    async with new_world() as world:
        endpoint = an_endpoint()
        (variant,) = endpoint.variants
        (models,) = variant.containers
        first = replace(models, mode="SingleModel", model_data_url="s3://bucket/first/v1.tar.gz")
        last = replace(first, model_data_url="s3://bucket/last/v2.tar.gz", hostname="last")
        world.deploy(replace(endpoint, variants=(replace(variant, containers=(first, models, last)),)))
        assert await world.call() == "v2.tar.gz:a:v1.tar.gz:x"
        (described,) = instances(world)
        hostnames = [one["hostname"] for one in described["containers"]]
        assert hostnames == ["container-1", "container-2", "last"]
        world.containers[1].die()
        assert await world.call() == "v2.tar.gz:a:v1.tar.gz:x"
        assert world.running() == 3
    assert world.running() == 0


async def test_a_pipeline_of_which_one_container_does_not_start(new_world: NewWorld) -> None:
    async with new_world() as world:
        world.fail_start = MmeError("no room")
        world.deploy(an_endpoint("single", mode="SingleModel"))
        with pytest.raises(InvokeError, match="the container of single does not start: primary: no room"):
            await world.plane.invoke(InvokeCall("single", None, b"x"))
        assert world.running() == 0


@pytest.mark.parametrize(("placement", "instances"), [("most-free", [1, 1]), ("first", [0, 2])])
async def test_placement_is_a_setting(new_world: NewWorld, placement: str, instances: list[int]) -> None:
    async with new_world(placement=placement) as world:
        world.deploy(an_endpoint(counts={"AllTraffic": 2}))
        for model in "ab":
            await world.call(model=model)
        assert sorted(len(container.loaded) for container in world.containers) == instances


async def test_an_unknown_region_has_no_endpoint(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with new_world() as world:
        monkeypatch.undo()  # the real control plane
        with pytest.raises(InvokeError, match="Endpoint e of account 123456789012 not found"):
            await world.call(region="mars-north-1")


def instances(world: World) -> list[Any]:
    (endpoint,) = world.plane.describe()
    found: Any = endpoint["instances"]
    return list(found)
