"""boto3 clients whose requests are answered inside this process, by the embedded AWS itself.

CloudFormation's handlers create resources the way AWS's do: by calling the other services' APIs. So what a
template says ends up exactly where a direct call would have put it, validated by the same code.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.model import ListShape, MapShape, Shape, StructureShape
from werkzeug.test import Client as WsgiClient
from werkzeug.wrappers import Response

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


class AwsClients:
    """Clients of one account and region; made on first use, safe to share between threads.

    Args:
        account: twelve digits.
        region: such as `us-east-1`.
    """

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    def client(self, service: str) -> Any:
        """The boto3 client of `service` (boto3's name for it)."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call one API operation (its Python name), with template values cast to the types the API wants.

        CloudFormation takes `"1"` for 1 and `"true"` for True, as its parameters are text; botocore does not.

        Raises:
            botocore.exceptions.ClientError: the service refused.
            botocore.exceptions.ParamValidationError: a parameter is unknown, missing or of a wrong type.
        """
        client = self.client(service)
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape
        answer: dict[str, Any] = getattr(client, operation)(**cast(parameters, shape))
        return answer

    def _make(self, service: str) -> Any:
        client = bare_session().create_client(
            service,
            region_name=self.region,
            # moto looks for no secret; the account travels in a header of its own
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",  # noqa: S106
            config=Config(
                retries={"total_max_attempts": 1}, parameter_validation=True, s3={"addressing_style": "path"}
            ),
            endpoint_url="http://localhost",
        )
        events: Any = client.meta.events  # the stubs know no handler that answers
        events.register_last("before-send.*.*", self._answer)
        return client

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """botocore's hook in front of the network: a handler that answers here keeps the request inside."""
        from mme_local.aws.wsgi import application

        # bytes, text or a file, whatever botocore's serializer of that service makes
        body: Any = request.body or b""
        headers = {name: _text(value) for name, value in request.headers.items()}
        headers["x-moto-account-id"] = self.account
        answer = WsgiClient(application(), Response).open(
            request.url,
            method=request.method,
            headers=headers,
            data=body if isinstance(body, bytes) else body.read() if hasattr(body, "read") else body.encode(),
        )
        headers_back = HTTPHeaders()
        for name, value in answer.headers.items():
            headers_back[name] = value
        return AWSResponse(request.url, answer.status_code, headers_back, _Body(answer.get_data()))


@cache
def bare_session() -> botocore.session.Session:
    """A session that reads neither the user's AWS files nor AWS_PROFILE: they are about other clouds."""
    nowhere = (None, None, os.devnull, None)
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
    )


@cache
def clients_of(account: str, region: str) -> AwsClients:
    """The clients of one account and region; the same for the life of the process, as they hold no state."""
    return AwsClients(account, region)


class _Body(io.BytesIO):
    """A response body with the one method that botocore asks of urllib3's."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def cast(value: Any, shape: Shape | None) -> Any:
    """`value` with its scalars cast to what `shape` wants, where that can be done without loss."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: cast(member, shape.members.get(name)) for name, member in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [cast(member, shape.member) for member in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: cast(member, shape.value) for name, member in value.items()}
    return _cast_scalar(value, shape)


def _cast_scalar(value: Any, shape: Shape | None) -> Any:
    kind = shape.type_name if shape is not None else None
    if kind in _NUMBERS and isinstance(value, str):
        try:
            return _NUMBERS[kind](value)
        except ValueError:
            return value  # botocore's own complaint names the parameter
    if kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value
