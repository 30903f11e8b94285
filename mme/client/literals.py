"""Parse tensors from the command line: `NAME=1,2,3`, `NAME:INT64=1,2`, `NAME=@file`, JSON files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mme.archives.signature import TensorSignature, TensorSpec
from mme.client.codec import Parameter, parse_request
from mme.client.datatypes import DATATYPES, NUMPY_TYPES, Array, from_json, unknown_datatype
from mme.client.errors import TensorError
from mme.client.files import read_bytes
from mme.client.forms import read_npy

_DEFAULT_TYPE = "FP32"
_JSON_INPUTS: Final = 'write {"INPUT0": [1, 2, 3, 4]} or a KServe v2 request'


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """One input of a request.

    Attributes:
        name: Name of the input.
        array: Its values, in the shape to send.
        datatype: Triton data type to send; None for that of the array's dtype.
    """

    name: str
    array: Array
    datatype: str | None = None


def parse_input(text: str, signature: TensorSignature | None = None) -> NamedTensor:
    """Parse `NAME=VALUES`.

    VALUES are separated by commas, or a JSON list, or `@` and a path: of a .npy file, of a .csv file with
    rows of numbers, or, for BYTES, of any other file, whose bytes are one item. `NAME=[]` is an empty tensor;
    so is `NAME=`, except of BYTES: one empty string. `NAME:TYPE=` sets the data type. A flat list is reshaped
    to the declared shape, with a batch dimension if the model batches.

    Args:
        text: The argument of `--input`.
        signature: The model's inputs, if known.

    Raises:
        TensorError: The text is malformed, the model has no such input, or the values don't fit it.
    """
    left, equals, value = text.partition("=")
    name, explicit = _name_and_type(left, signature)
    if not equals or not name:
        raise TensorError(
            f"{text!r} is not of the form NAME=VALUES", hint="for example --input INPUT0=1,2,3,4"
        )
    spec = known_input(signature, name)
    datatype = explicit or (spec.datatype if spec else None)
    if value.startswith("@"):
        array = _of_file(Path(value[1:]), datatype, name)
        return NamedTensor(name, _fitted(array, spec, signature, name), datatype)
    used = datatype or _DEFAULT_TYPE
    values = _values(value, used, name)
    return NamedTensor(name, _fitted(_listed(values, used, name), spec, signature, name), used)


def parse_parameter(text: str) -> tuple[str, Parameter]:
    """Parse `NAME=VALUE` as a request parameter: a number, a boolean, or else a string.

    Raises:
        TensorError: The text is malformed.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise TensorError(f"{text!r} is not of the form NAME=VALUE", hint="for example --parameter top=3")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, str | int | float | bool) else value


