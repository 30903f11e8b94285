"""Requests byte by byte, and a data plane that answers with what it was asked."""

from __future__ import annotations

import asyncio

from mme_local.containers.container import ContainerReply
from mme_local.containers.http1_answer import Answer, AnswerReader
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call, Invocation


class Echo:
    """A data plane that answers with what it was asked, once it may."""

    def __init__(self) -> None:
        self.asked: list[Call] = []
        self.answered = 0
        self.may = asyncio.Event()
        self.may.set()
        self.begun = asyncio.Event()

    async def invoke(self, call: Call) -> Invocation:
        self.asked.append(call)
        self.begun.set()
        await self.may.wait()
        self.answered += 1
        if call.target_model == "bad":
            raise outcome.model_not_ready("bad")
        if call.target_model == "worse":
            raise RuntimeError("oops")
        return Invocation(ContainerReply(200, bytes(call.body), "application/x-test"), "AllTraffic")


def written(body: bytes = b"", *headers: str, model: str = "m") -> bytes:
    """One request."""
    lines = [
        "POST /endpoints/shop/invocations HTTP/1.1",
        "Host: localhost:4747",
        f"X-Amzn-SageMaker-Target-Model: {model}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, limit=2**24)


async def answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = AnswerReader()
    whole = found.feed(head)
    if whole is None:
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        whole = found.feed(await reader.readexactly(length))
    assert whole is not None
    return whole
