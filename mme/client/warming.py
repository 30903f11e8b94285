"""Loading models before anybody waits for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mme.client.datatypes import NUMPY_TYPES, Array
from mme.client.errors import BadInputError, ModelCodeError, ModelFailedError
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.archives.signature import TensorSignature

PROBE: Final = json.dumps({"inputs": []}).encode()
"""A request that Triton loads the model for, and then refuses before the model sees it."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """What warming one model came to.

    Attributes:
        model: as it was asked for.
        loaded: true where some instance now holds it.
        seconds: how long that took: much for a load, next to nothing where it was loaded already.
        error: why it is not loaded, or None.
    """

    model: str
    loaded: bool
    seconds: float
    error: MmeError | None = None


def shows_loaded(error: MmeError) -> bool:
    """True where an error came from a model that is loaded: it looked at the request and did not like it."""
    if not isinstance(error, ModelFailedError) or error.at_load:
        return False
    if isinstance(error, BadInputError | ModelCodeError):
        return True
    return type(error) is ModelFailedError and 400 <= error.original_status < 500


def example_inputs(signature: TensorSignature) -> dict[str, Array] | None:
    """Zeros of the shapes that a model declares, one item of a batch; None where it declares no inputs.

    Dimensions of any length are 1; strings are empty.
    """
    if not signature.inputs:
        return None
    inputs: dict[str, Array] = {}
    for spec in signature.inputs:
        shape = tuple(max(1, dim) for dim in signature.request_shape(spec))
        if spec.datatype == "BYTES":
            inputs[spec.name] = np.full(shape, b"", dtype=object)
        else:
            inputs[spec.name] = np.zeros(shape, NUMPY_TYPES.get(spec.datatype, np.dtype("<f4")))
    return inputs
