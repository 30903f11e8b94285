"""A policy that IAM would refuse is refused at synth."""

from __future__ import annotations

import pytest
from aws_cdk import Stack, aws_iam, aws_s3

from mme_cdk import ExecutionRole, ModelStore, MultiModelEndpoint, PipelineContainer, ServingImage
from mme_cdk.model.policy_size import least_chars


def test_references_count_at_their_shortest() -> None:
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", {"Ref": "Bucket"}, "/*"]]}
    assert least_chars(arn) == len('"arn:aws:s3:::b/*"')
    assert least_chars({"Fn::GetAtt": ["Bucket", "Arn"]}) == 3
    assert least_chars({"Resource": [arn, arn]}) == len(
        '{"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/*"]}'
    )


def test_too_many_grants(placed: Stack, synth) -> None:
    role = ExecutionRole(placed, "Role", endpoint_name="mine")
    bucket = aws_s3.Bucket.from_bucket_name(placed, "Bucket", "models-of-the-house")
    for number in range(60):
        ModelStore.from_bucket(bucket, prefix=f"models/of-team-{number:04}/").grant_read(role)
    wrong = (
        r"\[Placed/Role\] the \d+ statements of .* have at least \d{4,5} characters; IAM takes "
        r"6144: .* role\.add_managed_policy"
    )
    with pytest.raises(RuntimeError, match=wrong):
        synth(placed)


def test_a_managed_policy_is_the_hint(placed: Stack, synth) -> None:
    role = ExecutionRole(placed, "Role", endpoint_name="mine")
    more = aws_iam.ManagedPolicy(placed, "More")
    more.add_statements(
        *(
            aws_iam.PolicyStatement(actions=["s3:GetObject"], resources=[f"arn:aws:s3:::bucket-{number}/*"])
            for number in range(50)
        )
    )
    role.add_managed_policy(more)
    assert synth(placed).one("AWS::IAM::Role")["ManagedPolicyArns"]


def test_the_longest_pipeline_fits(placed: Stack, models: ModelStore, synth) -> None:
    bucket = aws_s3.Bucket.from_bucket_name(placed, "Bucket", "b" * 63)
    MultiModelEndpoint(
        placed,
        "Endpoint",
        image=ServingImage.xgboost("3.2-0"),
        models=ModelStore.from_bucket(bucket),
        instance_type="ml.m5.large",
        containers_before=[
            PipelineContainer(
                image=ServingImage.from_uri(
                    f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/steps/of-the-pipeline-{number}:1"
                ),
                bucket=bucket,
                key=f"steps/of-the-pipeline-{number}/v1.tar.gz",
            )
            for number in range(14)
        ],
    )
    assert len(synth(placed).one("AWS::SageMaker::Model")["Containers"]) == 15
