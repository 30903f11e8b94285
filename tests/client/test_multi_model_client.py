"""The client against a service on localhost, through the real boto3."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from mme.client import (
    AccessDeniedError,
    EndpointUnreachableError,
    LargePayloadWarning,
    LoadRetry,
    ModelNotReadyError,
    MultiModelClient,
    PayloadTooLargeError,
    ReplyError,
    TensorError,
    runtime_client,
)

from .conftest import Answer, failure

NOT_READY = failure(429, "ModelNotReadyException", "Model is not ready for inference.")
OK = Answer(
    200,
    b'{"outputs":[{"name":"Y","datatype":"FP32","shape":[1],"data":[3]}]}',
    {"Content-Type": "application/json", "x-Amzn-Invoked-Production-Variant": "AllTraffic"},
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def load_retry(self, **arguments: float) -> LoadRetry:
        return LoadRetry(clock=lambda: self.now, sleep=self.sleep, **arguments)  # type: ignore[arg-type]


def test_infer(service, make_client) -> None:
    header = json.dumps(
        {"outputs": [{"name": "Y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}]}
    ).encode()
    service.answers = [
        Answer(
            200,
            header + np.array([1, 2], np.float32).tobytes(),
            {"Content-Type": f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(header)}"},
        )
    ]
    answer = make_client().infer("tenant-a/x_v0.tar.gz", {"X": np.array([5, 6], np.float32)})
    np.testing.assert_array_equal(answer["Y"], np.array([1, 2], np.float32))
    ((path, headers, body),) = service.requests
    assert path == "/endpoints/mme-test/invocations"
    assert headers["x-amzn-sagemaker-target-model"] == "tenant-a/x_v0.tar.gz"
    size = int(headers["content-type"].rpartition("json-header-size=")[2])
    assert json.loads(body[:size])["inputs"][0]["name"] == "X"
    assert body[size:] == np.array([5, 6], np.float32).tobytes()


def test_invoke_raw_bytes(service, make_client) -> None:
    service.answers = [OK]
    reply = make_client().invoke("m.tar.gz", b"1,2\n", content_type="text/csv", accept="application/json")
    assert reply.body == OK.body
    assert reply.variant == "AllTraffic"
    ((_, headers, body),) = service.requests
    assert (headers["content-type"], headers["accept"], body) == ("text/csv", "application/json", b"1,2\n")


def test_waits_for_a_model_that_loads(service, make_client) -> None:
    time = Time()
    waited: list[tuple[str, float]] = []
    service.answers = [NOT_READY, NOT_READY, NOT_READY, OK]
    client = make_client(load_retry=time.load_retry(), on_wait=lambda *state: waited.append(state))
    assert client.infer("m.tar.gz", {"X": np.zeros(1, np.float32)})["Y"][0] == 3
    # boto3 itself tried nothing again: one request for each answer.
    assert len(service.requests) == 4
    assert len(time.slept) == len(waited) == 3
    assert 0.25 <= time.slept[0] <= 0.5 <= time.slept[1] <= 1 <= time.slept[2] <= 2
    assert waited[-1] == ("m.tar.gz", pytest.approx(sum(time.slept)))


def test_gives_up_after_360_seconds(service, make_client) -> None:
    time = Time()
    service.answers = [NOT_READY]
    with pytest.raises(ModelNotReadyError, match="still loading on endpoint mme-test after 360 s"):
        make_client(load_retry=time.load_retry()).invoke("m.tar.gz", b"")
    assert sum(time.slept) == pytest.approx(360)
    assert max(time.slept) <= 15
    assert len(service.requests) == len(time.slept) + 1


def test_jitter_differs_between_callers() -> None:
    def first_waits() -> list[float]:
        time = Time()
        list(time.load_retry(timeout=20).waits())
        return time.slept

    assert first_waits() != first_waits()


def test_errors_are_typed(service, make_client) -> None:
    service.answers = [failure(403, "AccessDeniedException", "User: x is not authorized to perform")]
    with pytest.raises(AccessDeniedError, match=r"you may not invoke m\.tar\.gz"):
        make_client().invoke("m.tar.gz", b"")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error="refused"), "can't be reached"),
        (ReadTimeoutError(endpoint_url="http://x", error="slow"), "did not answer in time"),
    ],
)
def test_connection_errors(make_client, error: Exception, words: str) -> None:
    def fail(**_: object) -> None:
        raise error

    client = make_client()
    client._client.meta.events.register("before-send", fail)
    with pytest.raises(EndpointUnreachableError, match=words):
        client.invoke("m.tar.gz", b"")


def test_timeouts_of_the_default_client(service) -> None:
    config = runtime_client(region_name="us-east-1", endpoint_url=service.url).meta.config
    assert config.read_timeout == 70


def test_longest_target_is_sent(service, make_client) -> None:
    service.answers = [OK]
    make_client().invoke("a" * 1024, b"")
    assert len(service.requests) == 1


def test_payload_limits(service, make_client) -> None:
    service.answers = [OK]
    client = make_client()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.invoke("m.tar.gz", bytes(6 * 1024 * 1024))
    with pytest.warns(LargePayloadWarning, match=r"6\.3 MB"):
        client.invoke("m.tar.gz", bytes(6 * 1024 * 1024 + 1))
    with pytest.raises(PayloadTooLargeError, match="accepts 25 MB"):
        client.invoke("m.tar.gz", bytes(25_000_001))
    assert len(service.requests) == 2


def test_invalid_tensors_are_not_sent(service, make_client) -> None:
    with pytest.raises(TensorError):
        make_client().infer("m.tar.gz", {"X": np.array([1j])})
    assert service.requests == []


def test_client_of_the_default_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert MultiModelClient("x")._client.meta.region_name == "eu-west-1"


@pytest.mark.parametrize(
    ("body", "outputs", "words"),
    [
        (b'{"outputs":[]}', None, r"m\.tar\.gz did not return any output"),
        (OK.body, ["Y", "Z"], r"m\.tar\.gz did not return Z; it returned Y"),
    ],
)
def test_missing_outputs(service, make_client, body: bytes, outputs: list[str] | None, words: str) -> None:
    service.answers = [Answer(200, body, {"Content-Type": "application/json"})]
    with pytest.raises(ReplyError, match=words):
        make_client().infer("m.tar.gz", {}, outputs=outputs)


def test_a_wrong_header_size_is_not_sent(service, make_client) -> None:
    with pytest.raises(TensorError, match="json-header-size"):
        make_client().invoke("m.tar.gz", b"{}", content_type="application/vnd.sagemaker-triton.binary+json")
    assert service.requests == []
