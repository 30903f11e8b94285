"""The application as a whole: its start, its patches of moto, and its cleanup."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from mme_local import aws as embedded_aws


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_services_are_imported_on_first_use() -> None:
    loaded = run("""
        import sys
        import mme_local.aws.control_plane
        from mme_local import aws as embedded_aws
        print([name for name in ("moto", "boto3", "flask", "werkzeug") if name in sys.modules])
        embedded_aws.application()
        print([name for name in ("ec2", "cloudformation", "applicationautoscaling", "awslambda")
               if f"moto.{name}.models" in sys.modules])
    """)

    assert loaded.split() == ["[]", "[]"]


def test_an_incompatible_moto_is_reported() -> None:
    message = run("""
        from moto.sagemaker.models import sagemaker_backends
        sagemaker_backends.backend = object
        from mme_local import aws as embedded_aws
        try:
            embedded_aws.application()
        except RuntimeError as error:
            print(error)
    """)

    assert message.strip() == "this release of moto does not have SageMakerModelBackend where it is patched"


def test_a_backend_that_moto_has_made_already_is_replaced() -> None:
    name = run("""
        from moto.sagemaker.models import sagemaker_backends
        sagemaker_backends["123456789012"]["us-east-1"]
        from mme_local import aws as embedded_aws
        embedded_aws.application()
        print(type(sagemaker_backends["123456789012"]["us-east-1"]).__name__)
    """)

    assert name.strip() == "EmbeddedSageMaker"


def test_reset_deletes_everything(aws: Any) -> None:
    aws("s3").create_bucket(Bucket="models")
    aws("cloudformation").create_stack(
        StackName="app", TemplateBody='{"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}'
    )

    embedded_aws.reset()

    assert aws("s3").list_buckets()["Buckets"] == []
    assert aws("cloudformation").describe_stacks()["Stacks"] == []


def test_nothing_is_left_on_the_disk(tmp_path: Any) -> None:
    run(f"""
        import tempfile
        tempfile.tempdir = {str(tmp_path)!r}
        from mme_local.aws import clients_of
        from mme_local.aws.control_plane import head_object
        aws = clients_of("123456789012", "us-east-1")
        aws.call("s3", "create_bucket", {{"Bucket": "models"}})
        aws.call("s3", "put_object", {{"Bucket": "models", "Key": "big", "Body": b"x" * (20 << 20)}})
        assert head_object("models", "big").size == 20 << 20
    """)

    assert list(tmp_path.iterdir()) == []


def test_the_users_aws_files_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    listed = run("""
        from mme_local.aws import clients_of
        aws = clients_of("123456789012", "us-east-1")
        template = '{"Resources": {"B": {"Type": "AWS::S3::Bucket"}, "T": {"Type": "AWS::SNS::Topic"}}}'
        aws.call("cloudformation", "create_stack", {"StackName": "app", "TemplateBody": template})
        print(aws.call("cloudformation", "describe_stacks", {})["Stacks"][0]["StackStatus"])
    """)

    assert listed.strip() == "CREATE_COMPLETE"


def test_lookup_events_are_empty(aws: Any) -> None:
    assert aws("cloudtrail").lookup_events()["Events"] == []


@pytest.mark.parametrize("name", ["AdministratorAccess", "ReadOnlyAccess"])
def test_aws_managed_policies_exist(aws: Any, name: str) -> None:
    iam = aws("iam")

    policy = iam.get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{name}")["Policy"]

    assert policy["PolicyName"] == name
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
