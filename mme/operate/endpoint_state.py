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
    """A production variant. Instance type and model are empty if the endpoint config was deleted.

    Attributes:
        current: Number of running instances; None for a serverless variant.
        desired: Number of wanted instances; None for a serverless variant.
        model: Name of its SageMaker model.
    """

    name: str
    instance_type: str
    current: int | None
    desired: int | None
    model: str
    images: tuple[str, ...]

    @property
    def instances(self) -> int:
        """Number of wanted instances; of running ones if SageMaker does not report it."""
        return self.current or 0 if self.desired is None else self.desired


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint.

    Attributes:
        status: SageMaker's: `InService`, `Updating`, `Failed`, ...
        config: Name of the endpoint config in use; during an update the previous one.
        failure_reason: SageMaker's; may be empty.
        captures_data_to: S3 URL of data capture; None if it is off.
        config_deleted: Whether the endpoint config in use was deleted.
    """

    name: str
    arn: str
    status: str
    config: str
    failure_reason: str
    last_modified: datetime
    variants: tuple[VariantState, ...]
    captures_data_to: str | None
    config_deleted: bool = False

    def variant(self, name: str) -> VariantState | None:
        """Return a variant by its name, or None."""
        return next((one for one in self.variants if one.name == name), None)

    @property
    def in_progress(self) -> bool:
        """Whether SageMaker is changing the endpoint."""
        return self.status in ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def read_endpoint(sagemaker: SageMakerClient, name: str) -> EndpointState:
    """Describe an endpoint and its config.

    Args:
        sagemaker: A boto3 client.
        name: Name of the endpoint.

    Raises:
        MmeError: The endpoint does not exist.
    """
    state = find_endpoint(sagemaker, name)
    if state is None:
        raise MmeError(
            f"endpoint {name} does not exist in {sagemaker.meta.region_name}, though its stack does",
            hint="it was deleted outside CloudFormation: delete the serving stack and deploy it again",
        )
    return state


def find_endpoint(sagemaker: SageMakerClient, name: str) -> EndpointState | None:
    """Describe an endpoint and its config; None if it does not exist.

    Args:
        sagemaker: A boto3 client.
        name: Name of the endpoint.
    """
    found: Any = unless_missing(lambda: sagemaker.describe_endpoint(EndpointName=name))
    if found is None:
        return None
    configured = config_variants(sagemaker, found["EndpointConfigName"])
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
        config_deleted=not configured,
    )


def container_facts(endpoint: EndpointState) -> dict[str, Any]:
    """Return the arguments of `mme.archives.explain.explain` that tell where an archive would be served."""
    from mme.catalog.images import parse_ecr_uri, traits_of

    variant = next(iter(endpoint.variants), None)
    facts: dict[str, Any] = {"instance_type": (variant and variant.instance_type) or None}
    for image in filter(None, map(parse_ecr_uri, variant.images if variant else ())):
        traits = traits_of(image.repository, image.tag, name=image.repository)
        if traits.framework is not None:
            facts["framework"] = traits.framework.name
            return facts | {"processor": traits.processor, "image_version": traits.version}
    return facts | {"framework": None, "processor": None, "image_version": None}


def config_variants(sagemaker: SageMakerClient, config: str) -> dict[str, Any]:
    """Return the variants of an endpoint config by name; empty if it was deleted, even while it is in use.

    Args:
        sagemaker: A boto3 client.
        config: Name of the endpoint config.
    """
    found: Any = unless_missing(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config))
    return {one["VariantName"]: one for one in found["ProductionVariants"]} if found else {}


def models_url(sagemaker: SageMakerClient, model: str) -> str | None:
    """Return the S3 URL of the models in a SageMaker model's multi-model container; None if it has none.

    Args:
        sagemaker: A boto3 client.
        model: Name of the SageMaker model.
    """
    found: Any = unless_missing(lambda: sagemaker.describe_model(ModelName=model)) or {}
    containers = [*found.get("Containers", []), found.get("PrimaryContainer") or {}]
    return next((one.get("ModelDataUrl") for one in containers if one.get("Mode") == "MultiModel"), None)


def unless_missing(call: Any) -> Any:
    """Return what `call` returns; None if SageMaker says that the resource does not exist."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        # SageMaker has one code for many faults; only the message tells.
        fault = error.response.get("Error", {})
        message = fault.get("Message", "").lower()
        if fault.get("Code") in ("ValidationException", "ResourceNotFound") and (
            "could not find" in message or "does not exist" in message
        ):
            return None
        raise


def _variant(live: Any, configured: Any) -> VariantState:
    return VariantState(
        name=live["VariantName"],
        instance_type=configured.get("InstanceType", ""),
        current=live.get("CurrentInstanceCount"),
        desired=live.get("DesiredInstanceCount"),
        model=configured.get("ModelName", ""),
        images=tuple(image["SpecifiedImage"] for image in live.get("DeployedImages", [])),
    )
