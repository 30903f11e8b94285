"""boto3 clients whose requests the embedded AWS answers inside this process."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.model import ListShape, MapShape, Shape, StructureShape
from werkzeug.test import Client as WsgiClient
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


class EmbeddedClients:
    """In-process clients of one account and region, created on first use and safe to share between threads.

    Args:
        account: Twelve digits.
        region: For example `us-east-1`.
        application: The embedded AWS, which answers every request.
    """

    def __init__(self, account: str, region: str, application: WSGIApplication) -> None:
        self.account = account
        self.region = region
        self._application = application
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the boto3 client of `service` (boto3's name for it)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._create(service)
            return self._clients[service]

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call an API operation with a template's values, each cast to the type that the API takes.

        Args:
            service: boto3's name of the service.
            operation: The operation's Python name.
            parameters: The operation's parameters, unknown ones included.

        Raises:
            botocore.exceptions.ClientError: The service refused the request.
            botocore.exceptions.ParamValidationError: A parameter is unknown, missing or of a wrong type.
        """
        client = self.client(service)
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape
        answer: dict[str, Any] = getattr(client, operation)(**cast(parameters, shape))
        return answer

    def _create(self, service: str) -> Any:
        client = bare_session().create_client(
            service,
            region_name=self.region,
            # moto checks no secret; the account is in a header
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",  # noqa: S106
            config=Config(
                retries={"total_max_attempts": 1}, parameter_validation=True, s3={"addressing_style": "path"}
            ),
            endpoint_url="http://localhost",
        )
        events: Any = client.meta.events  # the stubs lack handlers that return a response
        events.register_last("before-send.*.*", self._answer)
        return client

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Answer instead of the network: botocore sends nothing if this hook returns a response."""
        # bytes, a string or a file, depending on the service's serializer
        body: Any = request.body or b""
        headers = {name: _text(value) for name, value in request.headers.items()}
        headers["x-moto-account-id"] = self.account
        answer = WsgiClient(self._application, Response).open(
            request.url,
            method=request.method,
            headers=headers,
            data=body if isinstance(body, bytes) else body.read() if hasattr(body, "read") else body.encode(),
        )
        response_headers = HTTPHeaders()
        for name, value in answer.headers.items():
            response_headers[name] = value
        return AWSResponse(request.url, answer.status_code, response_headers, _Body(answer.get_data()))


ClientFactory = Callable[[str, str], EmbeddedClients]
"""Returns the clients of an account and a region."""


@cache
def bare_session() -> botocore.session.Session:
    """Return a session that ignores the user's AWS files and AWS_PROFILE."""
    nothing = (None, None, os.devnull, None)
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nothing,
            "credentials_file": nothing,
        }
    )


class _Body(io.BytesIO):
    """A response body with the one method of urllib3's that botocore calls."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def cast(value: Any, shape: Shape | None) -> Any:
    """Convert what a template may have to what the API takes; botocore refuses what does not fit.

    A template may have `"1"` for 1, an object for a policy's text, a list of pairs for a map of tags, one
    value for a list, and a capital where the API has none.

    Args:
        value: A parameter, or a structure, list or map of them.
        shape: Its botocore shape; None if unknown.
    """
    match shape:
        case StructureShape() if isinstance(value, dict):
            if set(value) == {"Key", "Value"} and "TagKey" in shape.members:
                value = {f"Tag{name}": member for name, member in value.items()}
            spelled = {name[:1].lower() + name[1:]: name for name in shape.members}
            named = {spelled.get(name[:1].lower() + name[1:], name): member for name, member in value.items()}
            return {name: cast(member, shape.members.get(name)) for name, member in named.items()}
        case ListShape():
            return [cast(member, shape.member) for member in (value if isinstance(value, list) else [value])]
        case MapShape():
            if isinstance(value, list):
                value = {pair["Key"]: pair["Value"] for pair in value}
            return {name: cast(member, shape.value) for name, member in value.items()}
    return _cast_scalar(value, shape.type_name if shape else None)


def _cast_scalar(value: Any, type_name: str | None) -> Any:
    match type_name, value:
        case (("integer" | "long" | "float" | "double"), str()):
            with suppress(ValueError):
                return _NUMBERS[type_name](value)
        case "boolean", str() if value.lower() in {"true", "false"}:
            return value.lower() == "true"
        case "string", dict() | list() | bool():
            return json.dumps(value)
        case "string", int() | float():
            return str(value)
    return value
