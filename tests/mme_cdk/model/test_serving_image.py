from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack, Stage, aws_ecr, aws_ecr_assets

from mme.catalog.images import parse_ecr_uri
from mme_cdk import ExecutionRole, Processor, ServingImage
from tests.mme_cdk.building import docker_image

OWN = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/server:7"


def bound(image: ServingImage, stack: Stack) -> str:
    return image.bind(stack, ExecutionRole(stack, "Role")).image_uri


def pull_resources(template) -> list[object]:
    return [statement["Resource"] for statement in template.allowing("ecr:BatchGetImage")]


def test_triton_in_a_known_region(placed: Stack, synth) -> None:
    assert (
        placed.resolve(bound(ServingImage.triton("26.05"), placed))
        == "763104351884.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-tritonserver:26.05-py3"
    )
    template = synth(placed)
    assert "Mappings" not in template.template
    (resource,) = pull_resources(template)
    assert resource == "arn:aws:ecr:eu-west-1:763104351884:repository/sagemaker-tritonserver"
    (authorization,) = template.allowing("ecr:GetAuthorizationToken")
    assert authorization["Resource"] == "*"


def test_triton_in_china(app: App) -> None:
    stack = Stack(app, "China", env=Environment(account="111122223333", region="cn-north-1"))
    uri = stack.resolve(bound(ServingImage.triton("25.04"), stack))
    assert uri == "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-tritonserver:25.04-py3"


def test_triton_in_any_region_goes_through_one_mapping(stack: Stack, synth) -> None:
    image = ServingImage.triton("26.05")
    first = stack.resolve(bound(image, stack))
    again = image.bind(stack, ExecutionRole(stack, "Other")).image_uri
    assert stack.resolve(again) == first
    ServingImage.triton("25.04").bind(stack, ExecutionRole(stack, "Third"))
    mappings = synth(stack).template["Mappings"]
    assert set(mappings) == {"Triton2605Accounts", "Triton2504Accounts"}
    assert mappings["Triton2605Accounts"]["us-east-1"] == {"Account": "763104351884"}
    assert mappings["Triton2605Accounts"]["eu-south-2"] == {"Account": "503227376785"}
    assert "cn-north-1" not in mappings["Triton2605Accounts"]
    assert "cn-north-1" in mappings["Triton2504Accounts"]
    assert {"Fn::FindInMap": ["Triton2605Accounts", {"Ref": "AWS::Region"}, "Account"]} in first["Fn::Join"][
        1
    ]
    assert {"Ref": "AWS::URLSuffix"} in first["Fn::Join"][1]


def test_a_custom_account(stack: Stack, synth) -> None:
    uri = stack.resolve(bound(ServingImage.triton("26.05", account="999988887777"), stack))
    assert uri["Fn::Join"][1][0] == "999988887777.dkr.ecr."
    assert "Mappings" not in synth(stack).template


def test_from_ecr_repository(stack: Stack, synth) -> None:
    repository = aws_ecr.Repository(stack, "Repository")
    image = ServingImage.from_ecr_repository(repository, "7")
    assert image.traits.framework is None
    assert ":7" in str(stack.resolve(bound(image, stack)))
    (resource,) = pull_resources(synth(stack))
    assert resource["Fn::GetAtt"][1] == "Arn"


def test_from_uri_pulls_that_repository(placed: Stack, synth) -> None:
    assert bound(ServingImage.from_uri(OWN), placed) == OWN
    (resource,) = pull_resources(synth(placed))
    assert resource == "arn:aws:ecr:eu-west-1:111122223333:repository/team/server"


def test_from_uri_knows_awss_own_images() -> None:
    uri = "785573368785.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:22.07-py3"
    traits = ServingImage.from_uri(uri).traits
    assert traits.framework is not None
    assert (traits.framework.name, traits.version, traits.processor) == ("triton", "22.07", Processor.GPU)


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        (
            ServingImage.xgboost("3.2-0"),
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        ),
        (
            ServingImage.scikit_learn("1.9-0"),
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
        ),
        (ServingImage.knn(), "438346466558.dkr.ecr.eu-west-1.amazonaws.com/knn:1"),
        (ServingImage.linear_learner(), "438346466558.dkr.ecr.eu-west-1.amazonaws.com/linear-learner:1"),
        (ServingImage.random_cut_forest(), "438346466558.dkr.ecr.eu-west-1.amazonaws.com/randomcutforest:1"),
        (
            ServingImage.pytorch("2.6.0"),
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
        ),
        (
            ServingImage.tensorflow("2.19.0"),
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/tensorflow-inference:2.19.0-cpu",
        ),
        (
            ServingImage.mxnet("1.9.0"),
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/mxnet-inference:1.9.0-cpu-py38",
        ),
    ],
)
def test_awss_other_frameworks(image: ServingImage, uri: str, placed: Stack, synth) -> None:
    assert bound(image, placed) == uri
    parts = parse_ecr_uri(uri)
    assert parts is not None
    (resource,) = pull_resources(synth(placed))
    assert resource == f"arn:aws:ecr:eu-west-1:{parts.account}:repository/{parts.repository}"
    assert image.traits.processor is Processor.CPU


def test_a_mapping_of_a_framework_with_signs_in_its_name(stack: Stack, synth) -> None:
    bound(ServingImage.scikit_learn("1.9-0"), stack)
    mapping = synth(stack).template["Mappings"]["ScikitLearn190Accounts"]
    assert mapping["us-east-1"] == {"Account": "683313688378"}
    assert mapping["us-gov-west-1"] == {"Account": "414596584902"}


def test_from_docker_asset(stack: Stack, synth) -> None:
    image = docker_image(build_args={"A": "1"}, target="serve")
    uri = bound(image, stack)
    assert "container-assets" in str(stack.resolve(uri))
    (resource,) = pull_resources(synth(stack))
    assert "cdk-hnb659fds-container-assets-" in str(resource)
    assert image.traits.arch == "x86_64"
    assert image.traits.framework is None
    manifest = next(Path(Stage.of(stack).outdir).glob("*.assets.json")).read_text("utf-8")
    (built,) = json.loads(manifest)["dockerImages"].values()
    assert built["source"]["platform"] == "linux/amd64"
    assert built["source"]["dockerBuildArgs"] == {"A": "1"}
    assert built["source"]["dockerBuildTarget"] == "serve"


def test_from_docker_asset_for_arm() -> None:
    image = docker_image(platform=aws_ecr_assets.Platform.LINUX_ARM64)
    assert image.traits.arch == "arm64"


@pytest.mark.parametrize("processor", ["cpu", Processor.CPU])
def test_a_processor_by_its_value(processor: Processor | str) -> None:
    assert ServingImage.triton("26.05", processor=processor).traits.processor is Processor.CPU
