"""An embedded AWS for a test, with logs and refusals."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from werkzeug.serving import make_server

from mme.aws.clients import AwsClients
from mme.operate.discovery import Deployment
from mme_local import aws as cloud
from tools.sample_deployment import BUCKET, ENDPOINT, GROUP, STACK

DEPLOYMENT = Deployment(STACK, ENDPOINT, BUCKET, "models/")


@contextlib.contextmanager
def serve_embedded_aws() -> Iterator[str]:
    """The embedded AWS on a free port; yields its URL."""
    server = make_server("localhost", 0, cloud.application(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def put_log(clients: AwsClients, stream: str, lines: list[tuple[datetime, str]]) -> None:
    """Lines of the endpoint's log."""
    with contextlib.suppress(clients.logs.exceptions.ResourceAlreadyExistsException):
        clients.logs.create_log_group(logGroupName=GROUP)
    with contextlib.suppress(clients.logs.exceptions.ResourceAlreadyExistsException):
        clients.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    clients.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[
            {"timestamp": int(moment.timestamp() * 1000), "message": text} for moment, text in lines if text
        ],
    )


def deny(client: Any, *operations: str, code: str = "AccessDenied") -> None:
    """From now on these operations are refused, as by a policy of the caller's."""

    def refuse(**_: Any) -> tuple[Any, dict[str, Any]]:
        answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return SimpleNamespace(status_code=403, headers={}), answer

    service = client.meta.service_model.service_id.hyphenize()
    for operation in operations:
        client.meta.events.register(f"before-call.{service}.{operation}", refuse)
