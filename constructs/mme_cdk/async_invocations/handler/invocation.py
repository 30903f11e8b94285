"""One call of the model: what its errors mean, and the wait for one that is still loading."""

from __future__ import annotations

import random
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

from .faults import RefusedError, RetryError
from .request import Request

READ_TIMEOUT_SECONDS: Final = 70
"""Above the 60 s within which SageMaker answers. Source: SageMaker API reference, InvokeEndpoint."""

_making: Final = threading.Lock()
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 15.0
# It may do better in a moment, so it is waited for here: going back into the queue would cost an attempt.
_SOON: Final = frozenset(
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
_LATER: Final = _SOON | frozenset(
    {
        "InternalDependencyException",
        "InternalFailure",
        # Rights may be on their way: IAM is eventually consistent. Otherwise someone has to give them.
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    }
)
# A `ValidationError` tells nothing but by its words: the endpoint may be about to be made anew.
_NO_ENDPOINT: Final = re.compile(
    r"\bendpoint\b.*\b(not found|does not exist|could not find)|could not find endpoint", re.IGNORECASE
)
# The container gave no answer, or says itself that the next may be better; 507 is want of memory, upon which
# SageMaker unloads other models.
_CONTAINER_LATER: Final = frozenset({0, 502, 503, 504, 507})


@dataclass(frozen=True)
class Answer:
    """What the model said."""

    body: bytes
    content_type: str
    custom_attributes: str
    variant: str


class Invoker:
    """Calls the models of one endpoint.

    Args:
        endpoint_name: the endpoint.
        load_seconds: how long to wait for a model that is loading.
        client: gives a `sagemaker-runtime` client that waits that many seconds for an answer.
        clock: seconds that only go up.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        endpoint_name: str,
        load_seconds: float,
        *,
        client: Callable[[int], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint_name = endpoint_name
        self._load_seconds = load_seconds
        self._client = client or runtime_client
        self._clock = clock
        self._sleep = sleep

    def invoke(self, request: Request, body: bytes, seconds_left: Callable[[], float]) -> Answer:
        """The model's answer; a model that is loading, and an endpoint that is busy, is waited for.

        Raises:
            RefusedError: the request can't succeed.
            RetryError: it may, later.
        """
        arguments: dict[str, Any] = {
            "EndpointName": self._endpoint_name,
            "TargetModel": request.text("TargetModel"),
            "InferenceId": request.inference_id,
            "Body": body,
        }
        for name in ("ContentType", "Accept", "CustomAttributes"):
            if request.text(name):
                arguments[name] = request.text(name)
        timeout = request.timeout_seconds or READ_TIMEOUT_SECONDS
        client = self._client(timeout)
        began = self._clock()
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                answer = client.invoke_endpoint(**arguments)
                return Answer(
                    answer["Body"].read(),
                    answer.get("ContentType", ""),
                    answer.get("CustomAttributes", ""),
                    answer.get("InvokedProductionVariant", ""),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _SOON:
                    raise verdict(error) from error
                last = error
            except ReadTimeoutError as error:
                told = f"no answer within {timeout} s"
                if request.timeout_seconds:
                    raise RefusedError(f"ClientError: {told}, which is InvocationTimeoutSeconds") from error
                raise RetryError(f"InternalServerError: {told}", ends_as_failure=True) from error
            except BotoCoreError as error:
                raise RetryError(f"InternalServerError: the endpoint can't be reached: {error}") from error
            waited = self._clock() - began
            pause = random.uniform(wait / 2, wait)  # noqa: S311 - spreads consumers, hides nothing
            # The next call may take its whole time, and the outcome is to be written after it.
            if waited + pause > self._load_seconds or seconds_left() < pause + timeout + 5:
                raise _gave_up(last, arguments["TargetModel"], waited) from last
            self._sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def _gave_up(error: ClientError, model: str, waited: float) -> RetryError:
    told = error.response["Error"]
    code, message = told.get("Code", ""), _one_line(told.get("Message", ""))
    if code == "ModelNotReadyException":
        return RetryError(f"ModelNotReady: {model} was still loading after {waited:.0f} s")
    return RetryError(f"InternalServerError: {code} for {waited:.0f} s: {message}")


def verdict(error: ClientError) -> RefusedError | RetryError:
    """What an error of `InvokeEndpoint` means for the request."""
    told = error.response["Error"]
    code, message = told.get("Code", ""), told.get("Message", "")
    if code == "ModelError":
        # Members beside `Error`, of which botocore's types know nothing.
        members: dict[str, Any] = dict(error.response)
        status = int(members.get("OriginalStatusCode") or 0)
        words = str(members.get("OriginalMessage") or message)
        side = "server" if status == 0 or status >= 500 else "client"
        reason = f"ClientError: Received {side} error ({status}) from model: {_one_line(words)}"
        if status in _CONTAINER_LATER:
            return RetryError(reason, ends_as_failure=True, body=words.encode())
        return RefusedError(reason, words.encode())
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _LATER or status >= 500 or (code == "ValidationError" and _NO_ENDPOINT.search(message)):
        return RetryError(f"InternalServerError: {code}: {_one_line(message)}")
    return RefusedError(f"ClientError: {code}: {_one_line(message)}")


def runtime_client(timeout: int) -> Any:
    """A `sagemaker-runtime` client that waits `timeout` seconds and leaves trying again to the queue."""
    with _making:  # clients may be shared by threads, but not made by several at once
        return _made(timeout)


@lru_cache(maxsize=64)
def _made(timeout: int) -> Any:
    config = Config(
        read_timeout=timeout, connect_timeout=5, retries={"total_max_attempts": 1}, tcp_keepalive=True
    )
    return boto3.client("sagemaker-runtime", config=config)


def _one_line(text: str) -> str:
    return " ".join(text.split())
