"""Heads of invocations: what is taken, and that a whole HTTP server understands it in the same way."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import given
from hypothesis import strategies as st

from mme_local.server.http1_request import plain_invocation

LINE = "POST /endpoints/shop/invocations HTTP/1.1"
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature="


def head(*headers: str, line: str = LINE) -> bytes:
    """As it is sent."""
    return "\r\n".join([line, *headers, "", ""]).encode("utf-8", "surrogateescape")


def test_what_boto3_sends_is_taken() -> None:
    found = plain_invocation(
        head(
            "Host: localhost:4747",
            "X-Amzn-SageMaker-Target-Model: tenant/a_v0.tar.gz",
            "User-Agent: Boto3/1.40 \t",
            "Authorization: " + SIGNED.format("sagemaker"),
            "Content-Length: 12",
            "Connection: Keep-Alive",
        )
    )
    assert found is not None
    assert (found.endpoint, found.path, found.length) == ("shop", "/endpoints/shop/invocations", 12)
    assert found.headers["x-amzn-sagemaker-target-model"] == "tenant/a_v0.tar.gz"
    assert found.headers["User-Agent"] == "Boto3/1.40"
    assert len(found.headers) == 6


@pytest.mark.parametrize(
    "line",
    [
        "GET /endpoints/shop/invocations HTTP/1.1",
        "POST /endpoints/shop/invocations HTTP/1.0",
        "POST  /endpoints/shop/invocations HTTP/1.1",
        "POST /endpoints/shop/invocations?a=1 HTTP/1.1",
        "POST /endpoints/sh%6Fp/invocations HTTP/1.1",
        "POST /endpoints/shop/async-invocations HTTP/1.1",
        "POST http://localhost/endpoints/shop/invocations HTTP/1.1",
        "POST /endpoints//invocations HTTP/1.1",
        "POST /endpoints/sh\u00f6p/invocations HTTP/1.1",
    ],
)
def test_other_requests_are_left_to_others(line: str) -> None:
    assert plain_invocation(head("Host: a", "Content-Length: 0", line=line)) is None


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: a"],
        ["Content-Length: 1"],
        ["Host: a", "Host: b", "Content-Length: 1"],
        ["Host: a", "Content-Length: 1", "content-length: 1"],
        ["Host: a", "Content-Length: -1"],
        ["Host: a", "Content-Length: +1"],
        ["Host: a", "Content-Length: 1_0"],
        ["Host: a", "Content-Length: \u0661"],
        ["Host: a", "Content-Length: 1, 1"],
        ["Host: a", "Content-Length:"],
        ["Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"],
        ["Host: a", "Content-Length: 1", "Expect: 100-continue"],
        ["Host: a", "Content-Length: 1", "Upgrade: h2c"],
        ["Host: a", "Content-Length: 1", "Connection: close"],
        ["Host: a", "Content-Length: 1", "Connection: keep-alive", "Connection: close"],
        ["Host: a", "Content-Length: 1", "Proxy-Connection: close"],
        ["Host: a", "Content-Length: 1", "Accept: a", "accept: b"],
        ["Host: a", "Content-Length: 1", f"A: {'a' * 9000}"],
        ["Host: a", "Content-Length: 1", "Origin:"],
        ["Host: a", "Content-Length: 1", "Connection: keep-alive, Upgrade"],
        ["Host: a", "Content-Length: 1", " folded: line"],
        ["Host: a", "Content-Length: 1", "Space : before"],
        ["Host: a", "Content-Length: 1", ": no name"],
        ["Host: a", "Content-Length: 1", "no colon"],
        ["Host: a", "Content-Length: 1", "Nul: \0"],
        ["Host: a", "Content-Length: 1", "Feed: a\nb: c"],
        ["Host: a", "Content-Length: 1", "Return: a\rb: c"],
        ["Host: a", "Content-Length: 1", "Authorization: " + SIGNED.format("s3")],
        ["Host: evil.example", "Content-Length: 1"],
        ["Host: a", "Content-Length: 1", "Origin: https://evil.example"],
        ["Host: a", "Content-Length: 1", "Sec-Fetch-Site: cross-site"],
    ],
)
def test_odd_ones_are_left_to_others(headers: list[str]) -> None:
    assert plain_invocation(head(*headers)) is None


NAMES = st.sampled_from(
    ["Host", "Content-Length", "Accept", "X-Amzn-SageMaker-Target-Model", "X-\u00e4", "Connection", "a b", ""]
)
VALUES = st.one_of(
    st.sampled_from(["0", "7", "localhost:1", "keep-alive", "close", " x ", "\tx\t", "\udcff\udcfe", "\x7f"]),
    st.text(st.characters(codec="latin-1"), max_size=8),
)


@given(
    st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", " :", ""]), VALUES), max_size=5),
    st.sampled_from(["Host: localhost", "host:127.0.0.1", ""]),
    st.sampled_from(["Content-Length: 7", "content-length:0", ""]),
)
def test_what_is_taken_a_whole_server_reads_in_the_same_way(
    lines: list[tuple[str, str, str]], host: str, length: str
) -> None:
    text = head(*(line for line in (host, length, *("".join(parts) for parts in lines)) if line))
    found = plain_invocation(text)
    if found is None:
        return
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
        try:
            ((message, _),), _, rest = parser.feed_data(text)
        except HttpProcessingError as error:
            raise AssertionError(f"a whole server refuses it: {error}") from None
        assert not rest
    finally:
        loop.close()
    assert (message.method, message.path) == ("POST", found.path)
    assert [(name.lower(), value) for name, value in message.headers.items()] == [
        (name.lower(), value) for name, value in found.headers.items()
    ]
    assert int(message.headers["Content-Length"]) == found.length
    assert not message.should_close
    assert not message.chunked
