"""Invoking the models of one multi-model endpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mme.catalog.limits import (
    CLIENT_READ_TIMEOUT_SECONDS,
    PAYLOAD_MAX_BYTES,
    PAYLOAD_WARN_BYTES,
    TARGET_MODEL_MAX_CHARS,
)
from mme.client.codec import decode_reply, encode_request
from mme.client.datatypes import Array
from mme.client.errors import (
    InvalidTargetError,
    ModelNotReadyError,
    PayloadTooLargeError,
    explain,
)
from mme.client.patience import Patience

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_CONNECT_TIMEOUT_SECONDS: Final = 10


class LargePayloadWarning(UserWarning):
    """The request is larger than SageMaker's API model says, though not than its documentation."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A container's answer.

    Attributes:
        body: its bytes.
        content_type: what they are.
        variant: the production variant that answered.
    """

    body: bytes
    content_type: str
    variant: str


class MultiModelClient:
    """Calls models by name, waits for those that are still loading, and explains what goes wrong.

    One client may be used by many threads, and should be: it keeps its connections open.

    Args:
        endpoint_name: the endpoint.
        client: a boto3 `sagemaker-runtime` client. Default: one of the default session, with the
            timeouts that a multi-model endpoint wants.
        patience: how long to wait for a model that is still loading.
        on_wait: called with the model and the seconds waited so far, after each answer "still loading".
    """

    def __init__(
        self,
        endpoint_name: str,
        client: SageMakerRuntimeClient | None = None,
        *,
        patience: Patience | None = None,
        on_wait: Callable[[str, float], None] | None = None,
    ) -> None:
        self.endpoint_name = endpoint_name
        self._client = client or runtime_client()
        self._patience = patience or Patience()
        self._on_wait = on_wait

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        outputs: Iterable[str] | None = None,
        datatypes: Mapping[str, str] | None = None,
    ) -> dict[str, Array]:
        """Runs a Triton model on tensors.

        Args:
            model: the TargetModel: `add_sub_v0.tar.gz`, `tenant-a/x_v1.tar.gz`.
            inputs: arrays by the model's input names, with the batch dimension where the model has one.
            outputs: names of the wanted outputs; all by default.
            datatypes: Triton's type by input name, where it shall not be the array's own (`BF16`).

        Returns:
            arrays by output name. BYTES come as objects of type `bytes`, BF16 as float32.

        Raises:
            InvocationError: one of its subclasses says which fault it was.
        """
        request = encode_request(inputs, outputs=outputs, datatypes=datatypes)
        reply = self.invoke(model, request.body, content_type=request.content_type)
        return decode_reply(reply.body, reply.content_type)

    def invoke(
        self,
        model: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        accept: str | None = None,
    ) -> Reply:
        """Sends bytes as they are, for any container.

        Args:
            model: the TargetModel.
            body: up to 25 MB.
            content_type: what the body is.
            accept: the wanted form of the answer, where the container offers several.

        Raises:
            InvocationError: one of its subclasses says which fault it was.
        """
        arguments: dict[str, Any] = {
            "EndpointName": self.endpoint_name,
            "TargetModel": check_target(model),
            "Body": check_payload(body),
            "ContentType": content_type,
        }
        if accept is not None:
            arguments["Accept"] = accept
        waits = self._patience.waits()
        while True:
            try:
                answer = self._client.invoke_endpoint(**arguments)
                return Reply(
                    body=answer["Body"].read(),
                    content_type=answer.get("ContentType", ""),
                    variant=answer.get("InvokedProductionVariant", ""),
                )
            except Exception as error:
                explained = explain(error, endpoint=self.endpoint_name, model=model)
                if explained is None:
                    raise
                if not isinstance(explained, ModelNotReadyError):
                    raise explained from error
                waited = next(waits, None)
                if waited is None:
                    raise ModelNotReadyError(
                        f"{model} was still loading on endpoint {self.endpoint_name} after "
                        f"{self._patience.total:.0f} s",
                        hint="SageMaker gives a load 360 s: the endpoint's log tells why it takes longer",
                    ) from error
                if self._on_wait:
                    self._on_wait(model, waited)


def runtime_client(session: Any = None, **arguments: Any) -> SageMakerRuntimeClient:
    """A `sagemaker-runtime` client with the timeouts that a multi-model endpoint wants.

    Args:
        session: a boto3 session; the default one otherwise.
        arguments: for boto3: `region_name`, `endpoint_url`.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        read_timeout=CLIENT_READ_TIMEOUT_SECONDS,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        max_pool_connections=50,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    made: SageMakerRuntimeClient = (session or boto3).client("sagemaker-runtime", config=config, **arguments)
    return made


def check_target(model: str) -> str:
    """Returns the model's name if it can be a TargetModel.

    Raises:
        InvalidTargetError: it is empty, too long, or not printable. boto3 checks only that it is not empty.
    """
    if not model:
        raise InvalidTargetError(
            "the model's name is empty", hint="give a TargetModel like add_sub_v0.tar.gz"
        )
    if len(model) > TARGET_MODEL_MAX_CHARS:
        raise InvalidTargetError(
            f"the TargetModel has {len(model)} characters, and SageMaker takes {TARGET_MODEL_MAX_CHARS} "
            f"at most: {model[:40]}...",
            hint="choose a shorter name",
        )
    if not model.isprintable() or not model.isascii():
        # It travels in an HTTP header.
        raise InvalidTargetError(f"the TargetModel {model!r} holds characters that can't be sent: use ASCII")
    if model.startswith("/") or "://" in model:
        raise InvalidTargetError(
            f"the TargetModel {model!r} is not relative to the endpoint's prefix",
            hint="leave out s3://, the bucket and the prefix",
        )
    return model


def check_payload(body: bytes) -> bytes:
    """Returns the body if SageMaker takes it, with a LargePayloadWarning above 6 MiB.

    Raises:
        PayloadTooLargeError: it has more than 25 MB.
    """
    size = len(body)
    if size > PAYLOAD_MAX_BYTES:
        raise PayloadTooLargeError(
            f"the request has {size / 1e6:.1f} MB, and SageMaker takes {PAYLOAD_MAX_BYTES / 1e6:.0f} MB",
            hint="send a smaller batch",
        )
    if size > PAYLOAD_WARN_BYTES:
        warnings.warn(
            f"a request of {size / 1e6:.1f} MB: above {PAYLOAD_WARN_BYTES / 1e6:.1f} MB it may be refused",
            LargePayloadWarning,
            stacklevel=4,
        )
    return body
