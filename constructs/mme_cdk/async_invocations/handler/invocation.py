"""One invocation of a model, with retries while the model loads or the endpoint is busy."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from .backoff import Backoff
from .errors import RequestError, RetryableError
from .request import Request

READ_TIMEOUT_SECONDS: Final = 70
"""Above the 60 s within which SageMaker answers. Source: SageMaker API reference, InvokeEndpoint."""

_BACKOFF: Final = Backoff(first_seconds=0.5, longest_seconds=15)
_WRITE_SECONDS: Final = 5  # left for the outcome after the last call
_create_client_lock: Final = threading.Lock()
# Retried here: a return to the queue would cost an attempt.
_RETRIED_HERE: Final = frozenset(
    {
        "ModelNotReadyException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_RETRIED_LATER: Final = frozenset(
    {
        "InternalDependencyException",
        "InternalFailure",
        # IAM is eventually consistent, or a person has to grant the permission.
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    }
)
# Only its message tells which `ValidationError` it is: the endpoint may be about to be recreated.
_NO_ENDPOINT: Final = re.compile(
    r"\bendpoint\b.*\b(not found|does not exist|could not find)|could not find endpoint", re.IGNORECASE
)
# No answer, or a gateway's answer. 507: out of memory; SageMaker then unloads other models.
_CONTAINER_RETRIED: Final = frozenset({0, 502, 503, 504, 507})


def runtime_client(timeout: int) -> Any:
    """Return a `sagemaker-runtime` client without retries, with this read timeout in seconds."""
    with _create_client_lock:  # threads may share clients, but not create them at the same time
        return _create_client(timeout)


@lru_cache(maxsize=64)
def _create_client(timeout: int) -> Any:
    config = Config(
        read_timeout=timeout, connect_timeout=5, retries={"total_max_attempts": 1}, tcp_keepalive=True
    )
    return boto3.client("sagemaker-runtime", config=config)


@dataclass(frozen=True)
class Answer:
    """The model's answer."""

    body: bytes
    content_type: str
    custom_attributes: str


@dataclass(frozen=True)
class Invoker:
    """Invokes the models of one endpoint.

    Attributes:
        endpoint_name: Endpoint to invoke.
        load_seconds: How long to wait for a model that is loading.
        client: Returns a `sagemaker-runtime` client with this read timeout in seconds.
        clock: Monotonic clock, in seconds.
        sleep: Sleeps this many seconds.
    """

    endpoint_name: str
    load_seconds: float
    client: Callable[[int], Any] = runtime_client
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def invoke(self, request: Request, body: bytes, seconds_left: Callable[[], float]) -> Answer:
        """Return the model's answer; retry while the model loads or the endpoint is busy.

        Args:
            request: A valid request.
            body: Content of its input.
            seconds_left: How long the function may still run.

        Raises:
            RequestError: The request can't succeed.
            RetryableError: It may succeed later.
        """
        arguments: dict[str, Any] = {
            "EndpointName": self.endpoint_name,
            "TargetModel": request.text("TargetModel"),
            "InferenceId": request.inference_id,
            "Body": body,
        }
        optional = ("ContentType", "Accept", "CustomAttributes")
        arguments |= {name: request.text(name) for name in optional if request.text(name)}
        timeout = request.timeout_seconds or READ_TIMEOUT_SECONDS
        client = self.client(timeout)
        started = self.clock()
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = client.invoke_endpoint(**arguments)
                return Answer(
                    answer["Body"].read(), answer.get("ContentType", ""), answer.get("CustomAttributes", "")
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _RETRIED_HERE:
                    raise classify(error) from error
                last = error
            except ReadTimeoutError as error:
                reason = f"no answer within {timeout} s"
                if request.timeout_seconds:
                    raise RequestError(f"ClientError: {reason}, which is InvocationTimeoutSeconds") from error
                raise RetryableError(f"InternalServerError: {reason}", model_failed=True) from error
            except BotoCoreError as error:
                raise RetryableError(f"InternalServerError: the endpoint is unreachable: {error}") from error
            waited = self.clock() - started
            delay = _BACKOFF.delay(attempt)
            too_late = seconds_left() < delay + timeout + _WRITE_SECONDS
            if too_late or waited + delay > self.load_seconds:
                raise _gave_up(last, request, waited) from last
            self.sleep(delay)


def classify(error: ClientError) -> RequestError:
    """Return what an error of `InvokeEndpoint` means for the request: a failure, or a retry later."""
    code, message = _code_and_message(error)
    if code == "ModelError":
        # Members that botocore's types don't have.
        response: dict[str, Any] = dict(error.response)
        status = int(response.get("OriginalStatusCode") or 0)
        answer = str(response.get("OriginalMessage") or message)
        side = "server" if status == 0 or status >= 500 else "client"
        reason = f"ClientError: Received {side} error ({status}) from model: {_one_line(answer)}"
        if status in _CONTAINER_RETRIED:
            return RetryableError(reason, answer.encode(), model_failed=True)
        return RequestError(reason, answer.encode())
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    no_endpoint = code == "ValidationError" and _NO_ENDPOINT.search(message)
    if code in _RETRIED_LATER or status >= 500 or no_endpoint:
        return RetryableError(f"InternalServerError: {code}: {_one_line(message)}")
    return RequestError(f"ClientError: {code}: {_one_line(message)}")


def _gave_up(error: ClientError, request: Request, waited: float) -> RetryableError:
    code, message = _code_and_message(error)
    if code == "ModelNotReadyException":
        model = request.text("TargetModel")
        return RetryableError(f"ModelNotReady: {model} was still loading after {waited:.0f} s")
    return RetryableError(f"InternalServerError: {code} for {waited:.0f} s: {_one_line(message)}")


def _code_and_message(error: ClientError) -> tuple[str, str]:
    details = error.response["Error"]
    return details.get("Code", ""), details.get("Message", "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
