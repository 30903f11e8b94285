"""Failed requests raise the errors of botocore's model, with helpful messages."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.case import FORMAT, LAYOUT, case
from tests.conformance.target import JSON, Target, request

STATUS = "with the status 500 of the inference toolkit instead of 400"


def refused(target: Target, **arguments: Any) -> dict[str, Any]:
    """The error of an ``InvokeEndpoint``."""
    options = {"EndpointName": target.endpoint, "ContentType": JSON, "Body": b"{}", **arguments}
    with pytest.raises(ClientError) as caught:
        target.clients["sagemaker-runtime"].invoke_endpoint(**options)
    return dict(caught.value.response)


def check_validation_error(answer: dict[str, Any]) -> str:
    assert answer["Error"]["Code"] == "ValidationError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(answer["Error"]["Message"])


def model_error(target: Target, model: str, body: bytes) -> dict[str, Any]:
    """The ModelError of a call, with the status of its container."""
    with pytest.raises(target.exceptions.ModelError) as caught:
        target.invoke(model, body)
    answer = dict(caught.value.response)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == target.models.FAILED
    return answer


@case("an unknown endpoint is a ValidationError that names it")
def test_unknown_endpoint(target: Target) -> None:
    answer = refused(target, EndpointName="no-such-endpoint", TargetModel="x.tar.gz")
    assert "no-such-endpoint" in check_validation_error(answer)


@case("a TargetModel that is not in S3 is a ValidationError that names bucket and key")
def test_unknown_model(target: Target) -> None:
    model = f"{target.folder}/nothing_v0.tar.gz"
    message = check_validation_error(refused(target, TargetModel=model))
    assert target.bucket in message
    assert target.prefix + model in message


@case("a request without a TargetModel is a ValidationError")
def test_no_target_model(target: Target) -> None:
    check_validation_error(refused(target))


@case("a TargetModel of more than 1024 characters is refused")
def test_long_target_model(target: Target) -> None:
    check_validation_error(refused(target, TargetModel="x" * 1025))


@case("a tensor of the wrong type is a ModelError with Triton's message", triton_only=FORMAT)
def test_wrong_tensor(target: Target, double: str) -> None:
    answer = model_error(target, double, request(X=("INT64", [1])))
    assert "X" in answer["OriginalMessage"]
    assert "FP32" in answer["OriginalMessage"]
    assert answer["LogStreamArn"].startswith("arn:")


@case("a body that is not JSON is a ModelError with the container's message", mms=STATUS)
def test_no_json(target: Target, double: str) -> None:
    answer = model_error(target, double, b"hello")
    assert "JSON" in answer["OriginalMessage"]


@case("a model's exception is a ModelError with its message, and the next request is answered", mms=STATUS)
def test_model_raises(target: Target, double: str) -> None:
    answer = model_error(target, target.publish("raises", target.models.RAISES), request(X=("FP32", [1])))
    assert "list index out of range" in answer["OriginalMessage"]
    assert target.call(double, 3).tensor("Y") == [6]


@case("a model that does not load is a ModelError with its reason, at every call", mms=STATUS)
def test_does_not_load(target: Target) -> None:
    model = target.publish("unloadable", target.models.UNLOADABLE)
    for _ in range(2):
        answer = model_error(target, model, request(X=("FP32", [1])))
        assert "the weights are missing" in answer["OriginalMessage"]


@case("an archive without a config.pbtxt is a ModelError", triton_only=LAYOUT)
def test_no_config(target: Target) -> None:
    model = target.publish("no-config", {"1/notes.txt": "nothing to serve"})
    assert model_error(target, model, request(X=("FP32", [1])))["OriginalMessage"]


@case("a file that is not an archive is refused with that reason", local_only="AWS publishes no answer to it")
def test_no_archive(target: Target) -> None:
    answer = refused(target, TargetModel=target.put("text", b"hello"))
    assert "not a gzipped tar archive" in check_validation_error(answer)
