"""A sagemaker-runtime of a few lines on localhost, for the real boto3."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from mme.client import MultiModelClient, runtime_client


@dataclass
class Answer:
    """One answer of the service."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def failure(status: int, code: str, message: str, **fields: object) -> Answer:
    """An error as SageMaker's REST-JSON API words it."""
    body = json.dumps({"Message": message, **fields}).encode()
    return Answer(status, body, {"x-amzn-errortype": code, "Content-Type": "application/json"})


@dataclass
class Service:
    """What the service was asked, and what it will answer; the last answer is given for ever.

    Attributes:
        respond: answers by the TargetModel and the body, where it is given.
    """

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    respond: Callable[[str, bytes], Answer] | None = None

    def answer(self, target: str, body: bytes) -> Answer:
        if self.respond:
            return self.respond(target, body)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            running.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = running.answer(self.headers["X-Amzn-SageMaker-Target-Model"], body)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Service(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make_client(service: Service) -> Callable[..., MultiModelClient]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def make(connections: int = 50, **arguments: object) -> MultiModelClient:
        runtime = runtime_client(session, endpoint_url=service.url, connections=connections)
        return MultiModelClient("mme-test", runtime, **arguments)  # type: ignore[arg-type]

    return make
