"""How the daemon is found, and what is said where it can't be asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.docker.engine import DockerEngine
from tests.mme_local.containers.docker.fake_daemon import IMAGE, FakeDaemon


def test_it_is_asked_in_its_own_version(daemon: FakeDaemon) -> None:
    async def story() -> None:
        engine = await DockerEngine.connect()
        try:
            assert await engine.has_image(IMAGE)
            assert not await engine.has_image("none:1")
            assert not await engine.has_gpus()
            daemon.runtimes["nvidia"] = {}
            assert await engine.has_gpus()
            await engine.remove("unknown")
            with pytest.raises(MmeError, match="Docker refuses POST /containers/unknown/wait"):
                await engine.wait("unknown")
        finally:
            await engine.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("tcp://build-server:2375", "DOCKER_HOST is tcp://build-server:2375: .* on this machine"),
        (
            "unix:///nowhere/docker.sock",
            "no Docker daemon answers at /nowhere/docker.sock: .*[Nn]o such file",
        ),
    ],
)
def test_no_daemon_is_one_clear_error(host: str, message: str) -> None:
    with pytest.raises(MmeError, match=message):
        asyncio.run(DockerEngine.connect({"DOCKER_HOST": host}))


def test_a_rootless_daemon_is_found(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/var/run/docker.sock").exists():
        pytest.skip("a daemon at the usual place comes first")

    async def story() -> None:
        first = await DockerEngine.connect()
        await first.close()
        second = await DockerEngine.connect({"XDG_RUNTIME_DIR": str(first.socket.parent)})
        await second.close()
        assert second.socket == first.socket

    asyncio.run(story())


def test_a_daemon_that_goes_away(daemon: FakeDaemon) -> None:
    async def story() -> None:
        engine = await DockerEngine.connect()
        daemon.close()
        try:
            with pytest.raises(MmeError, match="the Docker daemon went away"):
                await engine.has_image(IMAGE)
        finally:
            await engine.close()

    asyncio.run(story())
