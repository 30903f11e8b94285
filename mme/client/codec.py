"""Triton's binary tensor form, as SageMaker carries it.

A request or reply is a JSON header (KServe v2) followed by the tensors' bytes. The content type has the
length of the header. Source: Triton's "Binary Tensor Data" extension and `src/sagemaker_server.cc`.
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
"""A value of a request parameter. Source: KServe v2 protocol, "Parameters"."""

_BINARY_TYPE: Final = BINARY_CONTENT_TYPE.partition(";")[0]
_AT_FAULT: Final = "the container, or the endpoint's URL, is at fault: look at the container's log"
_RESERVED: Final = frozenset({"binary_data_output", "binary_data_size", "classification"})
"""Parameters that the binary form reserves. Source: Triton's "Binary Tensor Data" extension."""

_HEADER_SIZE = re.compile(
    r"\s*application/vnd\.sagemaker-triton\.binary\+json\s*;\s*json-header-size\s*=\s*(\d{1,12})\s*$"
)
"""In a reply, which proxies and clients may have formatted again."""
_REQUEST_HEADER_SIZE = re.compile(re.escape(BINARY_CONTENT_TYPE) + r"[ \t]*\+?([0-9]{1,12})")
"""In a request: Triton compares letter by letter, then takes the digits and ignores what follows them.

With any other spelling it reads the tensors as JSON. Source: `src/sagemaker_server.cc`.
"""


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """A request in the binary form.

    Attributes:
        body: Header and tensors.
        content_type: Includes the size of the header.
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
    """Encode tensors for InvokeEndpoint.

    Args:
        inputs: Input name to array, or anything that numpy converts to one. A scalar gets shape [1].
        outputs: Names to request. All outputs by default.
        datatypes: Triton data type by input name, if it differs from the array's dtype.
        parameters: Request parameters, for the model.

    Raises:
        TensorError: An array has no Triton type, the list of outputs is empty, a data type has no values, or
            a parameter can't be sent.
    """
    wanted_types = datatypes or {}
    stray = next((name for name in wanted_types if name not in inputs), None)
    if stray is not None:
        raise TensorError(
            f"input {stray} has a data type but no values", hint="give its values, or leave out its data type"
        )
    tensors: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    for name, value in inputs.items():
        try:
            array = _array_of(value)
            datatype = wanted_types.get(name) or datatype_of(array)
            part = to_wire(array, datatype)
        except TensorError as error:
            raise TensorError(f"input {name}: {error.message}", hint=error.hint) from error
        except UnicodeError as error:
            raise TensorError(
                f"input {name}: a string is not valid Unicode",
                hint="send bytes: text.encode(errors='replace')",
            ) from error
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


def _array_of(value: Any) -> Array:
    try:
        array: Array = np.asarray(value)
        if array.dtype.kind in "SU" and not isinstance(value, np.ndarray | np.generic):
            # numpy's own string types drop NUL bytes at the end, and turn numbers into text.
            array = np.asarray(value, dtype=object)
    except ValueError as error:
        raise TensorError("its lists have different lengths", hint="pad the short ones") from error
    return array.reshape(1) if array.ndim == 0 else array


def _checked_parameters(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    checked: dict[str, Parameter] = {}
    for name, given in parameters.items():
        if name in _RESERVED:
            raise TensorError(f"the parameter {name} is the request's own", hint="choose another name")
        value = given.item() if isinstance(given, np.generic) else given
        if not isinstance(value, str | int | float) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise TensorError(
                f"the parameter {name} is {value!r}; a parameter is a string, a finite number or a boolean",
                hint="send it as a string: str(value)",
            )
        checked[name] = value
    return checked


def _names(outputs: Iterable[str]) -> list[str]:
    if isinstance(outputs, str):
        raise TensorError(f"outputs is a list of names, not one: [{outputs!r}]")
    names = list(outputs)
    if not names:
        raise TensorError("the list of outputs is empty", hint="omit outputs to request all")
    return names


def check_header_size(body: bytes | bytearray, content_type: str) -> None:
    """Check the `json-header-size` of a body in the binary form, if the content type says that it is one.

    0 is right for any body: Triton then takes the whole body as the model's one input.

    Args:
        body: The request.
        content_type: Its type.

    Raises:
        TensorError: The parameter is missing or wrong.
    """
    if not content_type.strip().lower().startswith(_BINARY_TYPE):
        return
    match = _REQUEST_HEADER_SIZE.match(content_type.strip())
    size = int(match[1]) if match else -1
    try:
        if size == 0 or (0 < size <= len(body) and isinstance(json.loads(body[:size]), dict)):
            return
    except (ValueError, RecursionError):
        pass
    raise TensorError(
        f"json-header-size is missing or wrong in {content_type!r}; it is the number of bytes of the JSON "
        "before the tensors",
        hint="send tensors with infer(), which sets it; Triton reads no other spelling than "
        f"{BINARY_CONTENT_TYPE}N, without spaces",
    )


def decode_reply(body: bytes, content_type: str) -> dict[str, Array]:
    """Decode the outputs of a reply, in the binary form or in JSON.

    Args:
        body: The reply.
        content_type: Its type, with the length of the header in the binary form.

    Returns:
        Output name to array.

    Raises:
        ReplyError: It is neither, or it is truncated.
        TensorError: A tensor's bytes don't fit its data type and shape.
    """
    match = _HEADER_SIZE.match(content_type)
    size = int(match[1]) if match else len(body)
    if size > len(body):
        raise ReplyError(
            f"the reply has {len(body)} bytes, but its header alone should have {size}", hint=_AT_FAULT
        )
    try:
        header = json.loads(body[:size])
        outputs = header["outputs"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        start = body[:80].decode("utf-8", "replace")
        raise ReplyError(
            f"the reply ({content_type or 'no content type'}) is not a Triton reply: {start!r}",
            hint="use invoke() for containers other than Triton",
        ) from error
    try:
        return _decoded(outputs, memoryview(body)[size:])
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ReplyError(f"the reply's header is malformed: {error}", hint=_AT_FAULT) from error
    except TensorError as error:
        error.hint = _AT_FAULT  # the container wrote these values, not the caller
        raise


def _decoded(outputs: Any, tail: memoryview) -> dict[str, Array]:
    decoded: dict[str, Array] = {}
    position = 0
    for tensor in outputs:
        name, datatype, shape = _described(tensor)
        length = tensor.get("parameters", {}).get("binary_data_size")
        if length is None:
            decoded[name] = from_json(tensor.get("data", []), datatype, shape)
            continue
        end = position + length
        if not position <= end <= len(tail):
            raise ReplyError(f"the reply ends within output {name}", hint=_AT_FAULT)
        decoded[name] = from_wire(tail[position:end], datatype, shape)
        position = end
    return decoded


def check_outputs(outputs: Mapping[str, Array], wanted: Iterable[str], model: str) -> None:
    """Check that a model returned its outputs. A python model may return fewer than it declares.

    Args:
        outputs: What it returned.
        wanted: Names that were requested, or that its configuration declares.
        model: Target model, for the message.

    Raises:
        ReplyError: It returned no output, or not all of these.
    """
    missing = [name for name in wanted if name not in outputs]
    if missing or not outputs:
        raise ReplyError(
            f"{model} did not return {', '.join(missing) or 'any output'}; it returned "
            f"{', '.join(outputs) or 'nothing'}",
            hint="return each declared output from execute(), or remove it from config.pbtxt",
        )


def parse_request(request: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the inputs of a KServe v2 request in JSON, as in a file.

    Returns:
        The arrays and their Triton data types, by name.

    Raises:
        TensorError: It is not such a request, or values don't fit their data type and shape.
    """
    arrays: dict[str, Array] = {}
    datatypes: dict[str, str] = {}
    try:
        for tensor in request["inputs"]:
            name, datatype, shape = _described(tensor)
            arrays[name] = from_json(tensor["data"], datatype, shape)
            datatypes[name] = datatype
    except (KeyError, TypeError, AttributeError) as error:
        raise TensorError(
            "this is not a KServe v2 request: each input needs name, shape, datatype and data"
        ) from error
    return arrays, datatypes


def _described(tensor: Mapping[str, Any]) -> tuple[str, str, tuple[int, ...]]:
    try:
        name, datatype, shape = str(tensor["name"]), str(tensor["datatype"]), tuple(tensor["shape"])
    except (KeyError, TypeError) as error:
        raise TensorError("a tensor lacks its name, datatype or shape") from error
    if not all(isinstance(dim, int) and dim >= 0 for dim in shape) or math.prod(shape) > 2**62:
        raise TensorError(f"{list(shape)} is not the shape of a tensor", hint="write whole numbers from 0")
    return name, datatype, shape
