from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack, Token, aws_ecr_assets, aws_kms, aws_s3

from mme_cdk import (
    ModelStore,
    MultiModel,
    MultiModelEndpoint,
    PipelineContainer,
    PropsError,
    ServingImage,
)

MODEL = "AWS::SageMaker::Model"
XGBOOST = ServingImage.xgboost("3.2-0")
SCIKIT_LEARN = ServingImage.scikit_learn("1.9-0")


def bucket_in(scope: Stack) -> aws_s3.IBucket:
    return aws_s3.Bucket.from_bucket_name(scope, "Features", "features")


def model_in(scope: Stack, models: ModelStore, **props: Any) -> MultiModel:
    return MultiModel(scope, "Model", image=XGBOOST, models=models, **props)


def test_containers_stand_in_their_order(stack: Stack, models: ModelStore, synth) -> None:
    scaler = PipelineContainer(
        image=SCIKIT_LEARN,
        bucket=bucket_in(stack),
        key="scaler/v3.tar.gz",
        environment={"SAGEMAKER_PROGRAM": "scale.py"},
        hostname="scaler",
    )
    model_in(stack, models, containers_before=[scaler], containers_after=[PipelineContainer(image=XGBOOST)])
    properties = synth(stack).one(MODEL)
    assert "PrimaryContainer" not in properties
    assert properties["InferenceExecutionConfig"] == {"Mode": "Serial"}
    first, second, third = properties["Containers"]
    assert [each["Mode"] for each in (first, second, third)] == ["SingleModel", "MultiModel", "SingleModel"]
    assert [each["ContainerHostname"] for each in (first, second, third)] == [
        "scaler",
        "container-2",
        "container-3",
    ]
    assert "s3://features/scaler/v3.tar.gz" in str(first["ModelDataUrl"])
    assert first["Environment"] == {"SAGEMAKER_PROGRAM": "scale.py"}
    assert second["MultiModelConfig"] == {"ModelCacheSetting": "Enabled"}
    assert "ModelDataUrl" not in third


def test_the_role_reads_that_one_archive_and_pulls_each_image(
    placed: Stack, synth, findings: Callable
) -> None:
    bucket = bucket_in(placed)
    models = ModelStore.from_bucket(aws_s3.Bucket.from_bucket_name(placed, "Bucket", "the-bucket"))
    scaler = PipelineContainer(image=SCIKIT_LEARN, bucket=bucket, key="scaler.tar.gz")
    MultiModelEndpoint(
        placed,
        "Endpoint",
        image=XGBOOST,
        models=models,
        instance_type="ml.m5.xlarge",
        containers_before=[scaler],
        container_hostname="many",
    )
    template = synth(placed)
    (read,) = template.allowing("s3:GetObject")
    assert set(read["Resource"]) == {
        "arn:aws:s3:::features/scaler.tar.gz",
        "arn:aws:s3:::the-bucket/models/*",
    }
    (pull,) = template.allowing("ecr:BatchGetImage")
    names = {resource.rsplit("/", 1)[1] for resource in pull["Resource"]}
    assert names == {"sagemaker-scikit-learn", "sagemaker-xgboost"}
    assert template.one(MODEL)["Containers"][1]["ContainerHostname"] == "many"
    assert findings() == []


def test_an_encrypted_archive(stack: Stack, models: ModelStore, synth) -> None:
    key = aws_kms.Key(stack, "Key")
    bucket = aws_s3.Bucket(stack, "Encrypted", encryption_key=key)
    scaler = PipelineContainer(image=SCIKIT_LEARN, bucket=bucket, key="scaler.tar.gz")
    model_in(stack, models, containers_before=[scaler])
    (decrypt,) = synth(stack).allowing("kms:Decrypt")
    assert decrypt["Resource"]["Fn::GetAtt"][0].startswith("Key")


def test_two_images_built_here(stack: Stack, models: ModelStore, tmp_path: Path, synth) -> None:
    directory = tmp_path / "server"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    built = PipelineContainer(image=ServingImage.from_docker_asset(directory))
    model_in(stack, models, containers_before=[built], containers_after=[built])
    assert len(synth(stack).one(MODEL)["Containers"]) == 3


