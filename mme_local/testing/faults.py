"""Faults of the endpoint under test, set by a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mme_local.faults.fault import Fault
    from mme_local.faults.remote import RuntimeFaults
    from mme_local.testing.endpoint import LocalEndpoint


@dataclass
class EndpointFaults:
    """What ``mme_faults`` is to a test.

    Attributes:
        endpoint: whose runtime it is.
    """

    endpoint: LocalEndpoint

    def set(
        self, kind: str, model: str | None = None, *, seconds: float | None = None, times: int | None = None
    ) -> Fault:
        """Have a fault from now on: until it is cleared, was met ``times``, or the test ends.

        Args:
            kind: ``s3-slow``, ``s3-failing``, ``load-507``, ``stub-unhealthy``, ``triton-dies``,
                ``disk-full`` or ``not-ready``; see `mme_local.faults.fault.FaultKind`.
            model: the TargetModel, or the name of a published directory, that it concerns; None for all.
                A loaded one leaves first where its fault is met at a load only.
            seconds: of ``s3-slow`` and ``not-ready``.
            times: after how many times it is over.

        Raises:
            MmeError: no such fault, model or number.
        """
        return self._remote.set(kind, self._target_model(model), seconds=seconds, times=times)

    def all(self) -> list[dict[str, Any]]:
        """What is set: kind, model, seconds, times, and how often it was ``met``."""
        return self._remote.all()

    def clear(self, kind: str | None = None, model: str | None = None) -> None:
        """Mend everything, or what is of this kind or was set for this model."""
        self._remote.clear(kind, self._target_model(model))

    @cached_property
    def _remote(self) -> RuntimeFaults:
        from mme_local.faults.remote import RuntimeFaults

        return RuntimeFaults(self.endpoint.url)

    def _target_model(self, model: str | None) -> str | None:
        return None if model is None else self.endpoint.models.get(model, model)
