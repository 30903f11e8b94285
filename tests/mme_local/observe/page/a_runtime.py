"""A runtime's facts as the page gets them, without a runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call
from mme_local.observe.dashboards.cloud import CloudFacts
from mme_local.observe.history import History
from mme_local.observe.observed import SeenRequest
from mme_local.observe.page.server import StatusPage
from mme_local.trace import Trace

MIB = 1024 * 1024
NOW = 1_790_000_000.0
PLACE = outcome.Place("mme-dev", "us-east-1", "123456789012")


def a_model(name: str, *, hits: int = 3, state: str = "ready") -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "weight_bytes": 35 * MIB,
        "loaded_at": None if state == "loading" else NOW - 300,
        "hits": hits,
    }


def an_instance(number: int = 0, *models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": f"i-{number}",
        "name": f"mme-dev/AllTraffic/{number}",
        "pid": 100 + number,
        "in_flight": 0,
        "restarts": 0,
        "memory_used_bytes": 300 * MIB,
        "memory_bytes": 1024 * MIB,
        "disk_used_bytes": 10 * MIB,
        "disk_bytes": 8192 * MIB,
        "models": list(models),
        **changes,
    }


def an_endpoint(*instances: dict[str, Any], name: str = "mme-dev") -> dict[str, Any]:
    return {
        "name": name,
        "region": "us-east-1",
        "variant": "AllTraffic",
        "instance_type": "ml.g5.xlarge",
        "instances": list(instances) or [an_instance()],
    }


def a_request(
    model: str = "churn_v0.tar.gz", *, at: float = NOW, hit: bool = True, error: str = ""
) -> SeenRequest:
    trace = Trace("AllTraffic", "mme-dev/AllTraffic/0", 1, hit, 0.0 if hit else 0.8, 0.004)
    failure = outcome.model_error(PLACE, 400, error) if error else None
    return SeenRequest.of(at, Call("mme-dev", model, b""), trace, 0.005 if hit else 0.805, failure)


@dataclass
class FakeRuntime:
    """What `StatusPage` asks for, to be changed by a test."""

    endpoints: list[dict[str, Any]] = field(default_factory=lambda: [an_endpoint()])
    history: History = field(default_factory=History)
    cloud: CloudFacts = field(default_factory=CloudFacts)
    now: float = NOW

    def status(self) -> dict[str, Any]:
        return {
            "url": "http://localhost:4747",
            "pid": 42,
            "backends": ["python"],
            "endpoints": self.endpoints,
        }

    def page(self) -> StatusPage:
        return StatusPage(
            self.status,
            lambda: self.history,
            lambda: {"i-0": 12.3},
            lambda: self.cloud,
            seconds=0.02,
            now=lambda: self.now,
        )
