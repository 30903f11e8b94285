from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack, aws_kms, aws_s3
from aws_cdk.assertions import Annotations, Match

from mme_cdk import (
    DataCapture,
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    PropsError,
    ServingImage,
)

CONFIG = "AWS::SageMaker::EndpointConfig"


@pytest.fixture
def define(stack: Stack, models: ModelStore) -> Callable[..., MultiModelEndpoint]:
    def make(capture: DataCapture | None) -> MultiModelEndpoint:
        return MultiModelEndpoint(
            stack,
            "Endpoint",
            image=ServingImage.triton("26.05"),
            models=models,
            instance_type="ml.g5.xlarge",
            data_capture=capture,
        )

    return make


def test_off_by_default(stack: Stack, define: Callable, synth) -> None:
    define(None)
    assert "DataCaptureConfig" not in synth(stack).one(CONFIG)
    assert Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("data capture")) == []


def test_data_capture(stack: Stack, define: Callable, synth, findings: Callable) -> None:
    bucket = ModelBucket(stack, "Captured", access_logs=False)
    define(
        DataCapture(
            bucket=bucket,
            sampling_percentage=5,
            capture_output=False,
            json_content_types=("application/json",),
        )
    )
    template = synth(stack)
    config = template.one(CONFIG)["DataCaptureConfig"]
    assert config["EnableCapture"] is True
    assert config["InitialSamplingPercentage"] == 5
    assert config["CaptureOptions"] == [{"CaptureMode": "Input"}]
    assert config["CaptureContentTypeHeader"] == {"JsonContentTypes": ["application/json"]}
    assert config["DestinationS3Uri"]["Fn::Join"][1][-1] == "/data-capture/"
    (write,) = template.allowing("s3:PutObject")
    assert write["Action"] == "s3:PutObject"
    assert write["Resource"]["Fn::Join"][1][-1] == "/data-capture/*"
    Annotations.from_stack(stack).has_warning(
        "/Test/Endpoint/Config", Match.string_like_regexp("does not document data capture")
    )
    assert findings() == []


def test_a_key(stack: Stack, define: Callable, synth, findings: Callable) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Captured", "captured")
    define(DataCapture(bucket=bucket, sampling_percentage=100, encryption_key=key))
    template = synth(stack)
    assert template.one(CONFIG)["DataCaptureConfig"]["KmsKeyId"]["Fn::GetAtt"][1] == "Arn"
    assert len(template.allowing("kms:GenerateDataKey")) == 1
    assert findings() == []


def test_it_stays_away_from_the_models(models: ModelStore, define: Callable) -> None:
    capture = DataCapture(bucket=models.bucket, sampling_percentage=5, prefix="models/captured/")
    with pytest.raises(
        PropsError, match=r"models/captured/ overlaps the models' prefix models/; containers could"
    ):
        define(capture)


def test_another_prefix_of_the_same_bucket(models: ModelStore, define: Callable, findings: Callable) -> None:
    define(DataCapture(bucket=models.bucket, sampling_percentage=5))
    assert findings() == []


def test_every_variants_role_may_write(stack: Stack, models: ModelStore, define: Callable, synth) -> None:
    endpoint = define(DataCapture(bucket=models.bucket, sampling_percentage=5))
    other = MultiModelEndpoint(
        stack,
        "Other",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type="ml.g5.xlarge",
    )
    endpoint.config.add_variant("second", model=other.model, instance_type="ml.g5.xlarge")
    assert len(synth(stack).allowing("s3:PutObject")) == 2


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"sampling_percentage": 101}, r"sampling_percentage is 101; must be from 0 to 100"),
        (
            {"capture_input": False, "capture_output": False},
            r"so nothing is captured: leave data_capture out",
        ),
        ({"prefix": "captured"}, r"data capture prefix captured is not a folder"),
        ({"prefix": "x" * 600 + "/"}, r"601 characters; its URI is longer than 512"),
    ],
)
def test_faults(stack: Stack, props: dict[str, Any], fault: str) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Captured", "captured")
    with pytest.raises(PropsError, match=fault):
        DataCapture(bucket=bucket, **{"sampling_percentage": 5, **props})
