from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack, Token, aws_ecr
from aws_cdk.assertions import Annotations, Match

from mme_cdk import ExecutionRole, Processor, PropsError, ServingImage

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


def test_triton_for_cpus(placed: Stack) -> None:
    uri = placed.resolve(bound(ServingImage.triton("25.09", processor=Processor.CPU), placed))
    assert uri.endswith("/sagemaker-tritonserver:25.09-py3-cpu")


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


def test_an_account_of_ones_own(stack: Stack, synth) -> None:
    uri = stack.resolve(bound(ServingImage.triton("26.05", account="999988887777"), stack))
    assert uri["Fn::Join"][1][0] == "999988887777.dkr.ecr."
    assert "Mappings" not in synth(stack).template


def test_triton_where_it_is_not(app: App) -> None:
    stack = Stack(app, "Gov", env=Environment(account="111122223333", region="us-gov-west-1"))
    with pytest.raises(PropsError, match=r"^Gov: AWS has no Triton .* image in us-gov-west-1: copy one"):
        bound(ServingImage.triton("26.05"), stack)


def test_an_unpublished_version() -> None:
    with pytest.raises(PropsError, match=r"22\.07 is not a SageMaker image .* 23\.12.*full image uri"):
        ServingImage.triton("22.07")


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


@pytest.mark.parametrize("uri", ["nvcr.io/nvidia/tritonserver:26.05-py3", "team/server", ""])
def test_from_uri_outside_ecr(uri: str) -> None:
    with pytest.raises(PropsError, match=r"is not an ECR image uri, and SageMaker pulls from ECR: copy"):
        ServingImage.from_uri(uri)


def test_from_uri_known_only_at_deployment_warns(stack: Stack, synth) -> None:
    bound(ServingImage.from_uri(Token.as_string({"Ref": "ImageUri"})), stack)
    assert synth(stack).allowing("ecr:BatchGetImage") == []
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("no pull rights"))
    assert len(warnings) == 1
