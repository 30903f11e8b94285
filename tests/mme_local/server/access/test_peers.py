"""Other users of this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
from aiohttp.test_utils import make_mocked_request

from mme_local.server.access.peers import is_other_user, peer_uid
from tests.mme_local.addresses import address

ROOT = 0
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
CALL = """\
import os, socket, sys
port, user, received = map(int, sys.argv[1:])
os.setgroups([])
os.setgid(user)
os.setuid(user)
with socket.socket() as client:
    client.connect(("127.0.0.1", port))
    client.sendall(b"PUT /bucket HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\n\\r\\n")
    sys.stdout.buffer.write(client.recv(received))
"""


async def call(port: int, *, user: int, received: int = 12) -> bytes:
    """Send a request as a user; return the first bytes of its answer, or leave at once if none are wanted."""
    command = [sys.executable, "-c", CALL, *map(str, (port, user, received))]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, timeout=30)
    return ran.stdout


@needs_root
@pytest.mark.parametrize(("allowed", "status"), [(False, b"HTTP/1.1 403"), (True, b"HTTP/1.1 404")])
async def test_other_users_are_refused_unless_allowed(allowed: bool, status: bytes) -> None:
    async with address(other_users=allowed) as port:
        assert await call(port, user=NOBODY) == status
        assert await call(port, user=ROOT) == b"HTTP/1.1 404"


@needs_root
async def test_a_request_whose_sender_left_at_once_is_not_answered() -> None:
    asked: list[str] = []

    def embedded_aws(environ: dict[str, str], start_response: Callable[..., None]) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b""]

    async with address(embedded_aws=embedded_aws) as port:
        for _ in range(20):
            await call(port, user=NOBODY, received=0)
        assert await call(port, user=ROOT) == b"HTTP/1.1 200"
    assert asked == ["/bucket"]


async def test_a_reset_connection_is_of_another_user() -> None:
    class Transport(asyncio.Transport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return None

    assert is_other_user(make_mocked_request("GET", "/", transport=Transport()))


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_user_of_a_peer_is_found_until_it_closes(family: socket.AddressFamily) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.socket(family) as client:
            host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
            client.connect((host, server.getsockname()[1]))
            accepted, peer = server.accept()
            assert peer_uid(accepted.getsockname(), peer) == os.geteuid()
        assert peer_uid(accepted.getsockname(), peer) is None
        accepted.close()
