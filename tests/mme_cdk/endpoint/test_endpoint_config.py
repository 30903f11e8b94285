from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Duration, Size, Stack, Token, Validations, aws_kms
from aws_cdk.assertions import Annotations, Match
from cdk_nag import HIPAASecurityChecks, NIST80053R5Checks

from mme_cdk import (
    EndpointConfig,
    ModelStore,
    MultiModel,
    Processor,
    PropsError,
    RoutingStrategy,
    ServingImage,
)

CONFIG = "AWS::SageMaker::EndpointConfig"


@pytest.fixture
def model(stack: Stack, models: ModelStore) -> MultiModel:
    return MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)


@pytest.fixture
def cpu_model(stack: Stack, models: ModelStore) -> MultiModel:
    image = ServingImage.triton("26.05", processor=Processor.CPU)
    return MultiModel(stack, "Model", image=image, models=models)


def test_gpu_variant(stack: Stack, model: MultiModel, synth) -> None:
    EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge", initial_instance_count=2)
    properties = synth(stack).one(CONFIG)
    (variant,) = properties["ProductionVariants"]
    assert variant["InstanceType"] == "ml.g5.xlarge"
    assert variant["InitialInstanceCount"] == 2
    assert variant["InitialVariantWeight"] == 1
    assert variant["ModelName"]["Fn::GetAtt"][1] == "ModelName"
    assert properties["MetricsConfig"] == {"EnableDetailedObservability": False}
    assert "EndpointConfigName" not in properties
    # Types with NVMe storage, such as this one, take neither.
    assert "VolumeSizeInGB" not in variant
    assert "KmsKeyId" not in properties


