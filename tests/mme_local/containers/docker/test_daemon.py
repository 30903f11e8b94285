"""How the daemon is found, and the errors if it is not."""

from __future__ import annotations

import asyncio

import pytest

from mme.errors import MmeError
from mme_local.containers.docker.daemon import connect, has_gpus, has_image
from tests.mme_local.containers.docker.fake_daemon import IMAGE, FakeDaemon


async def test_images_and_gpus(daemon: FakeDaemon) -> None:
    docker = await connect()
    try:
        assert await has_image(docker, IMAGE)
        assert not await has_image(docker, "none:1")
        assert not await has_gpus(docker)
        daemon.runtimes["nvidia"] = {}
        assert await has_gpus(docker)
        daemon.close()
        with pytest.raises(MmeError, match="Docker: "):
            await has_image(docker, IMAGE)
    finally:
        await docker.close()


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("tcp://build-server:2375", "DOCKER_HOST is tcp://build-server:2375; .* on this machine"),
        (
            "unix:///nowhere/docker.sock",
            "no Docker daemon answers at /nowhere/docker.sock: .*[Nn]o such",
        ),
    ],
)
def test_no_daemon_is_one_clear_error(host: str, message: str) -> None:
    with pytest.raises(MmeError, match=message):
        asyncio.run(connect({"DOCKER_HOST": host}))
