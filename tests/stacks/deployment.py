"""What `cdk deploy`, `mme models add`, `mme invoke` and `cdk destroy` do, on embedded AWS in this process."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App
from botocore.exceptions import ClientError

from mme.archives.check import check_model
from mme.registry import ModelStore, publish
from mme_local.aws import clients_of
from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.data_plane import DataPlane
from mme_local.settings import LocalSettings
from stacks.environments import Environment
from stacks.stage import MmeStage
from tests.mme_local.fake_container import FakeContainer

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "model_registry" / "add_sub"
FLAGS = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
ACCOUNT, REGION = "123456789012", "us-east-1"


def synthesize(environment: Environment, folder: Path) -> Path:
    """Return the cloud assembly of an environment; the packs of cdk-nag have tests of their own."""
    app = App(context=FLAGS, outdir=str(folder), analytics_reporting=False)
    MmeStage(app, environment=environment)
    app.synth()
    return folder / f"assembly-{environment.name}"


@dataclass(frozen=True)
class Stack:
    """A stack of a cloud assembly, as its manifest describes it."""

    name: str
    template: str
    tags: dict[str, str]
    protected: bool


def stacks_of(assembly: Path) -> list[Stack]:
    """Return the stacks in the order in which the CDK CLI deploys them."""
    artifacts = json.loads((assembly / "manifest.json").read_text("utf-8"))["artifacts"]
    found = [
        Stack(
            one["properties"]["stackName"],
            (assembly / one["properties"]["templateFile"]).read_text("utf-8"),
            one["properties"].get("tags", {}),
            one["properties"].get("terminationProtection", False),
        )
        for one in artifacts.values()
        if one["type"] == "aws:cloudformation:stack"
    ]
    return sorted(found, key=lambda one: "model-store" not in one.name)


class Place:
    """An account and region of embedded AWS, bootstrapped."""

    def __init__(self, account: str | None, region: str | None) -> None:
        self.account, self.region = account or ACCOUNT, region or REGION
        self.client = clients_of(self.account, self.region).client
        version = {"Name": "/cdk-bootstrap/hnb659fds/version", "Value": "30", "Type": "String"}
        self.client("ssm").put_parameter(**version, Overwrite=True)

    def deploy(self, assembly: Path) -> str:
        """Deploy both stacks; return the reason of the first failure, or nothing."""
        self._upload_assets(assembly)
        for stack in stacks_of(assembly):
            if reason := self._deploy(stack):
                return reason
        return ""

    def _deploy(self, stack: Stack) -> str:
        cloudformation = self.client("cloudformation")
        request = {
            "StackName": stack.name,
            "TemplateBody": stack.template,
            "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        exists = stack.name in self.stacks()
        try:
            (cloudformation.update_stack if exists else cloudformation.create_stack)(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
        cloudformation.update_termination_protection(
            StackName=stack.name, EnableTerminationProtection=stack.protected
        )
        if self.stacks()[stack.name] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return ""
        events = cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
        return next(
            str(one["ResourceStatusReason"])
            for one in reversed(events)
            if one["ResourceStatus"].endswith(("_FAILED", "ROLLBACK_IN_PROGRESS"))
            and one.get("ResourceStatusReason")
        )

    def _upload_assets(self, assembly: Path) -> None:
        """Upload what functions run, as `cdk deploy` does."""
        for manifest in assembly.glob("*.assets.json"):
            for one in json.loads(manifest.read_text("utf-8"))["files"].values():
                if one["source"]["packaging"] != "zip":
                    continue
                packed = io.BytesIO()
                folder = assembly / one["source"]["path"]
                with zipfile.ZipFile(packed, "w") as archive:
                    for path in sorted(folder.rglob("*.py")):
                        archive.write(path, path.relative_to(folder))
                (to,) = one["destinations"].values()
                bucket = (
                    to["bucketName"]
                    .replace("${AWS::AccountId}", self.account)
                    .replace("${AWS::Region}", self.region)
                )
                where = {"LocationConstraint": self.region} if self.region != REGION else None
                more = {"CreateBucketConfiguration": where} if where else {}
                self.client("s3").create_bucket(Bucket=bucket, **more)
                self.client("s3").put_object(Bucket=bucket, Key=to["objectKey"], Body=packed.getvalue())

    def stacks(self) -> dict[str, str]:
        """Return the status of each stack that is not deleted."""
        listed = self.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"]: one["StackStatus"] for one in listed}

    def outputs(self, environment: str) -> dict[str, str]:
        """Return the outputs that the toolkit reads."""
        named = {"StackName": f"mme-{environment}-serving"}
        (stack,) = self.client("cloudformation").describe_stacks(**named)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def publish(self, environment: str) -> None:
        """Publish the model as `mme models add` does, unless it is published."""
        outputs = self.outputs(environment)
        store = ModelStore(self.client("s3"), outputs["ModelBucketName"], outputs["ModelPrefix"])
        publish(store, check_model(MODEL))

    def invoke(self, environment: str, folder: Path) -> str:
        """Call the model on the endpoint, which downloads it with the rights of its role."""
        name = self.outputs(environment)["EndpointName"]

        async def call() -> str:
            plane = DataPlane(lambda *_: FakeContainer(), folder, LocalSettings())
            try:
                asked = InvokeCall(name, "add_sub_v0.tar.gz", b"x", region=self.region, account=self.account)
                return (await plane.invoke(asked)).reply.body.decode()
            finally:
                await plane.stop()

        return asyncio.run(call())

    def tagged(self, environment: str) -> dict[str, str]:
        """Return the endpoint's tags."""
        sagemaker = self.client("sagemaker")
        arn = sagemaker.describe_endpoint(EndpointName=f"mme-{environment}")["EndpointArn"]
        return {one["Key"]: one["Value"] for one in sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def destroy(self, environment: str) -> None:
        """Empty the bucket of the models and delete both stacks, as docs/deploying.md says."""
        bucket = self.client("s3").list_object_versions(
            Bucket=(name := self.outputs(environment)["ModelBucketName"])
        )
        for one in [*bucket.get("Versions", []), *bucket.get("DeleteMarkers", [])]:
            self.client("s3").delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
        for stack in ("serving", "model-store"):
            named = {"StackName": f"mme-{environment}-{stack}"}
            cloudformation: Any = self.client("cloudformation")
            cloudformation.update_termination_protection(**named, EnableTerminationProtection=False)
            cloudformation.delete_stack(**named)
