"""Requests that a browser sends for a page."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from mme_local.server.access.browsers import foreign_name, from_elsewhere
from tests.mme_local.addresses import address


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:4747"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "http://[::1]:4747"},
        {"Origin": "http://shop.localhost:3000"},
        {"Sec-Fetch-Site": "same-origin", "Host": "localhost:4747"},
        {"Sec-Fetch-Site": "none", "Host": "127.0.0.1:4747"},  # typed by a person
        {"Sec-Fetch-Site": "same-site", "Host": "bucket.localhost:4747"},
    ],
)
def test_programs_and_pages_of_this_machine_pass(headers: dict[str, str]) -> None:
    assert from_elsewhere(headers) is None
    assert foreign_name(headers) is None


HERE = (
    "localhost:4747",
    "LOCALHOST",
    "127.0.0.1:4747",
    "[::1]:4747",
    "192.168.0.7",
    "b.s3.localhost:4747",
    "",
)
ELSEWHERE = (
    ("evil.example:4747", "evil.example"),
    ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ("evil.local", "evil.local"),
    ("runtime:4747", "runtime"),
    ("host.docker.internal", "host.docker.internal"),
    ("laptop.test", "laptop.test"),
    ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
    ("evillocalhost", "evillocalhost"),
    ("a.[b", "a.[b"),
    ("localhost:80@evil.example", "localhost:80@evil.example"),
    ("evil.example\\.localhost", "evil.example\\.localhost"),
    ("evil.example/.localhost", "evil.example/.localhost"),
)


@pytest.mark.parametrize("host", HERE)
def test_localhost_and_addresses_pass(host: str) -> None:
    assert foreign_name({"Host": host}) is None


@pytest.mark.parametrize(("host", "name"), ELSEWHERE)
def test_other_names_pass_only_if_allowed(host: str, name: str) -> None:
    assert foreign_name({"Host": host}) == name
    assert foreign_name({"Host": host}, [name]) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost@evil.example"},
        {"Origin": "http://evillocalhost"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[half"},
        {"Sec-Fetch-Site": "cross-site", "Host": "localhost:4747"},
    ],
)
def test_pages_of_other_sites_do_not_pass(headers: dict[str, str]) -> None:
    assert from_elsewhere(headers) is not None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/?Action=CreateStack"),
        ("GET", "/_mme/status"),
        ("POST", "/endpoints/e/invocations"),
    ],
)
async def test_dns_rebinding_is_refused(method: str, path: str) -> None:
    async with address() as port, ClientSession(f"http://127.0.0.1:{port}") as client:
        answer = await client.request(method, path, headers={"Host": "evil.example:4747"})
        assert answer.status == 403
        assert "the host evil.example is not this machine" in await answer.text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("OPTIONS", "/", 403),
        ("POST", "/", 403),
        ("PUT", "/bucket/models/evil.tar.gz", 403),
        ("POST", "/endpoints/e/invocations", 403),
        ("GET", "/?Action=CreateStack", 403),
        ("POST", "/_mme/status", 403),
        ("GET", "/_mme/status", 200),  # a link; the page can't read the response
    ],
)
async def test_other_sites_may_only_link_to_the_runtimes_pages(method: str, path: str, status: int) -> None:
    asked: list[Any] = []

    def embedded_aws(environ: Any, start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [("Access-Control-Allow-Origin", "*")])
        return [b""]

    async with (
        address(embedded_aws=embedded_aws) as port,
        ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        answer = await client.request(method, path, headers={"Origin": "https://evil.example"})
        assert answer.status == status
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert (await client.post("/bucket")).status == 200
    assert asked == ["/bucket"]
