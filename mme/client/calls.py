"""One of many calls, and its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mme.client.codec import Parameter
from mme.client.datatypes import Array
from mme.errors import MmeError


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of `MultiModelClient.infer`, as one value.

    Attributes:
        model: Target model or alias.
        inputs: Input name to array.
        outputs: Names to request. All outputs by default.
        datatypes: Triton data type by input name, if it differs from the array's dtype.
        parameters: Request parameters.
    """

    model: str
    inputs: Mapping[str, Array]
    outputs: Iterable[str] | None = None
    datatypes: Mapping[str, str] | None = None
    parameters: Mapping[str, Parameter] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one of many calls.

    Attributes:
        index: Position among the calls, from 0.
        call: The call.
        outputs: Output name to array, or None if the call failed.
        error: Why it failed, or None.
        seconds: Duration, including the wait for the model.
    """

    index: int
    call: Call
    outputs: dict[str, Array] | None
    error: MmeError | None
    seconds: float

    def result(self) -> dict[str, Array]:
        """Return the outputs.

        Raises:
            MmeError: The call failed.
        """
        if self.error is not None:
            raise self.error
        assert self.outputs is not None  # noqa: S101 - one of the two is set
        return self.outputs
