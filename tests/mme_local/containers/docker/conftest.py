from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mme_local.containers.docker.fake_daemon import FakeDaemon


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """A daemon at the address in DOCKER_HOST."""
    # Not under tmp_path, which may be too long for a Unix socket.
    with tempfile.TemporaryDirectory(prefix="mme") as folder:
        socket = Path(folder) / "docker.sock"
        monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
        with FakeDaemon().serving(socket) as daemon:
            yield daemon
