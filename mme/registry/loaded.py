"""Which models an endpoint has in memory, if that is known."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

_STATUS_PATH: Final = "/_mme/status"
_TIMEOUT_SECONDS: Final = 5.0


def loaded_models(aws_url: str | None, endpoint_name: str) -> frozenset[str] | None:
    """Return the archives that at least one instance has loaded, or None if that is unknown.

    Only the local endpoint reports it. SageMaker has no API for this: its metrics count models, without
    names.

    Args:
        aws_url: The AWS endpoint URL, if it is overridden.
        endpoint_name: The endpoint's name.
    """
    if aws_url is None:
        return None
    try:
        url = aws_url.rstrip("/") + _STATUS_PATH
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            status: Any = json.loads(answer.read())
        instances = next(one["instances"] for one in status["endpoints"] if one["name"] == endpoint_name)
        return frozenset(
            model["name"]
            for instance in instances
            for model in instance["models"]
            if model["state"] == "ready"
        )
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None  # another server, or a local AWS without this endpoint