def test_cpu_variant_with_a_key(stack: Stack, cpu_model: MultiModel, synth) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    EndpointConfig(
        stack,
        "Config",
        model=cpu_model,
        instance_type="ml.m5.large",
        variant_name="blue",
        initial_variant_weight=0.5,
        encryption_key=key,
        detailed_observability=True,
    )
    properties = synth(stack).one(CONFIG)
    assert properties["KmsKeyId"]["Fn::GetAtt"][1] == "Arn"
    assert properties["MetricsConfig"] == {"EnableDetailedObservability": True}
    assert properties["ProductionVariants"][0]["VariantName"] == "blue"
    assert properties["ProductionVariants"][0]["InitialVariantWeight"] == 0.5


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"instance_type": "ml.g5.12xlarge"}, r"has 4 GPUs; .* ml\.g5\.16xlarge is the largest"),
        ({"instance_type": "ml.g5.xlage"}, r"ml\.g5\.xlage is not a .* did you mean ml\.g5\.xlarge"),
        ({"instance_type": "ml.p3.2xlarge"}, r"compute capability 7\.0; .* needs 7\.5"),
        ({"initial_instance_count": 0}, r"initial_instance_count is 0; must be at least 1"),
        ({"initial_variant_weight": -1}, r"initial_variant_weight is -1; must be at least 0"),
        (
            {"instance_type": "ml.p4d.24xlarge", "initial_instance_count": 0},
            r"^Test/Config: .*8 GPUs.*; initial_instance_count is 0",
        ),
    ],
)
def test_faults(stack: Stack, model: MultiModel, props: dict[str, object], fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        EndpointConfig(stack, "Config", model=model, **{"instance_type": "ml.g5.xlarge", **props})


def test_no_key_on_local_storage(stack: Stack, model: MultiModel) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    with pytest.raises(PropsError, match=r"ml\.g5\.xlarge has local NVMe.*: leave encryption_key out"):
        EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge", encryption_key=key)


def test_everything_about_a_variant(stack: Stack, cpu_model: MultiModel, synth) -> None:
    EndpointConfig(
        stack,
        "Config",
        model=cpu_model,
        instance_type="ml.m5.large",
        volume_size=Size.gibibytes(200),
        model_data_download_timeout=Duration.minutes(10),
        container_startup_health_check_timeout=Duration.minutes(5),
        routing_strategy=RoutingStrategy.LEAST_OUTSTANDING_REQUESTS,
        enhanced_metrics=True,
        metric_publish_frequency=Duration.seconds(30),
    )
    properties = synth(stack).one(CONFIG)
    (variant,) = properties["ProductionVariants"]
    assert variant["VolumeSizeInGB"] == 200
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 600
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 300
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    assert "InferenceAmiVersion" not in variant
    assert properties["MetricsConfig"] == {
        "EnableDetailedObservability": False,
        "EnableEnhancedMetrics": True,
        "MetricPublishFrequencyInSeconds": 30,
    }


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"volume_size": Size.gibibytes(513)}, r"volume_size is 513 GiB; must be whole GiB, from"),
        ({"model_data_download_timeout": Duration.seconds(59)}, r"download_timeout is 59 s; .* 60 to 3600 s"),
        (
            {"container_startup_health_check_timeout": Duration.hours(2)},
            r"container_startup_health_check_timeout is 7200 s",
        ),
        ({"metric_publish_frequency": Duration.seconds(20)}, r"is 20 s; must be one of 10, 30, 60, 120"),
        ({"variant_name": "no_good"}, r"variant_name no_good is not valid: use at most 63"),
        (
            {"inference_ami_version": "al2023-ami-sagemaker-inference-gpu-4-1"},
            r"GPU drivers and ml\.m5\.large has no GPU: leave it out",
        ),
    ],
)
def test_faults_of_a_cpu_variant(
    stack: Stack, cpu_model: MultiModel, props: dict[str, object], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        EndpointConfig(stack, "Config", model=cpu_model, **{"instance_type": "ml.m5.large", **props})


def test_no_volume_size_on_local_storage(stack: Stack, model: MultiModel) -> None:
    with pytest.raises(PropsError, match=r"ml\.g5\.xlarge has local NVMe storage.*: leave volume_size out"):
        EndpointConfig(
            stack, "Config", model=model, instance_type="ml.g5.xlarge", volume_size=Size.gibibytes(30)
        )


@pytest.mark.parametrize(
    ("version", "ami"),
    [("24.09", None), ("25.04", None), ("25.09", "al2023-ami-sagemaker-inference-gpu-4-1")],
)
def test_the_ami_follows_tritons_cuda(
    stack: Stack, models: ModelStore, synth, version: str, ami: str | None
) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton(version), models=models)
    config = EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")
    (variant,) = synth(stack).one(CONFIG)["ProductionVariants"]
    assert variant.get("InferenceAmiVersion") == ami
    assert config.variant().inference_ami_version == ami


def test_an_ami_with_too_old_a_driver(stack: Stack, model: MultiModel) -> None:
    with pytest.raises(PropsError, match=r"Triton .* 26\.05 .* CUDA 13 and al2-.*-3-1 has driver 550"):
        EndpointConfig(
            stack,
            "Config",
            model=model,
            instance_type="ml.g5.xlarge",
            inference_ami_version="al2-ami-sagemaker-inference-gpu-3-1",
        )


def test_an_ami_with_a_newer_driver(stack: Stack, models: ModelStore) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("24.09"), models=models)
    EndpointConfig(
        stack,
        "Config",
        model=model,
        instance_type="ml.g5.xlarge",
        inference_ami_version="al2023-ami-sagemaker-inference-gpu-4-1",
    )
    Annotations.from_stack(stack).has_warning("/Test/Config", Match.string_like_regexp("older driver lib"))


def test_an_ami_known_only_at_deployment(stack: Stack, model: MultiModel, synth) -> None:
    EndpointConfig(
        stack,
        "Config",
        model=model,
        instance_type=Token.as_string({"Ref": "Type"}),
        inference_ami_version=Token.as_string({"Ref": "Ami"}),
    )
    (variant,) = synth(stack).one(CONFIG)["ProductionVariants"]
    assert variant["InferenceAmiVersion"] == {"Ref": "Ami"}


