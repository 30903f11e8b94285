"""S3 throttles: one line, status 2."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from mme.aws import clients as access


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (429, b"", "429: Too Many Requests"),
        (429, b"slow down, please", "429: Too Many Requests"),
        (503, b"<Error><Code>SlowDown</Code><Message>less</Message></Error>", "SlowDown: less"),
        (400, b"<Error><Code>Throttling</Code><Message>less</Message></Error>", "Throttling: less"),
    ],
)
@pytest.mark.parametrize("command", [("models", "list"), ("archives", "explain", "s3://models/x_v0.tar.gz")])
def test_throttling_is_one_line(mme, aws, monkeypatch, command, status: int, body: bytes, said: str) -> None:
    opened = access._create

    def throttled(*arguments):
        client = opened(*arguments)
        events: Any = client.meta.events
        # In the place of S3's answer, as often as it is asked.
        events.register("before-send.s3", answer)
        return client

    def answer(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, status, HeadersDict(), _Body(body))

    monkeypatch.setattr(access, "_create", throttled)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    ran = mme(*command)
    assert (ran.status, ran.out) == (2, "")
    first, hint = ran.err.splitlines()
    assert first.endswith(f"was throttled with {said.replace(': ', ', also when tried again: ')}")
    assert hint.startswith("try again in a minute")
