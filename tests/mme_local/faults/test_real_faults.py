"""Each fault on a runtime with real servers: the error that boto3 sees, and none once it is cleared."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from mme.errors import MmeError
from mme_local import launcher
from mme_local.faults.remote import RuntimeFaults
from tests.conformance import mms_models
from tests.mme_local.a_model import a_model, body, error_of, number
from tests.mme_local.containers.mms.sources import OWN
from tests.mme_local.deployed import Endpoint, Runtime
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton]
_numbers = count()


@pytest.fixture(params=["triton", pytest.param("mms", marks=pytest.mark.nightly)])
def server(request: pytest.FixtureRequest) -> str:
    """What serves; models of both have the same requests and answers."""
    kind: str = request.param
    return kind


@pytest.fixture
def endpoint(runtime: Runtime, server: str) -> Iterator[Endpoint]:
    of_mms = {"image": OWN, "environment": mms_models.ENVIRONMENT}
    endpoint = Endpoint(runtime, **(of_mms if server == "mms" else {}))
    yield endpoint
    endpoint.delete()


@pytest.fixture
def faults(runtime: Runtime) -> Iterator[RuntimeFaults]:
    faults = RuntimeFaults(runtime.state.url)
    yield faults
    faults.clear()


def publish(endpoint: Endpoint, server: str, name: str, factor: int) -> None:
    files = mms_models.times(factor) if server == "mms" else a_model(f"x * {factor}")
    endpoint.publish(name, dict(files))


@pytest.fixture
def model(endpoint: Endpoint, server: str) -> str:
    """A loaded model; a fault that only loads meet evicts it first."""
    name = f"double{next(_numbers)}_v0.tar.gz"
    publish(endpoint, server, name, 2)
    assert number(endpoint.invoke(name, body(1))) == 2
    return name


def failure(endpoint: Endpoint, model: str) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        endpoint.invoke(model, body(1))
    return error_of(caught)


def check_model_error(answer: dict[str, Any], status: int) -> str:
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == status
    return str(answer["OriginalMessage"])


def check_answers(endpoint: Endpoint, model: str) -> None:
    assert number(endpoint.invoke(model, body(21))) == 42


def test_a_load_returns_507(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("load-507", model)
    assert "out of memory" in check_model_error(failure(endpoint, model), 507)
    faults.clear()
    check_answers(endpoint, model)


def test_a_load_returns_507_once(endpoint: Endpoint, faults: RuntimeFaults, model: str, server: str) -> None:
    publish(endpoint, server, "other_v0.tar.gz", 5)
    assert number(endpoint.invoke("other_v0.tar.gz", body(1))) == 5
    faults.set("load-507", model, times=1)
    check_answers(endpoint, model)
    instance = endpoint.instance()
    assert [held["name"] for held in instance["models"]] == [model], "the other one was evicted"


def test_s3_fails(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("s3-failing", model)
    answer = failure(endpoint, model)
    assert answer["Error"]["Code"] == "ValidationError"
    assert f"Failed to download model data(bucket: {endpoint.bucket}, key: models/{model})" in str(answer)
    with pytest.raises(ClientError, match="SlowDown") as caught:
        endpoint.s3.get_object(Bucket=endpoint.bucket, Key=f"models/{model}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    with pytest.raises(ClientError) as caught:
        endpoint.s3.head_object(Bucket=endpoint.bucket, Key=f"models/{model}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    faults.clear("s3-failing", model)
    check_answers(endpoint, model)


def test_boto3_retries_while_s3_fails(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("s3-failing", model, times=2)
    s3 = endpoint.runtime.client("s3", retries={"total_max_attempts": 4})
    assert s3.head_object(Bucket=endpoint.bucket, Key=f"models/{model}")["ContentLength"] > 0
    assert faults.all() == []


def test_s3_is_slow(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("s3-slow", model, seconds=0.2, times=1)
    began = time.monotonic()
    check_answers(endpoint, model)
    assert time.monotonic() - began >= 0.2, "never less, however fast the machine is"
    faults.set("s3-slow", seconds=0.2, times=1)
    began = time.monotonic()
    endpoint.s3.list_objects_v2(Bucket=endpoint.bucket)
    assert time.monotonic() - began >= 0.2
    assert faults.all() == []


def test_the_disk_is_full(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("disk-full", model)
    assert "No space left on device" in check_model_error(failure(endpoint, model), 507)
    faults.clear()
    check_answers(endpoint, model)


def test_a_model_is_not_ready(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("not-ready", model, times=2)
    assert launcher.ask_status(endpoint.runtime.state)["faults"] == faults.all()
    for _ in range(2):
        answer = failure(endpoint, model)
        assert answer["Error"]["Code"] == "ModelNotReadyException"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    check_answers(endpoint, model)


def test_a_model_is_not_ready_for_some_time(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    faults.set("not-ready", model, seconds=0.5)
    assert failure(endpoint, model)["Error"]["Code"] == "ModelNotReadyException"
    wait_for(lambda: faults.all() == [])
    check_answers(endpoint, model)


def test_the_server_dies(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    before = endpoint.instance()
    faults.set("server-dies", model)
    text = check_model_error(failure(endpoint, model), 0)
    assert f"could not get a response from the {endpoint.name} endpoint" in text
    check_answers(endpoint, model)
    wait_for(lambda: endpoint.instance()["restarts"] == 1)
    after = endpoint.instance()
    assert after["pid"] != before["pid"]
    assert not psutil.pid_exists(before["pid"])


@pytest.mark.parametrize("server", ["triton"])
def test_an_unhealthy_stub_answers_like_a_killed_one(
    endpoint: Endpoint, faults: RuntimeFaults, model: str
) -> None:
    faults.set("worker-dead", model)
    injected = check_model_error(failure(endpoint, model), 400)
    faults.clear()
    check_answers(endpoint, model)
    stubs = [
        process
        for process in psutil.Process(endpoint.instance()["pid"]).children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and any("stub" in word for word in process.cmdline())
    ]
    for stub in stubs:
        os.kill(stub.pid, signal.SIGKILL)
    assert stubs
    assert check_model_error(failure(endpoint, model), 400) == injected
    check_answers(endpoint, model)  # Triton was started again


@pytest.mark.nightly
@pytest.mark.parametrize("server", ["mms"])
def test_a_dead_worker_answers_like_a_killed_one(
    endpoint: Endpoint, faults: RuntimeFaults, model: str
) -> None:
    """A model's process is forked by another one, and forked again; without both, the server is ended."""
    faults.set("worker-dead", model)
    injected = check_model_error(failure(endpoint, model), 500)
    faults.clear()
    for restarts, killed in enumerate((["getpid"], ["getppid", "getpid"])):
        name = f"killed{restarts}_v0.tar.gz"
        check = "; ".join(f"os.kill(os.{one}(), 9)" for one in killed)
        endpoint.publish(name, dict(mms_models.times(2, check=check)))
        assert check_model_error(failure(endpoint, name), 500) == injected
        check_answers(endpoint, model)
        wait_for(lambda expected=restarts: endpoint.instance()["restarts"] == expected)
    assert endpoint.instance()["last_restart"]["reason"] == "the processes of killed1_v0.tar.gz ended"


def test_an_unknown_model_is_refused(endpoint: Endpoint, faults: RuntimeFaults, model: str) -> None:
    with pytest.raises(MmeError, match="no endpoint here has a model nothing_v0"):
        faults.set("load-507", "nothing_v0.tar.gz")
    check_answers(endpoint, model)
    assert faults.all() == []
