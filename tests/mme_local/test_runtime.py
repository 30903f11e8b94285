"""The runtime as plain boto3 sees it: real Triton behind InvokeEndpoint."""

from __future__ import annotations

import gzip
import os
import signal
import tempfile
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.mme_local.a_model import a_model, body, error_of, number
from tests.mme_local.deployed import Endpoint, Runtime, a_runtime
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.triton]


def test_a_model_is_loaded_by_its_first_call_and_answers(endpoint: Endpoint) -> None:
    endpoint.publish("tenant-a/double_v0.tar.gz", a_model())
    assert number(endpoint.invoke("tenant-a/double_v0.tar.gz", body(21))) == 42
    assert [model["name"] for model in endpoint.instance()["models"]] == ["tenant-a/double_v0.tar.gz"]


def test_least_recently_used_models_are_evicted_first(endpoint: Endpoint) -> None:
    for n in range(4):  # the budget of about 10 KB holds two of them
        endpoint.publish(f"times{n}_v0.tar.gz", a_model(f"x * {n}"))
    for n in (0, 1, 0, 2):
        assert number(endpoint.invoke(f"times{n}_v0.tar.gz", body(10))) == 10 * n
    instance = endpoint.instance()
    assert {model["name"] for model in instance["models"]} == {"times0_v0.tar.gz", "times2_v0.tar.gz"}
    assert instance["memory_used_bytes"] <= instance["memory_bytes"]
    assert number(endpoint.invoke("times1_v0.tar.gz", body(10))) == 10


def test_models_are_evicted_concurrently(endpoint: Endpoint) -> None:
    small = [f"small{n}_v0.tar.gz" for n in range(3)]
    for name in small:
        endpoint.publish(name, a_model(padding=1_000))
        endpoint.invoke(name, body(1))
    endpoint.publish("large_v0.tar.gz", a_model(padding=8_500))
    assert number(endpoint.invoke("large_v0.tar.gz", body(21))) == 42
    assert [model["name"] for model in endpoint.instance()["models"]] == ["large_v0.tar.gz"]
    log = (Path(endpoint.runtime.state.workdir) / "logs" / f"{endpoint.name}-AllTraffic-0.log").read_text()
    begun = [log.index(f"Unloading SageMaker TargetModel: {name}") for name in small]
    assert max(begun) < log.index("successfully unloaded"), "one waited for another one"


def test_an_exception_of_the_model_is_a_model_error(endpoint: Endpoint) -> None:
    endpoint.publish("broken_v0.tar.gz", a_model("x / [][0]"))
    with pytest.raises(endpoint.calls.exceptions.ModelError) as caught:
        endpoint.invoke("broken_v0.tar.gz", body(1))
    answer = error_of(caught)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == 400
    assert "list index out of range" in answer["OriginalMessage"]
    assert answer["LogStreamArn"] == (
        f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/{endpoint.name}"
    )
    assert "Received client error (400) from primary with message" in answer["Error"]["Message"]
    assert uuid.UUID(answer["ResponseMetadata"]["RequestId"])


def test_a_model_that_does_not_load_is_a_model_error_with_the_reason(endpoint: Endpoint) -> None:
    endpoint.publish("unloadable_v0.tar.gz", a_model(at_load="raise ValueError('weights are missing')"))
    with pytest.raises(endpoint.calls.exceptions.ModelError, match="weights are missing"):
        endpoint.invoke("unloadable_v0.tar.gz", body(1))


@pytest.mark.parametrize("levels", [2_000, 1_000_000])
def test_nested_json_ends_at_most_the_container(endpoint: Endpoint, levels: int) -> None:
    endpoint.publish("a_v0.tar.gz", a_model())
    start = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1],"data":'
    with pytest.raises(ClientError) as caught:
        endpoint.invoke("a_v0.tar.gz", start + b"[" * levels)
    assert error_of(caught)["Error"]["Code"] == "ModelError"
    assert error_of(caught)["OriginalStatusCode"] in (0, 400)
    assert number(endpoint.invoke("a_v0.tar.gz", body(1))) == 2


def test_unknown_endpoint_and_unknown_model_are_validation_errors(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError, match="Endpoint nowhere of account 123456789012 not found") as caught:
        endpoint.calls.invoke_endpoint(EndpointName="nowhere", TargetModel="x", Body=b"")
    assert error_of(caught)["Error"]["Code"] == "ValidationError"
    assert error_of(caught)["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(
        ClientError, match=rf"bucket: {endpoint.bucket}, key: models/none_v0\.tar\.gz"
    ) as caught:
        endpoint.invoke("none_v0.tar.gz", body(1))
    assert error_of(caught)["Error"]["Code"] == "ValidationError"


