from __future__ import annotations

import pytest
from aws_cdk import Stack, aws_iam, aws_kms, aws_s3
from aws_cdk.assertions import Annotations, Match

from mme_cdk import ModelStore, MultiModel, PropsError, ServingImage

MODEL = "AWS::SageMaker::Model"
TRITON = ServingImage.triton("26.05")


def test_multi_model_mode(stack: Stack, models: ModelStore, synth) -> None:
    MultiModel(stack, "Model", image=TRITON, models=models)
    properties = synth(stack).one(MODEL)
    container = properties["PrimaryContainer"]
    assert container["Mode"] == "MultiModel"
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Enabled"}
    assert container["ModelDataUrl"]["Fn::Join"][1][-1] == "/models/"
    assert container["Environment"] == {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}
    assert "ModelName" not in properties


def test_without_cache(stack: Stack, models: ModelStore, synth) -> None:
    MultiModel(stack, "Model", image=TRITON, models=models, cache_models=False)
    container = synth(stack).one(MODEL)["PrimaryContainer"]
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}


def test_environment_goes_over_the_defaults(stack: Stack, models: ModelStore, synth) -> None:
    variables = {"SAGEMAKER_TRITON_LOG_VERBOSE": "1", "SAGEMAKER_TRITON_THREAD_COUNT": "8"}
    MultiModel(stack, "Model", image=TRITON, models=models, environment=variables)
    assert synth(stack).one(MODEL)["PrimaryContainer"]["Environment"] == variables


def test_no_triton_variables_for_other_images(placed: Stack, synth) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(placed, "Bucket", "the-bucket")
    image = ServingImage.from_uri("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/server:7")
    MultiModel(placed, "Model", image=image, models=ModelStore.from_bucket(bucket))
    assert "Environment" not in synth(placed).one(MODEL)["PrimaryContainer"]


def test_too_many_variables(stack: Stack, models: ModelStore) -> None:
    variables = {f"V{number}": "x" for number in range(100)}
    with pytest.raises(PropsError, match=r"environment has 101 variables; SageMaker takes 100"):
        MultiModel(stack, "Model", image=TRITON, models=models, environment=variables)


def test_the_model_waits_for_the_roles_policy(stack: Stack, models: ModelStore, synth) -> None:
    MultiModel(stack, "Model", image=TRITON, models=models)
    template = synth(stack)
    (model,) = template.all(MODEL)
    assert template.id_of("AWS::IAM::ManagedPolicy") in model["DependsOn"]


def test_an_imported_role_gets_a_policy_that_the_model_waits_for(
    stack: Stack, models: ModelStore, synth
) -> None:
    role = aws_iam.Role.from_role_arn(stack, "Imported", "arn:aws:iam::111122223333:role/theirs")
    model = MultiModel(stack, "Model", image=TRITON, models=models, role=role)
    template = synth(stack)
    assert template.one(MODEL)["ExecutionRoleArn"] == "arn:aws:iam::111122223333:role/theirs"
    (policy,) = template.all("AWS::IAM::Policy")
    assert policy["Properties"]["Roles"] == ["theirs"]
    assert template.all(MODEL)[0]["DependsOn"]
    assert model.role is role


def test_it_can_be_granted_more(stack: Stack, models: ModelStore, synth) -> None:
    model = MultiModel(stack, "Model", image=TRITON, models=models)
    aws_s3.Bucket.from_bucket_name(stack, "Features", "features").grant_read(model)
    assert any("features" in str(statement) for statement in synth(stack).statements())


@pytest.mark.parametrize(("version", "count"), [("25.09", 1), ("26.05", 0)])
def test_triton_before_paths_were_confined_warns(
    stack: Stack, models: ModelStore, version: str, count: int
) -> None:
    MultiModel(stack, "Model", image=ServingImage.triton(version), models=models)
    text = Match.string_like_regexp(f"{version} .*path traversal.*use 26.03 or newer")
    assert len(Annotations.from_stack(stack).find_warning("/Test/Model", text)) == count


def test_the_key_of_an_imported_bucket(stack: Stack, synth) -> None:
    key = aws_kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/k")
    bucket = aws_s3.Bucket.from_bucket_attributes(
        stack, "Bucket", bucket_name="the-bucket", encryption_key=key
    )
    MultiModel(stack, "Model", image=TRITON, models=ModelStore.from_bucket(bucket))
    (decrypt,) = synth(stack).allowing("kms:Decrypt")
    assert decrypt["Resource"] == "arn:aws:kms:eu-west-1:111122223333:key/k"
