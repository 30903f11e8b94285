"""Triton's binary tensor form, as SageMaker carries it.

A request or reply is a JSON header (KServe v2) followed by the tensors' bytes, one after the other. How long
the header is stands in the content type. Source: Triton's "Binary Tensor Data" extension and
`src/sagemaker_server.cc`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mme.client.datatypes import Array, datatype_of, from_json, from_wire, to_wire
from mme.client.errors import ReplyError, TensorError

BINARY_CONTENT_TYPE: Final = "application/vnd.sagemaker-triton.binary+json;json-header-size="
JSON_CONTENT_TYPE: Final = "application/json"

_HEADER_SIZE = re.compile(
    r"\s*application/vnd\.sagemaker-triton\.binary\+json\s*;\s*json-header-size\s*=\s*(\d+)"
)


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """What goes over the wire.

    Attributes:
        body: header and tensors.
        content_type: tells the header's size.
    """

    body: bytes
    content_type: str


def encode_request(
    inputs: Mapping[str, Array],
    *,
    outputs: Iterable[str] | None = None,
    datatypes: Mapping[str, str] | None = None,
) -> EncodedRequest:
    """Encodes tensors for InvokeEndpoint.

    Args:
        inputs: by name. A scalar is sent as a tensor of shape [1]; anything numpy takes as an array will do.
        outputs: names of the wanted outputs; all by default.
        datatypes: Triton's type by input name, where it shall not be the array's own.

    Raises:
        TensorError: an array has no Triton type, or there is no input.
    """
    if not inputs:
        raise TensorError("a request needs at least one input")
    wanted_types = datatypes or {}
    tensors: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    for name, value in inputs.items():
        array = np.atleast_1d(np.asarray(value))
        try:
            datatype = wanted_types.get(name) or datatype_of(array)
            part = to_wire(array, datatype)
        except TensorError as error:
            raise TensorError(f"input {name}: {error.message}", hint=error.hint) from error
        tensors.append(
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": datatype,
                "parameters": {"binary_data_size": len(part)},
            }
        )
        parts.append(part)
    request: dict[str, Any] = {"inputs": tensors}
    if outputs is None:
        request["parameters"] = {"binary_data_output": True}
    else:
        request["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    header = json.dumps(request, separators=(",", ":")).encode()
    return EncodedRequest(b"".join([header, *parts]), f"{BINARY_CONTENT_TYPE}{len(header)}")


def decode_reply(body: bytes, content_type: str) -> dict[str, Array]:
    """Decodes the outputs of a reply, in the binary form or as JSON alone.

    Raises:
        ReplyError: it is neither, or it is cut short.
        TensorError: a tensor's bytes don't fit its type and shape.
    """
    match = _HEADER_SIZE.match(content_type)
    size = int(match[1]) if match else len(body)
    if size > len(body):
        raise ReplyError(f"the reply has {len(body)} bytes, but its header alone should have {size}")
    try:
        header = json.loads(body[:size])
        outputs = header["outputs"]
    except (ValueError, KeyError, TypeError) as error:
        start = body[:80].decode("utf-8", "replace")
        raise ReplyError(
            f"the reply ({content_type or 'no content type'}) is not of Triton's form: {start!r}",
            hint="use invoke() for containers other than Triton",
        ) from error
    tail = memoryview(body)[size:]
    decoded: dict[str, Array] = {}
    position = 0
    for tensor in outputs:
        name, datatype, shape = _described(tensor)
        length = tensor.get("parameters", {}).get("binary_data_size")
        if length is None:
            decoded[name] = from_json(tensor.get("data", []), datatype, shape)
            continue
        end = position + length
        if end > len(tail):
            raise ReplyError(f"the reply ends within output {name}")
        decoded[name] = from_wire(tail[position:end], datatype, shape)
        position = end
    return decoded


def parse_request(request: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """Reads the inputs of a KServe v2 request in JSON, as a user may have it in a file.

    Returns:
        the arrays, and their Triton types, by name.

    Raises:
        TensorError: it is no such request, or values don't fit their type and shape.
    """
    arrays: dict[str, Array] = {}
    datatypes: dict[str, str] = {}
    try:
        for tensor in request["inputs"]:
            name, datatype, shape = _described(tensor)
            arrays[name] = from_json(tensor["data"], datatype, shape)
            datatypes[name] = datatype
    except (KeyError, TypeError) as error:
        raise TensorError(
            "this is no KServe v2 request: each of its inputs needs name, shape, datatype and data"
        ) from error
    return arrays, datatypes


def _described(tensor: Mapping[str, Any]) -> tuple[str, str, tuple[int, ...]]:
    try:
        shape = tuple(int(dim) for dim in tensor["shape"])
        if min(shape, default=0) < 0 or math.prod(shape) > 2**62:
            raise TensorError(f"{list(shape)} is no shape of a tensor")
        return str(tensor["name"]), str(tensor["datatype"]), shape
    except (KeyError, TypeError, ValueError) as error:
        raise TensorError("a tensor lacks its name, datatype or shape") from error