def test_an_object_that_is_not_an_archive_is_refused(endpoint: Endpoint) -> None:
    endpoint.s3.put_object(Bucket=endpoint.bucket, Key="models/text_v0.tar.gz", Body=b"hello")
    with pytest.raises(ClientError, match="not a gzipped tar archive"):
        endpoint.invoke("text_v0.tar.gz", body(1))


@pytest.mark.parametrize("name", ["$(touch here)", "two words", "a'b", "a(b)", "a&b", "a;b", 'a"b', "a{b,c}"])
def test_a_name_with_shell_metacharacters_is_refused(endpoint: Endpoint, name: str) -> None:
    endpoint.publish(f"{name}.tar.gz", a_model())
    with pytest.raises(endpoint.calls.exceptions.ModelError, match="passes it to a shell unquoted") as caught:
        endpoint.invoke(f"{name}.tar.gz", body(21))
    assert error_of(caught)["OriginalStatusCode"] == 400
    endpoint.publish("double_v0.tar.gz", a_model())
    assert number(endpoint.invoke("double_v0.tar.gz", body(21))) == 42


def test_other_names_are_served(endpoint: Endpoint) -> None:
    for name in ("-a", "a~b+c=d,e@f:g", "a#b", "a%20b", "a!b^c", "..a"):
        endpoint.publish(f"{name}.tar.gz", a_model())
        assert number(endpoint.invoke(f"{name}.tar.gz", body(21))) == 42


def test_a_folder_inside_an_archive_is_a_name_too(endpoint: Endpoint) -> None:
    files = {f"my model/{name}": content for name, content in a_model().items()}
    endpoint.publish("two_v0.tar.gz", files)
    with pytest.raises(endpoint.calls.exceptions.ModelError, match="the name 'my model' holds ' '"):
        endpoint.invoke("two_v0.tar.gz", body(21))


def test_compressed_bodies_are_passed_through(endpoint: Endpoint) -> None:
    packed = gzip.compress(b"text" * 1000)
    endpoint.s3.put_object(Bucket=endpoint.bucket, Key="a", Body=packed, ContentEncoding="gzip")
    assert endpoint.s3.get_object(Bucket=endpoint.bucket, Key="a")["Body"].read() == packed
    cloudwatch = endpoint.runtime.client("cloudwatch")  # boto3 compresses what is longer than 10 KB
    metrics = [{"MetricName": "Calls", "Timestamp": 1e9, "Value": 1 + number / 1000} for number in range(500)]
    cloudwatch.put_metric_data(Namespace=endpoint.name, MetricData=metrics)
    answer = cloudwatch.get_metric_statistics(
        Namespace=endpoint.name,
        MetricName="Calls",
        StartTime=1e9 - 60,
        EndTime=1e9 + 60,
        Period=60,
        Statistics=["SampleCount"],
    )
    assert [point["SampleCount"] for point in answer["Datapoints"]] == [500]


def test_a_loaded_model_is_served_after_its_archive_was_deleted(endpoint: Endpoint) -> None:
    endpoint.publish("a_v0.tar.gz", a_model())
    endpoint.invoke("a_v0.tar.gz", body(1))
    endpoint.s3.delete_object(Bucket=endpoint.bucket, Key="models/a_v0.tar.gz")
    assert number(endpoint.invoke("a_v0.tar.gz", body(2))) == 4


