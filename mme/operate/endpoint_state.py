"""An endpoint as SageMaker describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, slots=True)
class VariantState:
    """One production variant.

    Attributes:
        name: of the variant.
        instance_type: from the endpoint's config; empty where the config can't be read.
        current: instances that run; None for a variant without instances.
        desired: instances that shall run.
        model: the SageMaker Model behind it; empty where the config can't be read.
        images: what the instances run.
    """

    name: str
    instance_type: str
    current: int | None
    desired: int | None
    model: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint now.

    Attributes:
        name: of the endpoint.
        arn: of the endpoint.
        status: SageMaker's word: `InService`, `Updating`, `Failed`, ...
        config: the config it runs; while it is updating, still the one before.
        failure_reason: SageMaker's, or empty.
        last_modified: in UTC.
        variants: in the order of the config.
        captures_data_to: the S3 URL where data capture writes, or None where it is off.
    """

    name: str
    arn: str
    status: str
    config: str
    failure_reason: str
    last_modified: datetime
    variants: tuple[VariantState, ...]
    captures_data_to: str | None

    @property
    def in_motion(self) -> bool:
        """True while an update or its rollback is going on."""
        return self.status in ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def read_endpoint(sagemaker: SageMakerClient, name: str) -> EndpointState:
    """Describes an endpoint and the config it runs.

    Raises:
        MmeError: there is no such endpoint.
    """
    from botocore.exceptions import ClientError

    try:
        found: Any = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_not_found(error):
            raise MmeError(
                f"endpoint {name} does not exist in {sagemaker.meta.region_name}, though its stack does",
                hint="it was deleted by hand: delete the serving stack and deploy it again",
            ) from error
        raise
    configured = _configured(sagemaker, found["EndpointConfigName"])
    capture = found.get("DataCaptureConfig") or {}
    return EndpointState(
        name=found["EndpointName"],
        arn=found["EndpointArn"],
        status=found["EndpointStatus"],
        config=found["EndpointConfigName"],
        failure_reason=found.get("FailureReason", ""),
        last_modified=found["LastModifiedTime"],
        variants=tuple(
            _variant(one, configured.get(one["VariantName"], {}))
            for one in found.get("ProductionVariants", [])
        ),
        captures_data_to=capture.get("DestinationS3Uri") if capture.get("EnableCapture", True) else None,
    )


def is_not_found(error: Any) -> bool:
    """True for SageMaker's answer about what it does not have: all faults have one code, words differ."""
    fault = error.response.get("Error", {})
    return fault.get("Code") in ("ValidationException", "ResourceNotFound") and (
        "could not find" in fault.get("Message", "").lower()
        or "does not exist" in fault.get("Message", "").lower()
    )


def _configured(sagemaker: SageMakerClient, config: str) -> dict[str, Any]:
    """The config's variants by name; none where it was deleted under the endpoint, which AWS lets happen."""
    from botocore.exceptions import ClientError

    try:
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if is_not_found(error):
            return {}
        raise
    return {one["VariantName"]: one for one in found["ProductionVariants"]}


def _variant(live: Any, configured: Any) -> VariantState:
    return VariantState(
        name=live["VariantName"],
        instance_type=configured.get("InstanceType", ""),
        current=live.get("CurrentInstanceCount"),
        desired=live.get("DesiredInstanceCount"),
        model=configured.get("ModelName", ""),
        images=tuple(image["SpecifiedImage"] for image in live.get("DeployedImages", [])),
    )
