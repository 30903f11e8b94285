from __future__ import annotations

import pytest
from aws_cdk import Stack, Token, aws_iam, aws_kms, aws_s3

from mme.registry.names import state_prefix
from mme_cdk import ModelBucket, ModelStore, PropsError


@pytest.fixture
def bucket(stack: Stack) -> aws_s3.IBucket:
    return aws_s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")


@pytest.fixture
def role(stack: Stack) -> aws_iam.Role:
    return aws_iam.Role(stack, "Role", assumed_by=aws_iam.AccountRootPrincipal())


def test_url(bucket: aws_s3.IBucket) -> None:
    assert ModelStore.from_bucket(bucket).url == "s3://the-bucket/models/"
    assert ModelStore.from_bucket(bucket, prefix="team/a/").url == "s3://the-bucket/team/a/"


@pytest.mark.parametrize(
    ("prefix", "fault"),
    [
        ("models", r"prefix models has no trailing slash: use models/"),
        ("/models/", r"prefix /models/ starts with a slash: use models/"),
        ("a//b/", r"empty folder name"),
        ("a*/", r"contains an IAM wildcard or variable"),
        ("a${x}/", r"contains an IAM wildcard or variable"),
        ("", r"prefix is empty; models need a folder"),
        ("/", r"prefix is empty"),
        ("x" * 1024 + "/", r"longer than 1024"),
        ("/models*", r"no trailing slash.*starts with a slash.*wildcard"),
    ],
)
def test_prefixes_that_cannot_work(bucket: aws_s3.IBucket, prefix: str, fault: str) -> None:
    with pytest.raises(PropsError, match=fault):
        ModelStore.from_bucket(bucket, prefix=prefix)


def test_a_prefix_known_only_at_deployment_passes(bucket: aws_s3.IBucket) -> None:
    assert ModelStore.from_bucket(bucket, prefix=Token.as_string({"Ref": "Prefix"})).prefix


def test_reading_is_bound_to_the_prefix(
    stack: Stack, role: aws_iam.Role, bucket: aws_s3.IBucket, synth
) -> None:
    ModelStore.from_bucket(bucket, prefix="team/").grant_read(role)
    template = synth(stack)
    (read,) = template.allowing("s3:GetObject")
    assert read["Action"] == "s3:GetObject"
    assert read["Resource"]["Fn::Join"][1][-1] == ":s3:::the-bucket/team/*"
    (listing,) = template.allowing("s3:ListBucket")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["team/", "team/*"]}}
    assert listing["Resource"]["Fn::Join"][1][-1] == ":s3:::the-bucket"
    assert len(template.statements()) == 2


def test_a_tenant_publishes_under_its_own_prefix_only(
    stack: Stack, role: aws_iam.Role, bucket: aws_s3.IBucket, synth
) -> None:
    ModelStore.from_bucket(bucket).grant_publish(role, prefix="tenant-a/")
    template = synth(stack)
    (write,) = template.allowing("s3:DeleteObject")
    assert write["Resource"]["Fn::Join"][1][-1] == ":s3:::the-bucket/models/tenant-a/*"
    (listing,) = template.allowing("s3:ListBucket")
    kinds = [state_prefix("models/", kind) for kind in ("aliases", "removed")]
    places = ["models/tenant-a/", *(f"{kind}tenant-a/" for kind in kinds)]
    assert listing["Condition"]["StringLike"]["s3:prefix"] == [
        pattern for place in places for pattern in (place, f"{place}*")
    ]
    (state,) = [
        statement for statement in template.allowing("s3:PutObject") if statement["Action"] != write["Action"]
    ]
    assert sorted(state["Action"]) == ["s3:GetObject", "s3:PutObject"]
    assert [arn["Fn::Join"][1][-1] for arn in state["Resource"]] == [
        f":s3:::the-bucket/{place}*" for place in places[1:]
    ]


@pytest.mark.parametrize("prefix", ["", "tenant-a/"])
def test_who_resolves_aliases_reads_aliases_and_nothing_else(
    stack: Stack, role: aws_iam.Role, bucket: aws_s3.IBucket, synth, prefix: str
) -> None:
    ModelStore.from_bucket(bucket).grant_resolve_aliases(role, prefix=prefix)
    template = synth(stack)
    place = state_prefix("models/", "aliases") + prefix
    (read,) = template.allowing("s3:GetObject")
    assert (read["Action"], read["Resource"]["Fn::Join"][1][-1]) == (
        "s3:GetObject",
        f":s3:::the-bucket/{place}*",
    )
    (listing,) = template.allowing("s3:ListBucket")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": [place, f"{place}*"]}}
    assert len(template.statements()) == 2


@pytest.mark.parametrize("grant", ["grant_publish", "grant_resolve_aliases"])
@pytest.mark.parametrize("prefix", ["tenant-a", "*/", "/tenant/"])
def test_a_tenants_prefix_is_checked(
    role: aws_iam.Role, bucket: aws_s3.IBucket, grant: str, prefix: str
) -> None:
    with pytest.raises(PropsError, match="prefix"):
        getattr(ModelStore.from_bucket(bucket), grant)(role, prefix=prefix)


@pytest.mark.parametrize(
    ("grant", "actions"),
    [
        ("grant_read", {"kms:Decrypt"}),
        ("grant_resolve_aliases", {"kms:Decrypt"}),
        ("grant_publish", {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_a_key_of_ours_is_granted_too(
    stack: Stack, role: aws_iam.Role, synth, grant: str, actions: set[str]
) -> None:
    key = aws_kms.Key(stack, "Key", enable_key_rotation=True)
    store = ModelStore.from_bucket(ModelBucket(stack, "Models", encryption_key=key, access_logs=False))
    getattr(store, grant)(role)
    (statement,) = synth(stack).allowing("kms:Decrypt")
    named = statement["Action"]
    assert set([named] if isinstance(named, str) else named) == actions
