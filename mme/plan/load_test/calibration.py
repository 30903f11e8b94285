"""Replace the assumptions of a plan by what a load test measured."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.errors import MmeError
from mme.plan.load_test.measurement import Measurement
from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelSize

_WARM: Final = 20
"""Warm requests that a mean needs at least."""
_TRIMMED: Final = 0.995
_LOADS: Final = 8
"""Loads of different sizes from which the time per byte can be told from the fixed time."""
_ENDLESS_RATE: Final = 1e9
_MB: Final = 1e6


def calibrated(
    measured: Measurement, sizes: list[ModelSize], assumptions: Assumptions
) -> tuple[Assumptions, list[str]]:
    """Return the assumptions with measured times, and what was replaced, as text.

    Warm requests give service time and variation, the time outside the container included. Loads give the
    fixed time and the rate; downloads and evictions are part of them then.

    Args:
        measured: Result of the load test.
        sizes: The models' sizes.
        assumptions: Used for what was not measured.

    Raises:
        MmeError: The test has too few warm requests, or called no model of these.
    """
    warm = measured.seconds[measured.warm]
    if len(warm) < _WARM:
        raise MmeError(
            f"the load test has {len(warm)} warm requests; {_WARM} are needed",
            hint="run mme bench for longer, or with fewer models",
        )
    unpacked = {one.model: one.unpacked_bytes for one in sizes}
    called = measured.trace.names[int(measured.trace.models[0])]
    if not unpacked.keys() & set(measured.trace.names):
        raise MmeError(
            f"the load test called {called}, and none of its models is known; is it of another endpoint?",
            hint="give the result of a test of this endpoint: mme bench --output FILE",
        )
    # A few requests that queue behind others would dominate the variation.
    warm = warm[warm <= np.quantile(warm, _TRIMMED)]
    service = float(warm.mean())
    found = assumptions.replaced(
        service_ms=service * 1000, service_cv=float(warm.std() / service), overhead_ms=0.0
    )
    notes = [f"service {found.service_ms:.3g} ms, cv {found.service_cv:.2f}, of {len(warm)} warm requests"]
    chosen = [number for number in _loads(measured) if _name(measured, number) in unpacked]
    if not chosen:
        notes.append("no load was measured: load times are assumed")
        return found, notes
    seconds = np.maximum(measured.seconds[chosen] - service, 1e-3)
    volumes = np.array([unpacked[_name(measured, number)] for number in chosen], np.float64)
    fixed, rate = _line(volumes / _MB, seconds)
    found = found.replaced(
        load_seconds=fixed,
        load_mb_per_second=rate,
        download_seconds=0.0,
        download_mb_per_second=_ENDLESS_RATE,
        unload_seconds=0.0,
    )
    per_byte = "" if rate >= _ENDLESS_RATE else f" + {rate:.3g} MB/s"
    notes.append(
        f"load {fixed:.3g} s{per_byte}, of {len(chosen)} loads; downloads and evictions are part of it"
    )
    return found, notes


def _loads(measured: Measurement) -> list[int]:
    """Return the requests that began a load: cold, with no other cold one of the model just before."""
    last: dict[int, float] = {}
    found = []
    for number in np.flatnonzero(measured.cold).tolist():
        model, at = int(measured.trace.models[number]), float(measured.trace.seconds[number])
        if at >= last.get(model, -np.inf):
            found.append(number)
            last[model] = at + float(measured.seconds[number])
    return found


def _name(measured: Measurement, number: int) -> str:
    return measured.trace.names[int(measured.trace.models[number])]


def _line(volumes: NDArray[np.float64], seconds: NDArray[np.float64]) -> tuple[float, float]:
    """Return fixed seconds and MB per second; an endless rate if time does not grow with size."""
    if len(set(volumes.tolist())) >= _LOADS:
        slope, fixed = np.polyfit(volumes, seconds, 1)
        if slope > 0 and fixed >= 0:
            return float(fixed), float(min(1 / slope, _ENDLESS_RATE))
    return float(np.mean(seconds)), _ENDLESS_RATE
