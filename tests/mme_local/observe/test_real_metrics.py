"""Metrics and logs of real Triton, read as an operator of the endpoint reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mme.operate.log_events import read_events
from mme.operate.top import TOP_PATTERN, tally
from mme.operate.traffic import Traffic, read_traffic
from tests.mme_local.deployed import Endpoint, Runtime, a_runtime
from tests.waiting import wait_for

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
    with a_runtime(memory_mib=0.01, weight_factor=1, metrics_seconds=0.5) as runtime:
        yield runtime


@pytest.fixture
def endpoint(observed: Runtime) -> Iterator[Endpoint]:
    endpoint = Endpoint(observed)
    for name in ("a", "b", "c"):
        endpoint.publish(f"{name}.tar.gz", {"config.pbtxt": CONFIG, "1/model.py": MODEL + PADDING})
    yield endpoint
    endpoint.delete()


def traffic(endpoint: Endpoint) -> Traffic:
    client = endpoint.runtime.client("cloudwatch")
    return read_traffic(client, endpoint.name, ["AllTraffic"], datetime.now(UTC) + timedelta(minutes=1))


def test_metrics_of_an_endpoint(endpoint: Endpoint) -> None:
    for model in "aabbccba":
        endpoint.invoke(f"{model}.tar.gz", TENSOR)
    with pytest.raises(endpoint.calls.exceptions.ModelError):
        endpoint.invoke("a.tar.gz", b"{}")
    found = wait_for(
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

    wait_for(groups)
    busiest, other = wait_for(calls)
    assert (busiest.model, busiest.invocations, busiest.loads) == ("a.tar.gz", 2, 1)
    assert (other.model, other.invocations, other.loads) == ("b.tar.gz", 1, 1)
    assert busiest.median_load_seconds is not None
    (stream,) = logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint.name}")[
        "logStreams"
    ]
    assert stream["logStreamName"] == f"AllTraffic/{endpoint.instance()['id']}"
