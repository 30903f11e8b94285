"""Containers under a daemon that implements the Engine API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mme.errors import MmeError
from mme_local.containers.container import ContainerDiedError
from mme_local.containers.docker.container import DockerContainer
from mme_local.containers.docker.daemon import connect
from tests.mme_local.containers.docker.fake_daemon import IMAGE, FakeDaemon, FakeImage


@asynccontextmanager
async def container_of(folder: Path, *, image: str = IMAGE, **more: Any) -> AsyncIterator[DockerContainer]:
    """A container that is not started yet."""
    docker = await connect()
    container = DockerContainer(
        docker,
        image,
        folder / "models",
        {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"},
        **{"owner": "me", "start_seconds": 30, "log": folder / "logs" / "it.log", **more},
    )
    try:
        yield container
    finally:
        await container.stop()
        await docker.close()


def a_model(folder: Path) -> Path:
    path = folder / "models" / "abc.0" / "model"
    path.mkdir(parents=True)
    (path / "config.pbtxt").touch()
    return path


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_load_invoke_unload(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path) as container:
        await container.start()
        model = a_model(tmp_path)
        for path in (model.parents[1], model.parent, model, model / "config.pbtxt"):
            path.chmod(0o700)
        (model / "gone").symlink_to("nothing")  # as a file that goes between two steps
        assert (await container.load("abc", "t/x_v0.tar.gz", model, 30)).ok
        assert (model / "config.pbtxt").stat().st_mode & 0o044, "for the image's user"
        reply = await container.invoke("abc", "t/x_v0.tar.gz", b"123", {}, 30)
        assert reply.text == "t/x_v0.tar.gz with config.pbtxt: 123"
        assert (await container.unload("abc", "t/x_v0.tar.gz")).ok
        assert (await container.invoke("abc", "t/x_v0.tar.gz", b"", {}, 30)).status == 404
        await until(lambda: (tmp_path / "logs" / "it.log").read_text() == "hello from the image\n")
        await container.stop()
        assert not daemon.containers
        with pytest.raises(ContainerDiedError):
            await container.invoke("abc", "t/x_v0.tar.gz", b"", {}, 30)


async def test_it_is_started_as_sagemaker_starts_it(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path) as container:
        await container.start()
        (made,) = daemon.containers.values()
        asked = made.specification
        assert asked["Cmd"] == ["serve"]
        assert set(asked["Env"]) == {
            "SAGEMAKER_MULTI_MODEL=true",
            "SAGEMAKER_BIND_TO_PORT=8080",
            "SAGEMAKER_TRITON_LOG_VERBOSE=0",
        }
        host = asked["HostConfig"]
        assert host["Binds"] == [f"{tmp_path / 'models'}:/opt/ml/models:ro"]
        # Reachable from this machine alone.
        assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
        assert "DeviceRequests" not in host
        assert container.pid is None


async def test_gpus_are_requested(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path, gpus=True) as container:
        await container.start()
        (made,) = daemon.containers.values()
        (devices,) = made.specification["HostConfig"]["DeviceRequests"]
        assert devices["Driver"] == "nvidia"


async def test_a_dead_container_can_be_started_again(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path) as container:
        await container.start()
        (id,) = daemon.containers
        await asyncio.to_thread(daemon.kill, id, 139)
        assert await container.wait_dead() == 139
        with pytest.raises(ContainerDiedError):
            await container.invoke("abc", "x", b"", {}, 30)
        await container.start()
        assert id not in daemon.containers
        assert len(daemon.containers) == 1
        assert (await container.load("abc", "x", a_model(tmp_path), 30)).ok


async def test_a_lost_daemon_is_a_dead_container(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path) as container:
        await container.start()
        await asyncio.to_thread(daemon.close)
        assert await container.wait_dead() == -1


async def test_a_missing_image(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with container_of(tmp_path, image="other:2") as container:
        with pytest.raises(MmeError, match="the image other:2 is not on this machine") as caught:
            await container.start()
        assert "docker pull other:2" in str(caught.value.hint)


async def test_a_failed_start_has_the_containers_output(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.images["bad:1"] = FakeImage(ends_at_once=2, output=(b"usage:\n", b"no such option\n"))

    async with container_of(tmp_path, image="bad:1") as container:
        message = "ended at its start with status 2; the last line of its log: no such option\n"
        with pytest.raises(MmeError, match=message) as failed:
            await container.start()
        assert "\n" not in failed.value.message
        assert str(tmp_path / "logs" / "it.log") in str(failed.value.hint)
        assert not daemon.containers


async def test_a_container_that_never_answers(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.images["slow:1"] = FakeImage(answers_ping=False)

    async with container_of(tmp_path, image="slow:1", start_seconds=0.3) as container:
        with pytest.raises(MmeError, match=r"slow:1 was not up within 0\.3 s"):
            await container.start()
        assert not daemon.containers
