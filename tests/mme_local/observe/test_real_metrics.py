"""Metrics and logs of real Triton, read as an operator of the endpoint reads them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mme.operate.log_events import read_events
from mme.operate.top import TOP_PATTERN, tally
from mme.operate.traffic import Traffic, read_traffic
from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.settings import LocalSettings
from tests.mme_local.deployed import Endpoint, Runtime

pytestmark = [pytest.mark.slow, pytest.mark.triton]

MODEL = """
import numpy, triton_python_backend_utils as utils
class TritonPythonModel:
    def execute(self, requests):
        return [
            utils.InferenceResponse([utils.Tensor("OUT", utils.get_input_tensor_by_name(r, "IN").as_numpy())])
            for r in requests
        ]
"""
CONFIG = """backend: "python"
max_batch_size: 0
input [{ name: "IN" data_type: TYPE_FP32 dims: [1] }]
output [{ name: "OUT" data_type: TYPE_FP32 dims: [1] }]
"""
TENSOR = json.dumps({"inputs": [{"name": "IN", "datatype": "FP32", "shape": [1], "data": [1.0]}]}).encode()
PADDING = "#" * 4000
"""Makes archives so large that two fit into the runtime's memory."""


@pytest.fixture(scope="module")
def observed() -> Iterator[Runtime]:
    if why_not_here():
        pytest.skip(f"Triton's wheel can't run here: {why_not_here()}")
    state = launcher.start_detached(
        LocalSettings.model_validate(
            {"port": 0, "memory_mib": 0.01, "weight_factor": 1, "metrics_seconds": 0.5}
        ),
        tied=True,
    )
    try:
        yield Runtime(state)
    finally:
        launcher.stop(state.port)


@pytest.fixture
def endpoint(observed: Runtime) -> Iterator[Endpoint]:
    endpoint = Endpoint(observed)
    for name in ("a", "b", "c"):
        endpoint.publish(f"{name}.tar.gz", {"config.pbtxt": CONFIG, "1/model.py": MODEL + PADDING})
    yield endpoint
    endpoint.delete()


def until(read: Callable[[], Any]) -> Any:
    """Return what is read once it is available: metrics and logs arrive later."""
    deadline = time.monotonic() + 90
    while not (found := read()):
        assert time.monotonic() < deadline, "not within the time limit"
        time.sleep(0.1)
    return found


def traffic(endpoint: Endpoint) -> Traffic:
    client = endpoint.runtime.client("cloudwatch")
    return read_traffic(client, endpoint.name, ["AllTraffic"], datetime.now(UTC) + timedelta(minutes=1))


def test_metrics_of_an_endpoint(endpoint: Endpoint) -> None:
    for model in "aabbccba":
        endpoint.invoke(f"{model}.tar.gz", TENSOR)
    with pytest.raises(endpoint.calls.exceptions.ModelError):
        endpoint.invoke("a.tar.gz", b"{}")
    found = until(
        lambda: (known := traffic(endpoint)).invocations == 9 and known.loaded_models == 2 and known
    )
    # loading c evicted a, and loading a again evicted another one
    assert found.unloads == 2
    assert found.cache_hit_ratio == pytest.approx(5 / 9)
    assert (found.client_errors, found.server_errors) == (1, 0)


def test_the_log_names_models(endpoint: Endpoint) -> None:
    for model in "aab":
        endpoint.invoke(f"{model}.tar.gz", TENSOR)
    logs = endpoint.runtime.client("logs")
    since = datetime.now(UTC) - timedelta(minutes=5)

    def groups() -> Any:
        return logs.describe_log_groups(logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{endpoint.name}")[
            "logGroups"
        ]

    def calls() -> Any:
        counted = tally(read_events(logs, endpoint.name, since, pattern=TOP_PATTERN))
        return sum(one.invocations for one in counted) == 3 and counted

    until(groups)
    busiest, other = until(calls)
    assert (busiest.model, busiest.invocations, busiest.loads) == ("a.tar.gz", 2, 1)
    assert (other.model, other.invocations, other.loads) == ("b.tar.gz", 1, 1)
    assert busiest.median_load_seconds is not None
    (stream,) = logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint.name}")[
        "logStreams"
    ]
    (instance,) = endpoint.runtime.endpoint(endpoint.name)["instances"]
    assert stream["logStreamName"] == f"AllTraffic/{instance['id']}"
