"""Sample facts of a local endpoint for the status page: for its picture and for its tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.trace import Trace
from mme_local.observe.alarms import ObservedAlarm
from mme_local.observe.history import History
from mme_local.observe.observed import ObservedRequest
from mme_local.observe.page.server import StatusPage

MIB = 1024 * 1024
NOW = 1_790_000_000.0
PLACE = errors.EndpointId("mme-dev", "us-east-1", "123456789012")


def sample_model(name: str, *, hits: int = 3, state: str = "ready") -> dict[str, Any]:
    """Describe a model as an instance does.

    Args:
        name: target model.
        hits: requests that it answered.
        state: ``loading`` or ``ready``.
    """
    return {
        "name": name,
        "state": state,
        "weight_bytes": 35 * MIB,
        "loaded_at": None if state == "loading" else NOW - 300,
        "hits": hits,
    }


def sample_instance(number: int = 0, *models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Describe an instance as `DataPlane.describe` does.

    Args:
        number: its index in the variant.
        models: from `sample_model`.
        changes: other values for some of its keys.
    """
    return {
        "id": f"i-{number}",
        "name": f"mme-dev/AllTraffic/{number}",
        "pid": 100 + number,
        "in_flight": 0,
        "restarts": 0,
        "last_restart": None,
        "memory_used_bytes": 300 * MIB,
        "memory_bytes": 1024 * MIB,
        "disk_used_bytes": 10 * MIB,
        "disk_bytes": 8192 * MIB,
        "models": list(models),
        **changes,
    }


def sample_endpoint(*instances: dict[str, Any]) -> dict[str, Any]:
    """Describe an endpoint with instances from `sample_instance`."""
    return {
        "name": "mme-dev",
        "region": "us-east-1",
        "variant": "AllTraffic",
        "instance_type": "ml.g5.xlarge",
        "instances": list(instances) or [sample_instance()],
    }


def sample_request(
    model: str = "churn_v0.tar.gz", *, at: float = NOW, hit: bool = True, error: str = ""
) -> ObservedRequest:
    """Return an answered request.

    Args:
        model: target model.
        at: seconds since the epoch.
        hit: whether the model was in memory.
        error: message of the container's error; empty if it succeeded.
    """
    trace = Trace("AllTraffic", "mme-dev/AllTraffic/0", 1, hit, 0.0 if hit else 0.8, 0.004)
    failure = errors.model_error(PLACE, 400, error) if error else None
    return ObservedRequest.of(at, InvokeCall("mme-dev", model, b""), trace, 0.005 if hit else 0.805, failure)


@dataclass
class SampleRuntime:
    """The facts that `StatusPage` reads."""

    endpoints: list[dict[str, Any]] = field(default_factory=lambda: [sample_endpoint()])
    history: History = field(default_factory=History)
    alarms: list[ObservedAlarm] = field(default_factory=list)
    now: float = NOW

    def status(self) -> dict[str, Any]:
        """Describe the runtime."""
        return {
            "url": "http://localhost:4747",
            "pid": 42,
            "backends": ["python"],
            "endpoints": self.endpoints,
        }

    def page(self) -> StatusPage:
        """Return the status page of these facts."""
        return StatusPage(
            self.status,
            lambda: self.history,
            lambda: {"i-0": 12.3},
            lambda: self.alarms,
            seconds=0.02,
            now=lambda: self.now,
        )
