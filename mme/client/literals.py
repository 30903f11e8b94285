"""Tensors as people write them: `NAME=1,2,3`, `NAME:INT64=1,2`, `NAME=@file.npy`, JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mme.archives.signature import TensorSignature, TensorSpec
from mme.client.codec import Parameter, parse_request
from mme.client.datatypes import DATATYPES, NUMPY_TYPES, Array, from_json
from mme.client.errors import TensorError
from mme.client.files import read_bytes

_DEFAULT_TYPE = "FP32"


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """One input of a request.

    Attributes:
        name: the model's name for it.
        array: its values, in the shape to send.
        datatype: Triton's type to send it as; None for the array's own.
    """

    name: str
    array: Array
    datatype: str | None = None


def parse_input(text: str, signature: TensorSignature | None = None) -> NamedTensor:
    """Reads `NAME=VALUES` as the model's signature has it.

    VALUES are separated by commas, or are a JSON list, or `@` and the path of a .npy file. `NAME:TYPE=` says
    the type where the signature is not known or another is meant. A flat list takes the declared shape, with
    one batch dimension in front where the model has one.

    Raises:
        TensorError: it is not of that form, the model has no such input, or the values don't fit it.
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
        array = load_array(Path(value[1:]), name)
        return NamedTensor(name, _fitted(array, spec, signature, name), datatype)
    used = datatype or _DEFAULT_TYPE
    values = _values(value, used, name)
    return NamedTensor(name, _fitted(_listed(values, used, name), spec, signature, name), used)


def parse_parameter(text: str) -> tuple[str, Parameter]:
    """Reads `NAME=VALUE` as a request's parameter: a number, true or false, or else text.

    Raises:
        TensorError: it is not of that form.
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
    """Reads a file, or standard input for `-`, with `{"NAME": [values], ...}` or with a KServe v2 request.

    Raises:
        TensorError: the file can't be read or holds neither.
    """
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        raise TensorError(f"{path} is not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("inputs"), list):
        arrays, datatypes = parse_request(content)
        return [NamedTensor(name, array, datatypes[name]) for name, array in arrays.items()]
    if not isinstance(content, dict) or not content:
        raise TensorError(
            f"{path} holds no inputs", hint='write {"INPUT0": [1, 2, 3, 4]} or a KServe v2 request'
        )
    tensors = []
    for name, values in content.items():
        spec = known_input(signature, name)
        used = spec.datatype if spec else _DEFAULT_TYPE
        array = _listed(values if isinstance(values, list) else [values], used, name)
        tensors.append(NamedTensor(name, _fitted(array, spec, signature, name), used))
    return tensors


def load_array(path: Path, name: str) -> Array:
    """Reads a .npy file.

    Raises:
        TensorError: it can't be read, or is none.
    """
    try:
        # Never unpickle: that would run what the file says.
        array: Array = np.load(path, allow_pickle=False)
    except OSError as error:
        reason = (error.strerror or "it is not a .npy file").lower()
        raise TensorError(f"input {name}: {path} can't be read: {reason}") from error
    except (ValueError, EOFError) as error:
        raise TensorError(
            f"input {name}: {path} is no .npy file of plain numbers", hint="write it with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise TensorError(f"input {name}: {path} is a .npz of several arrays", hint="save the one as .npy")
    return array


def known_input(signature: TensorSignature | None, name: str) -> TensorSpec | None:
    """The declared input of that name; None where nothing is declared.

    Raises:
        TensorError: inputs are declared, but none of that name.
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
    """`INPUT0 FP32 [4], INPUT1 FP32 [4]`."""
    return ", ".join(f"{spec.name} {spec.datatype} {list(spec.dims)}" for spec in specs)


def _name_and_type(left: str, signature: TensorSignature | None) -> tuple[str, str | None]:
    """`NAME:TYPE` in its two parts. A colon may be part of the name: TensorFlow's end in `:0`."""
    name, colon, suffix = left.rpartition(":")
    if not colon or (signature is not None and signature.input(left) is not None):
        return left, None
    if suffix.upper() in DATATYPES:
        return name, suffix.upper()
    if suffix.isidentifier():
        known = ", ".join(sorted(DATATYPES))
        raise TensorError(f"{suffix!r} is no data type of Triton", hint=f"one of: {known}")
    return left, None


def _values(value: str, datatype: str, name: str) -> list[Any]:
    if value.startswith("["):
        try:
            parsed = json.loads(value)
        except ValueError as error:
            raise TensorError(f"input {name}: {value[:40]!r} is not a JSON list: {error}") from error
        return parsed if isinstance(parsed, list) else [parsed]
    parts = value.split(",")
    if datatype == "BYTES":
        return list(parts)
    return [_number(part.strip(), datatype, name) for part in parts]


def _number(part: str, datatype: str, name: str) -> float | int | bool:
    try:
        if datatype == "BOOL":
            return {"true": True, "1": True, "false": False, "0": False}[part.lower()]
        if datatype in NUMPY_TYPES and NUMPY_TYPES[datatype].kind in "iu":
            return int(part)
        return float(part)
    except (ValueError, KeyError):
        raise TensorError(
            f"input {name}: {part!r} is no {datatype} value", hint="separate values by commas: 1,2,3"
        ) from None


def _listed(values: list[Any], datatype: str, name: str) -> Array:
    try:
        return from_json(values, datatype, tuple(np.shape(values)))
    except TensorError as error:
        raise TensorError(f"input {name}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise TensorError(f"input {name}: the lists in it are not of one length") from error


def _fitted(array: Array, spec: TensorSpec | None, signature: TensorSignature | None, name: str) -> Array:
    """Gives an array the declared shape; a flat one takes it whole, one item gets a batch dimension."""
    if spec is None or signature is None:
        return array
    wanted = signature.request_shape(spec)
    if _matches(array.shape, wanted):
        return array
    if signature.max_batch_size > 0 and _matches(array.shape, spec.dims):
        return array[np.newaxis]
    if array.ndim == 1:
        # numpy can work out one unknown length, so a batch is one item where there is another.
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
