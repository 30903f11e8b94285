from __future__ import annotations

import pytest
from aws_cdk import Stack, Token, aws_kms
from aws_cdk.assertions import Annotations, Match

from mme_cdk import EndpointConfig, ModelStore, MultiModel, Processor, PropsError, ServingImage

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
        ({"initial_instance_count": 0}, r"initial_instance_count is 0; it must be at least 1"),
        ({"initial_variant_weight": -1}, r"initial_variant_weight is -1; it must be at least 0"),
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
