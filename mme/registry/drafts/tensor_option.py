"""Parse `NAME:TYPE:DIMS`, as `mme models new --input` takes it."""

from __future__ import annotations

from typing import Final

from mme.archives.model_files.onnx_model import ELEMENT_TYPES
from mme.archives.signature import TensorSpec
from mme.errors import MmeError

_DATATYPES: Final = tuple(ELEMENT_TYPES.values())
_OTHER_NAMES: Final = {
    "STRING": "BYTES",
    "FLOAT": "FP32",
    "FLOAT16": "FP16",
    "FLOAT32": "FP32",
    "FLOAT64": "FP64",
    "BFLOAT16": "BF16",
}


def parse_tensor(text: str, option: str) -> TensorSpec:
    """Return a tensor from `NAME:TYPE:DIMS`; the name may hold colons.

    Args:
        text: Such as `image:FP32:3,224,224`; a single number per item has no dims: `age:FP32:`.
        option: The option's name, for messages.

    Raises:
        MmeError: It is written otherwise.
    """
    hint = f"write NAME:TYPE:DIMS, such as {option} image:FP32:3,224,224; types are {', '.join(_DATATYPES)}"
    parts = text.rsplit(":", 2)
    if len(parts) != 3 or not parts[0]:
        raise MmeError(f"{option} {text!r} is not NAME:TYPE:DIMS", hint=hint)
    name, datatype, dims = parts[0], parts[1].upper().removeprefix("TYPE_"), parts[2].strip("[] ")
    datatype = _OTHER_NAMES.get(datatype, datatype)
    if datatype not in _DATATYPES:
        raise MmeError(f"{option} {text!r} has the unknown type {parts[1]!r}", hint=hint)
    try:
        sizes = tuple(int(dim) for dim in dims.split(",")) if dims else ()
    except ValueError:
        raise MmeError(f"{option} {text!r} has dims that are not numbers: {dims!r}", hint=hint) from None
    if any(size == 0 or size < -1 or size >= 2**63 for size in sizes):
        raise MmeError(f"{option} {text!r} has a dim that is neither -1 nor 1 or more", hint=hint)
    return TensorSpec(name, datatype, sizes)
