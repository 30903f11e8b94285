"""The alarms of embedded CloudWatch, for the status page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from mme_local.aws.account import DEFAULT_ACCOUNT

_ORDER: Final = ("ALARM", "INSUFFICIENT_DATA", "OK")


@dataclass(frozen=True, slots=True)
class ObservedAlarm:
    """An alarm and its state.

    Attributes:
        region: AWS region.
        name: its name.
        state: ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.
        reason: why it has this state.
        since: start of the state, in seconds since the epoch.
    """

    region: str
    name: str
    state: str
    reason: str
    since: float


def deployed_alarms() -> list[ObservedAlarm]:
    """Return the alarms of all regions in use, those in state ``ALARM`` first."""
    from mme_local.aws.cloudwatch.alarms import all_backends

    alarms = [
        _observe(alarm)
        for backend in all_backends()
        if backend.account_id == DEFAULT_ACCOUNT
        for alarm in list(backend.alarms.values())
    ]
    return sorted(alarms, key=lambda one: (_ORDER.index(one.state), one.region, one.name))


def _observe(alarm: Any) -> ObservedAlarm:
    since = alarm.state_updated_timestamp
    return ObservedAlarm(
        region=alarm.region_name,
        name=alarm.name,
        state=alarm.state_value,
        reason=alarm.state_reason or "",
        since=(since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp(),
    )
