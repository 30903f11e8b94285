"""What a role of the containers may read, by its policies and the bucket's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mme_local import aws as embedded_aws
from mme_local.aws.objects import ObjectMissing
from mme_local.aws.role_rights import may_read_object

ROLE = "arn:aws:iam::123456789012:role/serving"
MODEL = "arn:aws:s3:::models/models/a.tar.gz"


@pytest.fixture
def client() -> Callable[[str], Any]:
    found = embedded_aws.clients_of("123456789012", "us-east-1").client
    found("s3").create_bucket(Bucket="models")
    found("s3").put_object(Bucket="models", Key="models/a.tar.gz", Body=b"x")
    return found


def policy(effect: str = "Allow", action: str = "s3:GetObject", resource: str = MODEL, **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def give(client: Any, document: str | None, **role: Any) -> None:
    client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument="{}", **role)
    if document is not None:
        client("iam").put_role_policy(RoleName="serving", PolicyName="p", PolicyDocument=document)


def read() -> bool:
    return may_read_object(ROLE, "models", "models/a.tar.gz")


def test_a_role_that_iam_does_not_have_is_not_checked(client: Any) -> None:
    assert read()
    assert may_read_object("", "models", "models/a.tar.gz")


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        (None, False),
        (policy(), True),
        (policy(resource="arn:aws:s3:::models/models/*"), True),
        (policy(resource="arn:aws:s3:::models/other/*"), False),
        (policy(action="s3:ListBucket", resource="*"), False),
        (policy(Condition={"Bool": {"aws:SecureTransport": "true"}}), True),
        (policy(Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}), False),
    ],
)
def test_its_own_policies(client: Any, document: str | None, allowed: bool) -> None:
    give(client, document)
    assert read() is allowed


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Principal": {"AWS": ROLE}}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, False),
        ({"Principal": {"AWS": ["arn:aws:iam::123456789012:role/other"]}}, False),
        ({"Principal": {"Service": "sagemaker.amazonaws.com"}}, False),
    ],
)
def test_the_bucket_may_allow_the_role(client: Any, statement: dict[str, Any], allowed: bool) -> None:
    give(client, None)
    client("s3").put_bucket_policy(Bucket="models", Policy=policy(**statement))
    assert read() is allowed


def test_a_deny_of_the_bucket_for_the_account_wins_but_not_one_without_tls(client: Any) -> None:
    give(client, policy())
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    client("s3").put_bucket_policy(
        Bucket="models", Policy=policy("Deny", "s3:*", "*", Principal="*", Condition=tls)
    )
    assert read()
    client("s3").put_bucket_policy(Bucket="models", Policy=policy("Deny", Principal={"AWS": "123456789012"}))
    assert not read()


def test_a_permissions_boundary_must_allow_too(client: Any) -> None:
    create = client("iam").create_policy
    boundary = create(PolicyName="limit", PolicyDocument=policy(action="logs:*", resource="*"))["Policy"][
        "Arn"
    ]
    give(client, policy(), PermissionsBoundary=boundary)
    assert not read()


def test_the_key_of_the_object_must_be_usable(client: Any) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    client("s3").put_object(Bucket="models", Key="models/a.tar.gz", Body=b"x", **encrypted)
    give(client, policy())
    assert not read()
    more = policy(action="kms:Decrypt", resource=key)
    client("iam").put_role_policy(RoleName="serving", PolicyName="k", PolicyDocument=more)
    assert read()


def test_a_missing_object_is_reported_as_such(client: Any) -> None:
    with pytest.raises(ObjectMissing):
        may_read_object(ROLE, "models", "models/none.tar.gz")
