"""Invoking the models of a multi-model endpoint: tensors, errors, retries.

Needs numpy and boto3, nothing else.
"""

from mme.client.codec import EncodedRequest, decode_reply, encode_request
from mme.client.errors import (
    AccessDeniedError,
    EndpointUnreachableError,
    InvalidRequestError,
    InvalidTargetError,
    InvocationError,
    ModelFailedError,
    ModelNotReadyError,
    PayloadTooLargeError,
    ReplyError,
    ServiceFaultError,
    TensorError,
    UnknownEndpointError,
    UnknownModelError,
)
from mme.client.multi_model_client import LargePayloadWarning, MultiModelClient, Reply, runtime_client
from mme.client.patience import Patience

__all__ = [
    "AccessDeniedError",
    "EncodedRequest",
    "EndpointUnreachableError",
    "InvalidRequestError",
    "InvalidTargetError",
    "InvocationError",
    "LargePayloadWarning",
    "ModelFailedError",
    "ModelNotReadyError",
    "MultiModelClient",
    "Patience",
    "PayloadTooLargeError",
    "Reply",
    "ReplyError",
    "ServiceFaultError",
    "TensorError",
    "UnknownEndpointError",
    "UnknownModelError",
    "decode_reply",
    "encode_request",
    "runtime_client",
]
