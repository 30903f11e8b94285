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

Parameter = str | int | float | bool
"""A value of a request's parameters. Source: KServe v2 protocol, "Parameters"."""

_RESERVED: Final = frozenset({"binary_data_output", "binary_data_size", "classification"})
"""What this form itself says by parameters. Source: Triton's "Binary Tensor Data" extension."""

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
    parameters: Mapping[str, Parameter] | None = None,
) -> EncodedRequest:
    """Encodes tensors for InvokeEndpoint.

    Args:
        inputs: by name. A scalar is sent as a tensor of shape [1]; anything numpy takes as an array will do.
        outputs: names of the wanted outputs; all by default.
        datatypes: Triton's type by input name, where it shall not be the array's own.
        parameters: of the request, for the model itself.

    Raises:
        TensorError: an array has no Triton type, there is no input, a type is given without values, no
            output is wanted, or a parameter can't be sent.
    """
    if not inputs:
        raise TensorError("a request needs at least one input")
    wanted_types = datatypes or {}
    stray = next((name for name in wanted_types if name not in inputs), None)
    if stray is not None:
        raise TensorError(f"a type is given for input {stray}, but no values")
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
    own = _checked_parameters(parameters or {})
    if outputs is None:
        own["binary_data_output"] = True
    if own:
        request["parameters"] = own
    if outputs is not None:
        request["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in _names(outputs)]
    header = json.dumps(request, separators=(",", ":")).encode()
    return EncodedRequest(b"".join([header, *parts]), f"{BINARY_CONTENT_TYPE}{len(header)}")


def _checked_parameters(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    for name, value in parameters.items():
        if name in _RESERVED:
            raise TensorError(f"the parameter {name} is the request's own", hint="choose another name")
        if not isinstance(value, str | int | float | bool):
            raise TensorError(
                f"the parameter {name} is a {type(value).__name__}: send text, numbers or booleans"
            )
    return dict(parameters)


def _names(outputs: Iterable[str]) -> list[str]:
    if isinstance(outputs, str):
        raise TensorError(f"outputs is a list of names, not one: [{outputs!r}]")
    names = list(outputs)
    if not names:
        raise TensorError("no output is wanted", hint="leave outputs out for all of them")
    return names


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
