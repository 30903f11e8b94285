"""Which models an endpoint holds in memory, where that can be known."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

_STATUS_PATH: Final = "/_mme/status"
_TIMEOUT_SECONDS: Final = 5.0


def loaded_models(aws_url: str | None, endpoint_name: str) -> frozenset[str] | None:
    """The archives that at least one instance of an endpoint holds loaded, or None where nobody tells.

    Only the local runtime tells. SageMaker has no such call: its metrics count models and name none.

    Args:
        aws_url: where AWS is, if not at AWS.
        endpoint_name: the endpoint's.
    """
    if aws_url is None:
        return None
    try:
        with urllib.request.urlopen(aws_url.rstrip("/") + _STATUS_PATH, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            status: Any = json.loads(answer.read())
        instances = next(one["instances"] for one in status["endpoints"] if one["name"] == endpoint_name)
        return frozenset(
            model["name"]
            for instance in instances
            for model in instance["models"]
            if model["state"] == "ready"
        )
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None  # some other server, or a runtime without this endpoint
