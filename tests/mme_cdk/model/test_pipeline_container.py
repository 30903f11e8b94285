from __future__ import annotations

from aws_cdk import Stack, aws_s3

from mme_cdk import PipelineContainer, ServingImage
from tests.mme_cdk.building import CPU, XGBOOST, bucket_in, docker_image, endpoint_in, key_in, model_in


def test_the_role_reads_that_one_archive_and_pulls_each_image(placed: Stack, synth) -> None:
    image = ServingImage.scikit_learn("1.9-0")
    scaler = PipelineContainer(
        image=image,
        bucket=bucket_in(placed, "features"),
        key="scaler.tar.gz",
        environment={"SAGEMAKER_PROGRAM": "scale.py"},
    )
    endpoint_in(placed, image=XGBOOST, instance_type=CPU, containers_before=[scaler])
    template = synth(placed)
    (read,) = template.allowing("s3:GetObject")
    assert set(read["Resource"]) == {
        "arn:aws:s3:::features/scaler.tar.gz",
        "arn:aws:s3:::the-bucket/models/*",
    }
    (pull,) = template.allowing("ecr:BatchGetImage")
    names = {resource.rsplit("/", 1)[1] for resource in pull["Resource"]}
    assert names == {"sagemaker-scikit-learn", "sagemaker-xgboost"}


def test_an_encrypted_archive(stack: Stack, synth) -> None:
    bucket = aws_s3.Bucket(stack, "Encrypted", encryption_key=key_in(stack))
    scaler = PipelineContainer(image=XGBOOST, bucket=bucket, key="scaler.tar.gz")
    model_in(stack, image=XGBOOST, containers_before=[scaler])
    (decrypt,) = synth(stack).allowing("kms:Decrypt")
    assert decrypt["Resource"]["Fn::GetAtt"][0].startswith("Key")


def test_two_images_built_here(stack: Stack, synth) -> None:
    built = PipelineContainer(image=docker_image())
    model_in(stack, image=XGBOOST, containers_before=[built], containers_after=[built])
    assert len(synth(stack).one("AWS::SageMaker::Model")["Containers"]) == 3