def test_several_variants(stack: Stack, cpu_model: MultiModel, synth) -> None:
    config = EndpointConfig(stack, "Config", model=cpu_model, instance_type="ml.m5.large")
    config.add_variant(
        "challenger",
        model=cpu_model,
        instance_type="ml.c5.large",
        initial_instance_count=2,
        initial_variant_weight=0.1,
        volume_size=Size.gibibytes(10),
    )
    first, second = synth(stack).one(CONFIG)["ProductionVariants"]
    assert (first["VariantName"], second["VariantName"]) == ("AllTraffic", "challenger")
    assert (second["InstanceType"], second["InitialInstanceCount"]) == ("ml.c5.large", 2)
    assert (second["InitialVariantWeight"], second["VolumeSizeInGB"]) == (0.1, 10)
    Annotations.from_stack(stack).has_warning("/Test/Config", Match.string_like_regexp("several variants"))


def test_variants_are_checked_together(stack: Stack, cpu_model: MultiModel) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    config = EndpointConfig(stack, "Config", model=cpu_model, instance_type="ml.m5.large", encryption_key=key)
    with pytest.raises(PropsError, match=r"m5d\.large has local NVMe.*; variant_name AllTraffic is taken"):
        config.add_variant("AllTraffic", model=cpu_model, instance_type="ml.m5d.large")
    with pytest.raises(PropsError, match=r"there is no variant other: use one of AllTraffic"):
        config.variant("other")
    for number in range(9):
        config.add_variant(f"v{number}", model=cpu_model, instance_type="ml.m5.large")
    with pytest.raises(PropsError, match=r"the config has 10 variants"):
        config.add_variant("eleventh", model=cpu_model, instance_type="ml.m5.large")


@pytest.mark.parametrize(("instance_type", "found"), [("ml.g5.xlarge", 0), ("ml.m5.large", 1)])
def test_packs_that_ask_for_a_key(
    app: App, stack: Stack, models: ModelStore, instance_type: str, found: int
) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    EndpointConfig(stack, "Config", model=model, instance_type=instance_type)
    Validations.of(app).add_plugins(HIPAASecurityChecks(app), NIST80053R5Checks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()  # the bucket lacks what these packs ask of buckets
    report = (Path(app.outdir) / "validation-report.json").read_text("utf-8")
    rules = {
        check["ruleName"] for plugin in json.loads(report)["pluginReports"] for check in plugin["violations"]
    }
    asked = {rule for rule in rules if "EndpointConfigurationKMSKey" in rule}
    assert len(asked) == 2 * found


def test_gpu_type_with_a_cpu_framework(stack: Stack, models: ModelStore) -> None:
    uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    model = MultiModel(stack, "Model", image=ServingImage.from_uri(uri), models=models)
    with pytest.raises(PropsError, match=r"ml\.g5\.xlarge is a GPU type; XGBoost .* CPUs only: use"):
        EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")


def test_gpu_type_with_the_cpu_build(stack: Stack, cpu_model: MultiModel) -> None:
    with pytest.raises(PropsError, match=r"cannot use its GPU: use the GPU build"):
        EndpointConfig(stack, "Config", model=cpu_model, instance_type="ml.g5.xlarge")


def test_tokens_pass(stack: Stack, model: MultiModel, synth) -> None:
    EndpointConfig(
        stack,
        "Config",
        model=model,
        instance_type=Token.as_string({"Ref": "Type"}),
        initial_instance_count=Token.as_number({"Ref": "Count"}),
    )
    (variant,) = synth(stack).one(CONFIG)["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ({"Ref": "Type"}, {"Ref": "Count"})


@pytest.mark.parametrize(
    ("instance_type", "warning"), [("ml.g6.xlarge", "does not list"), ("ml.m5.large", "use the CPU build")]
)
def test_warnings_reach_the_cli(stack: Stack, model: MultiModel, instance_type: str, warning: str) -> None:
    EndpointConfig(stack, "Config", model=model, instance_type=instance_type)
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(warning))
    assert [entry.id for entry in found] == ["/Test/Config"]
