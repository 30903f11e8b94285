from __future__ import annotations

from aws_cdk import App, Stack, Token

from mme.registry.names import state_prefix
from mme_cdk import ModelBucket, ModelStore
from tests.mme_cdk.building import bucket_in, role_in, store_in


def test_url(probe_stack: Stack) -> None:
    bucket = bucket_in(probe_stack)
    assert ModelStore.from_bucket(bucket).url == "s3://the-bucket/models/"
    assert ModelStore.from_bucket(bucket, prefix="team/a/").url == "s3://the-bucket/team/a/"
    assert ModelStore.from_bucket(bucket, prefix=Token.as_string({"Ref": "Prefix"})).prefix


def test_a_tenants_state_is_where_the_registry_writes_it(stack: Stack, synth) -> None:
    store_in(stack).grant_publish(role_in(stack), prefix="tenant-a/")
    (listing,) = synth(stack).allowing("s3:ListBucket")
    kinds = [state_prefix("models/", kind) for kind in ("aliases", "removed")]
    places = ["models/tenant-a/", *(f"{kind}tenant-a/" for kind in kinds)]
    assert listing["Condition"]["StringLike"]["s3:prefix"] == [
        pattern for place in places for pattern in (place, f"{place}*")
    ]


def test_a_bucket_works_without_any_feature_flag(synth) -> None:
    stack = Stack(App(), "Bare")
    ModelBucket(stack, "Models")
    assert len(synth(stack).all("AWS::S3::Bucket")) == 2