def test_killing_triton_loses_no_later_request(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.publish("a_v0.tar.gz", a_model())
    read = tmp_path / "read"
    slow = f"(open({str(read)!r}, 'w').close(), time.sleep(300), x)[2]"
    endpoint.publish("slow_v0.tar.gz", a_model(slow))
    assert number(endpoint.invoke("a_v0.tar.gz", body(1))) == 2
    instance = endpoint.instance()
    in_flight: list[BaseException] = []

    def call_slow() -> None:
        try:
            endpoint.invoke("slow_v0.tar.gz", body(1))
        except ClientError as error:
            in_flight.append(error)

    caller = threading.Thread(target=call_slow)
    caller.start()
    wait_for(read.exists)
    # Long enough that it is not mistaken for a request that Triton never read.
    so_far = longest_in_flight(endpoint)
    wait_for(lambda: longest_in_flight(endpoint) > so_far + 1)
    os.kill(instance["pid"], signal.SIGKILL)
    answers = [number(endpoint.invoke("a_v0.tar.gz", body(n))) for n in range(20)]
    assert answers == [2.0 * n for n in range(20)]
    caller.join(timeout=20)
    assert not caller.is_alive()
    (failure,) = in_flight
    assert isinstance(failure, ClientError)
    assert failure.response["Error"]["Code"] == "ModelError"
    assert f"could not get a response from the {endpoint.name} endpoint" in str(failure)
    after = endpoint.instance()
    assert after["pid"] != instance["pid"]
    assert after["restarts"] == 1


def longest_in_flight(endpoint: Endpoint) -> float:
    return float(endpoint.instance()["longest_in_flight_seconds"])


def test_an_update_serves_the_new_environment_and_count_under_the_same_name(runtime: Runtime) -> None:
    endpoint = Endpoint(runtime, environment={"FACTOR": "2"})
    endpoint.publish("env_v0.tar.gz", a_model("x * float(os.environ['FACTOR'])"))
    assert number(endpoint.invoke("env_v0.tar.gz", body(10))) == 20
    endpoint.sagemaker.update_endpoint(
        EndpointName=endpoint.name, EndpointConfigName=endpoint.config("1", 2, {"FACTOR": "3"})
    )
    assert number(endpoint.invoke("env_v0.tar.gz", body(10))) == 30
    assert len(runtime.endpoint(endpoint.name)["instances"]) == 2
    endpoint.delete()
    with pytest.raises(ClientError, match="not found"):
        endpoint.invoke("env_v0.tar.gz", body(10))


def test_requests_in_flight_finish_on_the_old_config(runtime: Runtime) -> None:
    endpoint = Endpoint(runtime, environment={"FACTOR": "2"})
    slow = "(open(os.environ['STARTED'], 'w').close(), time.sleep(3), x * float(os.environ['FACTOR']))[2]"
    with tempfile.TemporaryDirectory() as folder:
        started = Path(folder) / "started"
        first = endpoint.config("1", 1, {"FACTOR": "2", "STARTED": str(started)})
        second = endpoint.config("2", 1, {"FACTOR": "3", "STARTED": str(started)})
        endpoint.sagemaker.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=first)
        endpoint.publish("slow_v0.tar.gz", a_model(slow))
        with ThreadPoolExecutor(1) as callers:
            pending = callers.submit(endpoint.invoke, "slow_v0.tar.gz", body(10))
            wait_for(started.exists)
            endpoint.sagemaker.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=second)
            endpoint.publish("env_v0.tar.gz", a_model("x * float(os.environ['FACTOR'])"))
            assert number(endpoint.invoke("env_v0.tar.gz", body(10))) == 30
            assert number(pending.result(timeout=30)) == 20
    endpoint.delete()


def test_a_replaced_archive_is_not_loaded_while_the_old_one_is_cached(endpoint: Endpoint) -> None:
    """As on SageMaker, which is why a changed model is published under a new name."""
    endpoint.publish("a_v0.tar.gz", a_model("x * 2"))
    assert number(endpoint.invoke("a_v0.tar.gz", body(10))) == 20
    endpoint.publish("a_v0.tar.gz", a_model("x * 3"))
    assert number(endpoint.invoke("a_v0.tar.gz", body(10))) == 20
    endpoint.publish("a_v1.tar.gz", a_model("x * 3"))
    assert number(endpoint.invoke("a_v1.tar.gz", body(10))) == 30


def test_cache_disabled_unloads_after_the_call(runtime: Runtime) -> None:
    endpoint = Endpoint(runtime)
    config = endpoint.config("1", 1, MultiModelConfig={"ModelCacheSetting": "Disabled"})
    endpoint.sagemaker.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=config)
    endpoint.publish("a_v0.tar.gz", a_model())
    assert number(endpoint.invoke("a_v0.tar.gz", body(4))) == 8
    wait_for(lambda: not endpoint.instance()["models"])
    endpoint.delete()


def test_a_load_longer_than_a_request_is_not_ready(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    at_load = f"[time.sleep(0.05) for _ in iter(lambda: os.path.exists({str(gate)!r}), True)]"
    with a_runtime(invoke_seconds=1) as runtime:
        endpoint = Endpoint(runtime)
        endpoint.publish("slow_v0.tar.gz", a_model(at_load=at_load))
        for _ in range(2):
            with pytest.raises(endpoint.calls.exceptions.ModelNotReadyException) as caught:
                endpoint.invoke("slow_v0.tar.gz", body(1))
            assert error_of(caught)["ResponseMetadata"]["HTTPStatusCode"] == 429
        gate.touch()
        wait_for(lambda: states(endpoint) == ["ready"])
        assert number(endpoint.invoke("slow_v0.tar.gz", body(1))) == 2


def test_a_load_over_its_time_limit_fails(tmp_path: Path) -> None:
    at_load = "time.sleep(600)"
    with a_runtime(load_seconds=3) as runtime:
        endpoint = Endpoint(runtime)
        endpoint.publish("hangs_v0.tar.gz", a_model(at_load=at_load))
        endpoint.publish("a_v0.tar.gz", a_model())
        with pytest.raises(endpoint.calls.exceptions.ModelError, match="did not load within 3 s"):
            endpoint.invoke("hangs_v0.tar.gz", body(1))
        assert number(endpoint.invoke("a_v0.tar.gz", body(1))) == 2


def states(endpoint: Endpoint) -> list[str]:
    return [model["state"] for model in endpoint.instance()["models"]]
