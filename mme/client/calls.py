"""One of many calls, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mme.client.codec import Parameter
from mme.client.datatypes import Array
from mme.errors import MmeError


@dataclass(frozen=True, slots=True)
class Call:
    """What `MultiModelClient.infer` takes, as one value.

    Attributes:
        model: the TargetModel, or an alias.
        inputs: arrays by the model's input names.
        outputs: names of the wanted outputs; all by default.
        datatypes: Triton's type by input name, where it shall not be the array's own.
        parameters: for the model itself.
    """

    model: str
    inputs: Mapping[str, Array]
    outputs: Iterable[str] | None = None
    datatypes: Mapping[str, str] | None = None
    parameters: Mapping[str, Parameter] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one of many calls ended.

    Attributes:
        index: its place among the calls, from 0.
        call: what was asked.
        outputs: arrays by output name, or None where it failed.
        error: why it failed, or None.
        seconds: how long it took, waiting for the model included.
    """

    index: int
    call: Call
    outputs: dict[str, Array] | None
    error: MmeError | None
    seconds: float

    def result(self) -> dict[str, Array]:
        """The outputs.

        Raises:
            MmeError: the call's own error, where it failed.
        """
        if self.error is not None:
            raise self.error
        assert self.outputs is not None  # noqa: S101 - one of the two is there
        return self.outputs
