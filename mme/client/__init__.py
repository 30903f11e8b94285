"""Call the models of a multi-model endpoint: tensors, errors, retries.

Needs numpy and boto3 only, and loads each on first use: the errors and `read_fault` need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from mme.client.container_fault import ContainerFault, FaultKind, read_fault
from mme.client.errors import (
    AccessDeniedError,
    BadInputError,
    EndpointUnreachableError,
    InvalidRequestError,
    InvalidTargetError,
    InvocationError,
    ModelCodeError,
    ModelFailedError,
    ModelLoadError,
    ModelNotReadyError,
    ModelOutOfMemoryError,
    ModelTimedOutError,
    PayloadTooLargeError,
    ReplyError,
    ServiceFaultError,
    TensorError,
    ThrottledError,
    UnhealthyModelError,
    UnknownEndpointError,
    UnknownModelError,
)

if TYPE_CHECKING:
    from mme.aws.runtime import runtime_client
    from mme.client.calls import Call, Outcome
    from mme.client.codec import EncodedRequest, decode_reply, encode_request
    from mme.client.endpoint_map import EndpointMap, MultiEndpointClient
    from mme.client.forms import (
        decode_csv,
        decode_json_lines,
        decode_npy,
        encode_csv,
        encode_json_lines,
        encode_npy,
    )
    from mme.client.load_retry import LoadRetry
    from mme.client.multi_model_client import MultiModelClient, Reply
    from mme.client.targets import LargePayloadWarning, SupportsResolve
    from mme.client.warming import Warmed

_WITH_NUMPY: Final = ("multi_model_client", "codec", "forms", "targets", "endpoint_map")
"""Modules of the other names."""

__all__ = [
    "AccessDeniedError",
    "BadInputError",
    "Call",
    "ContainerFault",
    "EncodedRequest",
    "EndpointMap",
    "EndpointUnreachableError",
    "FaultKind",
    "InvalidRequestError",
    "InvalidTargetError",
    "InvocationError",
    "LargePayloadWarning",
    "LoadRetry",
    "ModelCodeError",
    "ModelFailedError",
    "ModelLoadError",
    "ModelNotReadyError",
    "ModelOutOfMemoryError",
    "ModelTimedOutError",
    "MultiEndpointClient",
    "MultiModelClient",
    "Outcome",
    "PayloadTooLargeError",
    "Reply",
    "ReplyError",
    "ServiceFaultError",
    "SupportsResolve",
    "TensorError",
    "ThrottledError",
    "UnhealthyModelError",
    "UnknownEndpointError",
    "UnknownModelError",
    "Warmed",
    "decode_csv",
    "decode_json_lines",
    "decode_npy",
    "decode_reply",
    "encode_csv",
    "encode_json_lines",
    "encode_npy",
    "encode_request",
    "read_fault",
    "runtime_client",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _WITH_NUMPY:
            value = getattr(import_module(f"{__name__}.{module}"), name, None)
            if value is not None:
                globals()[name] = value
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