def load_json_inputs(path: Path, signature: TensorSignature | None = None) -> list[NamedTensor]:
    """Read `{"NAME": [values], ...}`, a KServe v2 request, or what `mme invoke --json` prints.

    Args:
        path: The file, or `-` for standard input.
        signature: The model's inputs, if known.

    Raises:
        TensorError: The file can't be read, or has none of these forms.
    """
    try:
        content = json.loads(read_bytes(path), parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise TensorError(f"{path} is not JSON: {error}", hint=_JSON_INPUTS) from error
    if isinstance(content, dict) and isinstance(content.get("outputs"), dict):
        content = content["outputs"]  # what `mme invoke --json` prints
    if isinstance(content, dict) and isinstance(content.get("inputs"), list):
        return _described(content["inputs"])
    if not isinstance(content, dict) or not content:
        raise TensorError(f"{path} has no inputs", hint=_JSON_INPUTS)
    tensors = []
    for name, values in content.items():
        if isinstance(values, dict) and "data" in values:
            tensors += _described([{**values, "name": name}])
            continue
        spec = known_input(signature, name)
        used = spec.datatype if spec else _DEFAULT_TYPE
        array = _listed(values if isinstance(values, list) else [values], used, name)
        tensors.append(NamedTensor(name, _fitted(array, spec, signature, name), used))
    return tensors


def _described(tensors: list[Any]) -> list[NamedTensor]:
    arrays, datatypes = parse_request({"inputs": tensors})
    return [NamedTensor(name, array, datatypes[name]) for name, array in arrays.items()]


def _finite(text: str) -> float:
    """Parse a number, if it is not too large for a float, which would become infinite."""
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise ValueError(f"{text} is too large")
    return number


def known_input(signature: TensorSignature | None, name: str) -> TensorSpec | None:
    """Return the declared input of that name, or None if no inputs are declared.

    Args:
        signature: The model's inputs, if known.
        name: Name of the input.

    Raises:
        TensorError: Inputs are declared, but not this one.
    """
    if signature is None or not signature.inputs:
        return None
    spec = signature.input(name)
    if spec is None:
        raise TensorError(
            f"the model has no input {name}", hint=f"its inputs are: {describe(signature.inputs)}"
        )
    return spec


def describe(specs: Iterable[TensorSpec]) -> str:
    """Return `INPUT0 FP32 [4], INPUT1 FP32 [4]`."""
    return ", ".join(f"{spec.name} {spec.datatype} {list(spec.dims)}" for spec in specs)


def _name_and_type(left: str, signature: TensorSignature | None) -> tuple[str, str | None]:
    """Split `NAME:TYPE`. A name may contain a colon: TensorFlow's end in `:0`."""
    name, colon, suffix = left.rpartition(":")
    if not colon or (signature is not None and signature.input(left) is not None):
        return left, None
    if suffix.upper() in DATATYPES:
        return name, suffix.upper()
    if suffix.isidentifier():
        raise unknown_datatype(suffix)
    return left, None


def _of_file(path: Path, datatype: str | None, name: str) -> Array:
    content = read_bytes(path)
    if datatype == "BYTES" and path.suffix != ".npy":
        return np.array([content], np.object_)
    if path.suffix == ".csv":
        used = datatype or _DEFAULT_TYPE
        lines = content.decode("utf-8", "replace").splitlines()
        rows = [[_number(cell.strip(), used, name) for cell in line.split(",")] for line in lines if line]
        return _listed(rows, used, name)
    return read_npy(content, f"input {name}: {path}", TensorError)


def _values(value: str, datatype: str, name: str) -> list[Any]:
    if value.startswith("["):
        try:
            parsed = json.loads(value, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise TensorError(
                f"input {name}: {value[:40]!r} is not a JSON list: {error}",
                hint="close all brackets and quotes, or write values with commas: 1,2,3",
            ) from error
        return parsed if isinstance(parsed, list) else [parsed]
    parts = value.split(",")
    if datatype == "BYTES":
        return list(parts)
    if not value:
        return []  # an empty tensor
    return [_number(part.strip(), datatype, name) for part in parts]


def _number(part: str, datatype: str, name: str) -> float | int | bool:
    try:
        if datatype == "BOOL":
            return {"true": True, "1": True, "false": False, "0": False}[part.lower()]
        if datatype in NUMPY_TYPES and NUMPY_TYPES[datatype].kind in "iu":
            return int(part)
        return _finite(part)
    except (ValueError, KeyError):
        raise TensorError(
            f"input {name}: {part!r} is not a {datatype} value", hint="separate values with commas: 1,2,3"
        ) from None


def _listed(values: list[Any], datatype: str, name: str) -> Array:
    try:
        return from_json(values, datatype, tuple(np.shape(values)))
    except TensorError as error:
        raise TensorError(f"input {name}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise TensorError(
            f"input {name}: its lists have different lengths", hint="pad the short ones"
        ) from error


def _fitted(array: Array, spec: TensorSpec | None, signature: TensorSignature | None, name: str) -> Array:
    """Return an array in the declared shape; a single item gets a batch dimension."""
    if spec is None or signature is None:
        return array
    wanted = signature.request_shape(spec)
    if _matches(array.shape, wanted):
        return array
    if signature.max_batch_size > 0 and _matches(array.shape, spec.dims):
        return array[np.newaxis]
    if array.ndim == 1:
        # numpy infers one unknown length; if there is another one, the batch is 1.
        shape = (1, *spec.dims) if wanted.count(-1) > 1 else wanted
        try:
            return array.reshape(shape)
        except ValueError:
            pass
    batch = f", {signature.max_batch_size} of them at most" if signature.max_batch_size > 0 else ""
    declared = f"{spec.datatype} {list(spec.dims)}{batch}"
    raise TensorError(
        f"input {name}: an array of shape {list(array.shape)} does not fit {declared}",
        hint=f"give {_count(spec.dims)} values" if -1 not in spec.dims else None,
    )


def _count(dims: tuple[int, ...]) -> int:
    return int(np.prod(dims, dtype=np.int64))


def _matches(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (-1, have) for have, want in zip(shape, wanted, strict=True)
    )
