"""Models move while an endpoint serves: the old fleet keeps its rights until the new one serves."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, aws_iam, aws_kms, aws_s3
from moto.s3.models import s3_backends

from mme_cdk import DeploymentStrategy, ModelStore, MultiModelEndpoint, Processor, ServingImage
from mme_local import aws as embedded_aws
from mme_local.aws.cloudformation import stack as stacks
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.data_plane import DataPlane
from mme_local.endpoint.errors import InvokeError
from mme_local.settings import LocalSettings
from tests.archives.archive_builder import pack
from tests.mme_local.fake_container import FakeContainer

ACCOUNT, REGION = "123456789012", "us-east-1"
MODELS = 50
OLD, NEW = ("old-bucket", "models/"), ("new-bucket", "models/")


def template(place: tuple[str, str], keys: dict[str, str], *, own_role: bool, broken: bool) -> dict[str, Any]:
    """A canary deployment of models in a place; a broken one fails at its end."""
    stack = Stack(App(analytics_reporting=False), "app", env=Environment(account=ACCOUNT, region=REGION))
    bucket, prefix = place
    key = aws_kms.Key.from_key_arn(stack, "Key", keys[bucket])
    sagemaker = aws_iam.ServicePrincipal("sagemaker.amazonaws.com")
    endpoint = MultiModelEndpoint(
        stack,
        "Endpoint",
        endpoint_name="mme",
        image=ServingImage.triton("26.05", processor=Processor.CPU),
        instance_type="ml.m5.xlarge",
        initial_instance_count=2,
        models=ModelStore.from_bucket(
            aws_s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name=bucket, encryption_key=key),
            prefix=prefix,
        ),
        role=aws_iam.Role(stack, "Role", assumed_by=sagemaker) if own_role else None,
        deployment=DeploymentStrategy.canary(),
    )
    if broken:
        # After everything else.
        missing = aws_iam.CfnPolicy(
            stack, "Bad", policy_name="bad", policy_document={"Statement": []}, roles=["missing"]
        )
        missing.node.add_dependency(endpoint)
    assembly = stack.node.root.synth()  # type: ignore[attr-defined]
    found: dict[str, Any] = assembly.get_stack_by_name("app").template
    return found


def in_place(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The same update with the policy's old logical id, as aws-cdk has it by default."""
    (old,), (new,) = (
        [id for id, one in each["Resources"].items() if "Policy" in one["Type"]] for each in (before, after)
    )
    found: dict[str, Any] = json.loads(json.dumps(after).replace(new, old))
    return found


class Caller:
    """Calls a model that is not loaded at every event of CloudFormation."""

    def __init__(self, plane: DataPlane, loop: asyncio.AbstractEventLoop) -> None:
        self._plane, self._loop = plane, loop
        self._models = itertools.count()
        self.faults: list[str] = []

    @property
    def calls(self) -> int:
        return int(re.sub(r"\D", "", repr(self._models)))

    def __call__(self, event: str) -> None:
        model = f"m{next(self._models)}.tar.gz"
        call = self._plane.invoke(InvokeCall("mme", model, b"x"))
        try:
            asyncio.run_coroutine_threadsafe(call, self._loop).result(30)
        except InvokeError as error:
            self.faults.append(f"{event}: {error.message}")


@pytest.fixture
def keys() -> dict[str, str]:
    """Two buckets with the same models, each encrypted with its own key; the key's ARN by bucket."""
    aws = embedded_aws.clients_of(ACCOUNT, REGION).client
    aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    packed = pack({"model": ""})
    found = {}
    for bucket in ("old-bucket", "new-bucket"):
        found[bucket] = aws("kms").create_key()["KeyMetadata"]["Arn"]
        aws("s3").create_bucket(Bucket=bucket)
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": found[bucket]}
        aws("s3").put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
        )
        for prefix, number in itertools.product(("models/", "moved/"), range(MODELS)):
            # moto's own backend: 200 requests would take seconds.
            s3_backends[ACCOUNT]["aws"].put_object(bucket, f"{prefix}m{number}.tar.gz", packed)
    return found


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], None]:
    """Calls a function after every event of a stack."""
    record, on_event = stacks.Stack.record, []

    def recorded(self: Any, logical_id: str, *event: Any) -> None:
        record(self, logical_id, *event)
        for each in on_event:
            each(logical_id)

    monkeypatch.setattr(stacks.Stack, "record", recorded)
    return on_event.append


@pytest.mark.parametrize(
    ("place", "own_role", "broken", "replaced"),
    [
        (("old-bucket", "moved/"), False, False, True),
        (NEW, False, False, True),
        (NEW, True, False, True),
        (("old-bucket", "moved/"), False, True, True),
        (("old-bucket", "moved/"), False, False, False),
    ],
    ids=["prefix", "bucket and key", "a role of the app", "rolled back", "a policy changed in place"],
)
async def test_no_call_fails_for_lack_of_rights(
    tmp_path: Path,
    keys: dict[str, str],
    watched: Any,
    place: tuple[str, str],
    own_role: bool,
    broken: bool,
    replaced: bool,
) -> None:
    before = template(OLD, keys, own_role=own_role, broken=False)
    after = template(place, keys, own_role=own_role, broken=broken)
    if not replaced:
        after = in_place(before, after)
    cloudformation = embedded_aws.clients_of(ACCOUNT, REGION).client("cloudformation")
    more = {"StackName": "app", "Capabilities": ["CAPABILITY_IAM"]}
    await asyncio.to_thread(cloudformation.create_stack, TemplateBody=json.dumps(before), **more)
    plane = DataPlane(lambda *_: FakeContainer(), tmp_path, LocalSettings())
    caller = Caller(plane, asyncio.get_running_loop())
    try:
        await asyncio.to_thread(caller, "deployed")
        watched(caller)
        await asyncio.to_thread(cloudformation.update_stack, TemplateBody=json.dumps(after), **more)
        await asyncio.to_thread(caller, "updated")
    finally:
        await plane.stop()
    described = await asyncio.to_thread(cloudformation.describe_stacks, StackName="app")
    status = "UPDATE_ROLLBACK_COMPLETE" if broken else "UPDATE_COMPLETE"
    assert described["Stacks"][0]["StackStatus"] == status
    assert caller.calls > 10
    assert bool(caller.faults) is not replaced, caller.faults
