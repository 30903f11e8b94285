"""Which kind of container a runtime chooses."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from mme.errors import MmeError
from mme_local.containers.docker.container import OWNER_LABEL
from mme_local.containers.factory import ContainerFactory, open_containers
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.settings import LocalSettings
from tests.mme_local.containers.docker.fake_daemon import FakeContainer, FakeDaemon, FakeImage


def settings(kind: str) -> LocalSettings:
    return LocalSettings.model_validate({"containers": kind})


def opened(kind: str, folder: Path) -> ContainerFactory:
    async def story() -> ContainerFactory:
        containers = await open_containers(settings(kind), folder / "triton")
        await containers.close()
        return containers

    return asyncio.run(story())


@pytest.fixture
def no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel's Triton without its files."""

    def create(folder: Path, *_: Any) -> TritonInstallation:
        return TritonInstallation(folder / "tritonserver", folder / "backends", {}, ("python",))

    monkeypatch.setattr(TritonInstallation, "create", create)


@pytest.mark.usefixtures("wheel", "daemon")
def test_the_kind_is_a_setting(tmp_path: Path) -> None:
    kinds = {setting: opened(setting, tmp_path).kind for setting in ("wheel", "auto", "docker")}
    assert kinds == {"wheel": "wheel", "auto": "docker", "docker": "docker"}


@pytest.mark.usefixtures("wheel", "no_daemon")
def test_without_a_daemon(tmp_path: Path) -> None:
    assert opened("auto", tmp_path).backends == ("python",)
    with pytest.raises(MmeError, match=r"no Docker daemon answers at /nowhere/docker\.sock"):
        opened("docker", tmp_path)


def test_only_containers_of_killed_runtimes_are_removed(daemon: FakeDaemon, tmp_path: Path) -> None:
    here = socket.gethostname()
    mine = f"{here} {os.getpid()} {psutil.Process().create_time()}"
    owners = {
        "left": f"{here} {os.getpid()} 1.0",
        "running": mine,
        "elsewhere": "another-machine 1 1.0",
        "strange": "unknown",
    }
    for id, owner in owners.items():
        daemon.containers[id] = FakeContainer(id, {"Labels": {OWNER_LABEL: owner}}, FakeImage())
    daemon.containers["unlabelled"] = FakeContainer("unlabelled", {}, FakeImage())

    opened("docker", tmp_path)

    assert set(daemon.containers) == {"running", "elsewhere", "strange", "unlabelled"}
