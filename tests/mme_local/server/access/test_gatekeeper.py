"""Callers of the gateway, signed by the real boto3 with keys of embedded IAM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from queue import Queue
from threading import Thread
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
        return Invocation(ContainerReply(200, call.body, "text/plain"), "AllTraffic")


@pytest.fixture(autouse=True)
def embedded_aws() -> Iterator[None]:
    cloud.reset()
    yield
    cloud.reset()


@pytest.fixture(params=[True], ids=["enforced"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a gateway that runs in a thread; the parameter is whether it enforces IAM."""
    ports: Queue[int] = Queue()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with address(EveryModel(), cloud.application(), Gatekeeper(enforce=request.param)) as port:
            ports.put(port)
            await stop.wait()

    thread = Thread(target=run, args=[serve()])
    thread.start()
    yield f"http://localhost:{ports.get(timeout=30)}"
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


def client(
    url: str,
    service: str,
    key: str = "local",
    secret: str = "local",  # noqa: S107 - a dummy
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


def test_a_tenant_may_call_only_its_own_models(url: str) -> None:
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


def test_group_and_managed_policies_apply(url: str) -> None:
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


def test_an_assumed_role_is_limited_by_its_session_policy(url: str) -> None:
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
    stale = client(url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], "another token")
    assert "UnrecognizedClientException" in denied(stale)
    keys = assumed(Policy=policy())
    narrow = client(
        url, "sagemaker-runtime", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    )
    assert invoke(narrow)
    assert "AccessDenied" in denied(narrow, "tenant-b/x_v0.tar.gz")


def test_a_wrong_secret_and_no_signature_are_refused(url: str) -> None:
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


def test_a_target_model_that_is_not_signed_is_refused(url: str) -> None:
    iam, ann = a_user(url)
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-SageMaker-Target-Model"] = "tenant-a/x_v0.tar.gz"

    ann.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", add)
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        ann.invoke_endpoint(EndpointName="Shop", Body=b"")


def test_an_inactive_key_is_refused(url: str) -> None:
    iam, ann = a_user(url)
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy())
    key = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    assert "UnrecognizedClientException" in denied(ann)
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Active")
    assert invoke(ann)


def test_an_expired_session_is_refused(url: str) -> None:
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


def test_unknown_keys_belong_to_the_operator(url: str) -> None:
    assert invoke(client(url, "sagemaker-runtime"))


@pytest.mark.parametrize("url", [False], indirect=True)
def test_callers_are_not_checked_by_default(url: str) -> None:
    _, ann = a_user(url)
    assert invoke(ann)
