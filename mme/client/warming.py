"""Load models before their first request."""

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
"""A request that makes Triton load the model, and that it then refuses before the model runs."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """The result of warming one model.

    Attributes:
        model: As it was requested.
        loaded: Whether an instance has it in memory.
        seconds: Duration: long for a load, short if it was loaded already.
        error: Why it is not loaded, or None.
    """

    model: str
    loaded: bool
    seconds: float
    error: MmeError | None = None


def shows_loaded(error: MmeError) -> bool:
    """Return whether an error proves that the model is loaded: the model itself refused the request."""
    if not isinstance(error, ModelFailedError) or error.at_load:
        return False
    if isinstance(error, BadInputError | ModelCodeError):
        return True
    return type(error) is ModelFailedError and 400 <= error.original_status < 500


def example_inputs(signature: TensorSignature) -> dict[str, Array] | None:
    """Return zeros in the shapes that a model declares, with a batch size of 1.

    Variable dimensions are 1; strings are empty. None if the model declares no inputs.
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