def test_hostnames_known_at_deployment(stack: Stack, models: ModelStore, synth) -> None:
    hostname = Token.as_string({"Ref": "Hostname"})
    model_in(stack, models, containers_before=[PipelineContainer(image=XGBOOST, hostname=hostname)])
    assert synth(stack).one(MODEL)["Containers"][0]["ContainerHostname"] == {"Ref": "Hostname"}


def test_fifteen_containers(stack: Stack, models: ModelStore, synth) -> None:
    model_in(stack, models, containers_after=[PipelineContainer(image=XGBOOST)] * 14)
    assert len(synth(stack).one(MODEL)["Containers"]) == 15


@pytest.mark.parametrize(
    ("before", "props", "fault"),
    [
        ([{}] * 15, {}, r"the pipeline has 16 containers; SageMaker takes 15"),
        ([{"hostname": "a"}, {"hostname": "a"}], {}, r"hostname a is used 2 times: use different ones"),
        ([{"hostname": "a"}], {"container_hostname": "a"}, r"hostname a is used 2 times"),
        ([{"hostname": "container-2"}], {}, r"hostname container-2 is used 2 times"),
        ([{"hostname": "no_good"}], {}, r"hostname no_good is not valid: use at most 63 letters"),
        ([{"key": "x.tar.gz"}], {}, r"key is given without bucket: give both"),
        ([], {"container_hostname": "a"}, r"container_hostname is given without a pipeline: leave it out"),
        (
            [{"environment": {"A": "x" * 1000, "B": "x" * 1000}}] * 14,
            {"environment": {f"V{n}": "x" * 1000 for n in range(6)}},
            r"the environment of all containers has 340\d\d bytes; SageMaker takes 32768",
        ),
    ],
)
def test_faults(
    stack: Stack, models: ModelStore, before: list[dict[str, Any]], props: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        model_in(
            stack,
            models,
            containers_before=[PipelineContainer(image=XGBOOST, **given) for given in before],
            **props,
        )


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (None, r"bucket is given without key: give both, or neither"),
        ("models/", r"key models/ is not a \.tar\.gz: give the archive of one model"),
        ("*.tar.gz", r"key \*\.tar\.gz contains an IAM wildcard"),
    ],
)
def test_faults_of_the_archive(stack: Stack, key: str | None, fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        PipelineContainer(image=XGBOOST, bucket=bucket_in(stack), key=key)


def endpoint_with(scope: Stack, models: ModelStore, instance_type: str, image: ServingImage) -> None:
    MultiModelEndpoint(
        scope,
        "Endpoint",
        image=ServingImage.triton("26.05"),
        models=models,
        instance_type=instance_type,
        containers_before=[PipelineContainer(image=image)],
    )


def test_a_cpu_container_next_to_a_gpu_container(stack: Stack, models: ModelStore, synth) -> None:
    endpoint_with(stack, models, "ml.g5.xlarge", SCIKIT_LEARN)
    assert len(synth(stack).one(MODEL)["Containers"]) == 2


def test_a_container_built_for_another_architecture(stack: Stack, models: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "Dockerfile").write_text("FROM scratch")
    arm = ServingImage.from_docker_asset(tmp_path / "image", platform=aws_ecr_assets.Platform.LINUX_ARM64)
    with pytest.raises(PropsError, match=r"ml\.g5\.xlarge is x86_64, the image of .* is built for arm64"):
        endpoint_with(stack, models, "ml.g5.xlarge", arm)


def test_a_container_that_the_gpu_is_too_old_for(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"has a V100 GPU of compute capability 7\.0; .* 7\.5"):
        MultiModelEndpoint(
            stack,
            "Endpoint",
            image=ServingImage.triton("24.09"),
            models=models,
            instance_type="ml.p3.2xlarge",
            containers_after=[PipelineContainer(image=ServingImage.triton("26.05"))],
        )
