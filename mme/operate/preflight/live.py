"""What is deployed and runs now, by read-only calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mme.aws.session import open_session
from mme.aws.settings import Settings
from mme.operate.preflight.template import scaling_resource_id

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sts import STSClient

DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class DeployedStack:
    """A stack as CloudFormation has it.

    Attributes:
        name: its name.
        account: its account.
        status: such as `UPDATE_COMPLETE`.
        template: the deployed template; None where it is not JSON.
        parameters: their values, those of SSM parameters resolved.
    """

    name: str
    account: str
    status: str
    template: Mapping[str, Any] | None
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class LiveVariant:
    """A variant that runs.

    Attributes:
        name: its name.
        instance_type: None where the config that says so is gone, or where it has none.
        instance_count: instances it is meant to have now.
        registered: whether Application Auto Scaling scales it.
    """

    name: str
    instance_type: str | None
    instance_count: int
    registered: bool


@dataclass(frozen=True)
class LiveEndpoint:
    """An endpoint that runs.

    Attributes:
        name: its name.
        status: such as `InService`.
        failure: why it failed, where it did.
        variants: by name.
    """

    name: str
    status: str
    failure: str
    variants: Mapping[str, LiveVariant]


class Account:
    """Read-only access to one account and region.

    Args:
        cloudformation: a boto3 client.
        sagemaker: a boto3 client.
        scaling: a boto3 client of Application Auto Scaling.
        sts: a boto3 client.
        logs: a boto3 client.
    """

    def __init__(
        self,
        *,
        cloudformation: CloudFormationClient,
        sagemaker: SageMakerClient,
        scaling: ApplicationAutoScalingClient,
        sts: STSClient,
        logs: CloudWatchLogsClient,
    ) -> None:
        self._cloudformation = cloudformation
        self._sagemaker = sagemaker
        self._scaling = scaling
        self._sts = sts
        self._logs = logs

    @property
    def region(self) -> str:
        """The region asked."""
        return self._cloudformation.meta.region_name

    def id(self) -> str:
        """The account of the credentials."""
        return self._sts.get_caller_identity()["Account"]

    def stack(self, name: str) -> DeployedStack | None:
        """The stack of that name; None where there is none."""
        from botocore.exceptions import ClientError

        try:
            (found,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise
        # "Original" is what was sent, intrinsic functions and all, as in the cloud assembly.
        body: Any = self._cloudformation.get_template(StackName=name, TemplateStage="Original")[
            "TemplateBody"
        ]
        return DeployedStack(
            name=name,
            account=found["StackId"].split(":")[4] if "StackId" in found else "",
            status=found["StackStatus"],
            template=_document(body),
            parameters={
                one["ParameterKey"]: one.get("ResolvedValue") or one.get("ParameterValue", "")
                for one in found.get("Parameters", [])
            },
        )

    def physical_name(self, stack: str, logical_id: str) -> str:
        """The name that CloudFormation gave a resource whose template gives it none."""
        detail = self._cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return detail["StackResourceDetail"].get("PhysicalResourceId", "").rpartition("/")[2]

    def endpoint(self, name: str) -> LiveEndpoint | None:
        """The endpoint of that name; None where there is none."""
        found = _unless_missing(lambda: self._sagemaker.describe_endpoint(EndpointName=name))
        if found is None:
            return None
        types = self.instance_types(found.get("EndpointConfigName", ""))
        variants = found.get("ProductionVariants", [])
        registered = self._registered(name, [one["VariantName"] for one in variants])
        return LiveEndpoint(
            name=name,
            status=found["EndpointStatus"],
            failure=found.get("FailureReason", ""),
            variants={
                one["VariantName"]: LiveVariant(
                    name=one["VariantName"],
                    instance_type=types.get(one["VariantName"]),
                    instance_count=one.get("DesiredInstanceCount", one.get("CurrentInstanceCount", 0)),
                    registered=one["VariantName"] in registered,
                )
                for one in variants
            },
        )

    def has_log_group(self, name: str) -> bool:
        """Whether there is a log group of that name."""
        found = self._logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return any(group.get("logGroupName") == name for group in found)

    def instance_types(self, config_name: str) -> dict[str, str]:
        """Instance type by variant of an endpoint config; empty where the config is gone."""
        found = _unless_missing(
            lambda: self._sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
        )
        variants = found["ProductionVariants"] if found else []
        return {one["VariantName"]: one["InstanceType"] for one in variants if "InstanceType" in one}

    def _registered(self, endpoint: str, variants: list[str]) -> set[str]:
        by_id = {scaling_resource_id(endpoint, variant): variant for variant in variants}
        pages = self._scaling.get_paginator("describe_scalable_targets").paginate(
            ServiceNamespace="sagemaker", ResourceIds=list(by_id), ScalableDimension=DIMENSION
        )
        return {
            by_id[target["ResourceId"]]
            for page in pages
            for target in page["ScalableTargets"]
            if target["ResourceId"] in by_id
        }


def connect(settings: Settings, region: str | None = None) -> Account:
    """The account and region that the settings name.

    Args:
        settings: credentials, region, and where AWS is.
        region: the region, where the settings name none.
    """
    from mme.aws.clients import AwsClients

    placed = settings.model_copy(update={"region": settings.region or region})
    clients = AwsClients(open_session(placed), placed)
    return Account(
        cloudformation=clients.cloudformation,
        sagemaker=clients.sagemaker,
        scaling=clients.scaling,
        sts=clients.sts,
        logs=clients.logs,
    )


def _document(body: Any) -> Mapping[str, Any] | None:
    """boto3 gives a JSON template parsed, and any other as text."""
    if isinstance(body, Mapping):
        return body
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _unless_missing(call: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if "Could not find" in error.response["Error"].get("Message", ""):
            return None
        raise
