"""Callers of the gateway, signed by the real boto3 with keys of embedded IAM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.sts.models import sts_backends

from mme_local import aws as cloud
from mme_local.containers.container import ContainerReply
from mme_local.endpoint.call import Invocation, InvokeCall
from mme_local.server.access.gatekeeper import Gatekeeper
from tests.mme_local.addresses import address, run


class EveryModel:
    """A data plane that has every model."""

    async def invoke(self, call: InvokeCall) -> Invocation:
        return Invocation(ContainerReply(200, bytes(call.body), "text/plain"), "AllTraffic")


@pytest.fixture(autouse=True)
def embedded_aws() -> Iterator[None]:
    cloud.reset()
    yield
    cloud.reset()


def told(story: Callable[[str], None], *, enforce: bool = True) -> None:
    """Run a blocking story against a gateway on localhost."""

    async def serve() -> None:
        async with address(EveryModel(), cloud.application(), Gatekeeper(enforce=enforce)) as port:
            await asyncio.to_thread(story, f"http://localhost:{port}")

    run(serve())


def client(
    url: str,
    service: str,
    key: str = "local",
    secret: str = "local",  # noqa: S107 - of nobody
    token: str | None = None,
) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def invoke(runtime: Any, model: str = "tenant-a/x_v0.tar.gz", body: bytes = b"\x00\xff") -> bytes:
    content: bytes = runtime.invoke_endpoint(EndpointName="Shop", TargetModel=model, Body=body)["Body"].read()
    return content


def policy(models: str = "tenant-a/*", effect: str = "Allow") -> str:
    statement = {
        "Effect": effect,
        "Action": "sagemaker:InvokeEndpoint",
        "Resource": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/shop",
        "Condition": {"StringLike": {"sagemaker:TargetModel": models}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def a_user(url: str, name: str = "ann") -> tuple[Any, Any]:
    """IAM's client and the user's own."""
    iam = client(url, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return iam, client(url, "sagemaker-runtime", key["AccessKeyId"], key["SecretAccessKey"])


def denied(runtime: Any, model: str = "tenant-a/x_v0.tar.gz") -> str:
    with pytest.raises(ClientError) as caught:
        invoke(runtime, model)
    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return f"{response['Error']['Code']}: {response['Error']['Message']}"


def test_a_tenant_may_call_its_own_models_alone() -> None:
    def story(url: str) -> None:
        iam, ann = a_user(url)
        assert denied(ann) == (
            "AccessDeniedException: User: arn:aws:iam::123456789012:user/ann is not authorized to perform: "
            "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/Shop "
            "because no identity-based policy allows the sagemaker:InvokeEndpoint action"
        )
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
        assert invoke(ann) == b"\x00\xff"
        assert "no identity-based policy" in denied(ann, "tenant-b/x_v0.tar.gz")
        iam.put_user_policy(UserName="ann", PolicyName="not", PolicyDocument=policy("*/secret*", "Deny"))
        assert invoke(ann) == b"\x00\xff"
        assert "explicit deny" in denied(ann, "tenant-a/secret_v0.tar.gz")

    told(story)


def test_policies_of_groups_and_managed_ones_count() -> None:
    def story(url: str) -> None:
        iam, ann = a_user(url)
        iam.create_group(GroupName="tenants")
        iam.add_user_to_group(GroupName="tenants", UserName="ann")
        iam.put_group_policy(GroupName="tenants", PolicyName="own", PolicyDocument=policy())
        assert invoke(ann)
        arn = iam.create_policy(PolicyName="b", PolicyDocument=policy("tenant-b/*"))["Policy"]["Arn"]
        iam.attach_user_policy(UserName="ann", PolicyArn=arn)
        assert invoke(ann, "tenant-b/x_v0.tar.gz")
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("tenant-c/*"), SetAsDefault=True)
        assert invoke(ann, "tenant-c/x_v0.tar.gz")
        assert "AccessDenied" in denied(ann, "tenant-b/x_v0.tar.gz")

    told(story)


def test_an_assumed_role_has_the_policies_of_its_role_within_its_session_policy() -> None:
    def story(url: str) -> None:
        iam = client(url, "iam")
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName="caller", PolicyName="all", PolicyDocument=policy("tenant-*"))

        def assumed(**more: str) -> Any:
            sts = client(url, "sts")
            return sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", **more)["Credentials"]

        keys = assumed()
        runtime = client(
            url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        )
        assert invoke(runtime, "tenant-b/x_v0.tar.gz")
        assert "assumed-role/caller/me is not authorized" in denied(runtime, "other/x_v0.tar.gz")
        stale = client(
            url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], "another token"
        )
        assert "UnrecognizedClientException" in denied(stale)
        keys = assumed(Policy=policy())
        narrow = client(
            url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        )
        assert invoke(narrow)
        assert "AccessDenied" in denied(narrow, "tenant-b/x_v0.tar.gz")

    told(story)


def test_a_wrong_secret_and_no_signature_are_refused() -> None:
    def story(url: str) -> None:
        iam, _ = a_user(url)
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
        key = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        assert "InvalidSignatureException" in denied(client(url, "sagemaker-runtime", key, "wrong"))
        unsigned = boto3.client(
            "sagemaker-runtime",
            endpoint_url=url,
            region_name="us-east-1",
            config=Config(signature_version=UNSIGNED),
        )
        assert "MissingAuthenticationTokenException" in denied(unsigned)

    told(story)


def test_a_key_that_was_deactivated_is_refused_until_it_is_active_again() -> None:
    def story(url: str) -> None:
        iam, ann = a_user(url)
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
        key = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
        assert "UnrecognizedClientException" in denied(ann)
        iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Active")
        assert invoke(ann)

    told(story)


def test_a_session_ends() -> None:
    def story(url: str) -> None:
        iam = client(url, "iam")
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName="caller", PolicyName="all", PolicyDocument=policy())
        sts = client(url, "sts")
        keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=900)["Credentials"]
        runtime = client(
            url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        )
        assert invoke(runtime)
        (session,) = sts_backends["123456789012"]["aws"].assumed_roles
        session.expiration -= timedelta(seconds=899)
        assert invoke(runtime)
        session.expiration -= timedelta(seconds=1)
        assert "ExpiredTokenException" in denied(runtime)

    told(story)


def test_keys_that_embedded_iam_does_not_know_are_the_operators() -> None:
    def story(url: str) -> None:
        assert invoke(client(url, "sagemaker-runtime"))

    told(story)


def test_nobody_is_checked_unless_it_is_asked_for() -> None:
    def story(url: str) -> None:
        _, ann = a_user(url)
        assert invoke(ann)

    told(story, enforce=False)


def test_a_bucket_may_be_called_endpoints() -> None:
    def story(url: str) -> None:
        s3 = client(url, "s3")
        s3.create_bucket(Bucket="endpoints")
        upload = s3.create_multipart_upload(Bucket="endpoints", Key="x/invocations")["UploadId"]
        part = s3.upload_part(
            Bucket="endpoints", Key="x/invocations", UploadId=upload, PartNumber=1, Body=b"content"
        )
        s3.complete_multipart_upload(
            Bucket="endpoints",
            Key="x/invocations",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
        assert s3.get_object(Bucket="endpoints", Key="x/invocations")["Body"].read() == b"content"

    told(story)
