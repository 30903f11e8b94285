"""A production variant: which model, on how many instances of which type."""

from __future__ import annotations

import re
from enum import Enum
from typing import TypedDict

from aws_cdk import Annotations, Duration, Size, SizeRoundingBehavior, Token, aws_sagemaker
from constructs import Construct

from mme.catalog.hosting_types import hosting_types, unknown_type
from mme.catalog.inference_amis import check_inference_ami, needed_ami
from mme.catalog.instances import instance_type as describe
from mme.catalog.limits import (
    CONTAINER_TIMEOUT_RANGE_SECONDS,
    VARIANT_MIN_INSTANCES,
    VARIANT_NAME_MAX_CHARS,
    VARIANT_NAME_PATTERN,
    VOLUME_SIZE_RANGE_GIB,
)
from mme.catalog.suitability import Verdict, check_companion, check_instance
from mme_cdk._internal.validation import known, outside, pending, seconds
from mme_cdk.model.multi_model import MultiModel

_Variant = aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty
_Routing = aws_sagemaker.CfnEndpointConfig.RoutingConfigProperty


_Reservation = aws_sagemaker.CfnEndpointConfig.CapacityReservationConfigProperty

# Source: API reference, ProductionVariantCapacityReservationConfig.
_RESERVATION = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:[a-z0-9-]{1,14}/.*")
_GPU_TYPE = "ml.g5.xlarge"  # any
# The form of SageMaker's types: one of this form that botocore does not list may be newer.
_TYPE_FORM = re.compile(r"ml\.[a-z][a-z0-9-]*\.(medium|large|\d*xlarge|metal(-\d+xl)?)")


class RoutingStrategy(Enum):
    """How SageMaker picks the instance for a request.

    SageMaker's other strategies are for inference components, which exclude multi-model endpoints.
    """

    RANDOM = "RANDOM"
    """Any instance; SageMaker's default."""

    LEAST_OUTSTANDING_REQUESTS = "LEAST_OUTSTANDING_REQUESTS"
    """The instance with the fewest requests in flight."""


class VariantProps(TypedDict, total=False):
    """Optional props of a production variant; `MultiModelEndpoint` documents each."""

    initial_instance_count: int
    initial_variant_weight: float
    volume_size: Size | None
    model_data_download_timeout: Duration | None
    container_startup_health_check_timeout: Duration | None
    inference_ami_version: str | None
    routing_strategy: RoutingStrategy | None
    capacity_reservation_arn: str | None
    enable_ssm_access: bool
    next_instance_type: str | None


class ProductionVariant:
    """A variant of an endpoint config; made by `EndpointConfig`, which raises its faults.

    Attributes:
        variant_name: Its name.
        model: What it serves.
        instance_type: Such as `ml.g5.xlarge`.
        initial_instance_count: Instances to start with.
        next_instance_type: The type to change to; None = no change is planned.
        inference_ami_version: AMI of its instances; None = SageMaker's choice.
    """

    def __init__(
        self, variant_name: str, *, model: MultiModel, instance_type: str, props: VariantProps
    ) -> None:
        """Take the settings of the variant.

        Args:
            variant_name: Its name.
            model: What it serves.
            instance_type: Such as `ml.g5.xlarge`.
            props: Optional settings.
        """
        self.variant_name = variant_name
        self.model = model
        self.instance_type = instance_type
        self.initial_instance_count = props.get("initial_instance_count", 1)
        self.next_instance_type = props.get("next_instance_type")
        self._weight = props.get("initial_variant_weight", 1.0)
        self._volume_size = props.get("volume_size")
        self._download_timeout = props.get("model_data_download_timeout")
        self._startup_timeout = props.get("container_startup_health_check_timeout")
        self._routing = props.get("routing_strategy")
        self._reservation = props.get("capacity_reservation_arn")
        self._ssm_access = props.get("enable_ssm_access", False)
        given_ami = props.get("inference_ami_version")
        self._has_own_ami = given_ami is not None
        if given_ami is None and known(instance_type):
            given_ami = needed_ami(instance_type, model.image_traits)
        self.inference_ami_version = given_ami

    @property
    def has_local_storage(self) -> bool:
        """Whether its type is known to have NVMe storage, which takes neither volume size nor key."""
        kind = describe(self.instance_type) if known(self.instance_type) else None
        return kind is not None and kind.has_local_storage

    @property
    def changes_type(self) -> bool:
        """Whether it is in the first phase of a change of type: still the old type, and not scaled."""
        return self.next_instance_type is not None and self.next_instance_type != self.instance_type

    def faults(self) -> list[str | None]:
        """Return what is wrong with it."""
        timeouts = {
            "model_data_download_timeout": self._download_timeout,
            "container_startup_health_check_timeout": self._startup_timeout,
        }
        bounds = CONTAINER_TIMEOUT_RANGE_SECONDS
        return [
            *self._verdict(self.instance_type).errors,
            *self._ami_verdict().errors,
            *self._next_type_faults(),
            self._name_fault(),
            outside("initial_instance_count", self.initial_instance_count, VARIANT_MIN_INSTANCES),
            outside("initial_variant_weight", self._weight, 0),
            self._volume_fault(),
            f"capacity_reservation_arn {self._reservation} is not an ARN of SageMaker: use "
            "arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME"
            if known(self._reservation) and not _RESERVATION.fullmatch(str(self._reservation))
            else None,
            *(outside(name, seconds(length), *bounds, whole="seconds") for name, length in timeouts.items()),
        ]

    def warn(self, scope: Construct) -> None:
        """Add warnings about what may not work or wastes money.

        Args:
            scope: The construct that the warnings are about.
        """
        for warning in self._verdict(self.instance_type).warnings:
            Annotations.of(scope).add_warning_v2("mme:instanceType", warning)
        image = self.model.image_traits
        ami = needed_ami(_GPU_TYPE, image)
        if ami and self.inference_ami_version is None and Token.is_unresolved(self.instance_type):
            Annotations.of(scope).add_warning_v2(
                "mme:inferenceAmi",
                f"instance_type is known only at deployment, so no AMI was chosen; {image.name} needs {ami} "
                "on GPU types: give inference_ami_version",
            )
        for warning in self._ami_verdict().warnings:
            Annotations.of(scope).add_warning_v2("mme:inferenceAmi", warning)

    def render(self) -> _Variant:
        """Return the variant as the endpoint config takes it."""
        return _Variant(
            variant_name=self.variant_name,
            model_name=self.model.model_name,
            instance_type=self.instance_type,
            initial_instance_count=self.initial_instance_count,
            initial_variant_weight=self._weight,
            volume_size_in_gb=self._volume_size.to_gibibytes() if self._volume_size else None,
            model_data_download_timeout_in_seconds=seconds(self._download_timeout),
            container_startup_health_check_timeout_in_seconds=seconds(self._startup_timeout),
            inference_ami_version=self.inference_ami_version,
            capacity_reservation_config=_Reservation(
                # The only preference that SageMaker has.
                capacity_reservation_preference="capacity-reservations-only",
                ml_reservation_arn=self._reservation,
            )
            if self._reservation
            else None,
            # Left out if False, SageMaker's default: a change of the property replaces the config.
            enable_ssm_access=self._ssm_access or None,
            routing_config=_Routing(routing_strategy=self._routing.value) if self._routing else None,
        )

    def _verdict(self, instance_type: str) -> Verdict:
        """Return what speaks against a type for the multi-model container and those of its pipeline."""
        if not known(instance_type):
            return Verdict()
        if _TYPE_FORM.fullmatch(instance_type) and not _is_listed(instance_type):
            unknown = unknown_type(instance_type)
            return Verdict(
                warnings=(f"{unknown.message}; it is not checked, as it may be newer: {unknown.hint}",)
            )
        found = [
            check_instance(instance_type, self.model.image_traits),
            *(check_companion(instance_type, traits) for traits in self.model.companion_traits),
        ]
        return Verdict(
            errors=tuple(error for verdict in found for error in verdict.errors),
            warnings=tuple(warning for verdict in found for warning in verdict.warnings),
        )

    def _next_type_faults(self) -> list[str]:
        """Return faults of the next type: found before the first phase is deployed."""
        if self.next_instance_type is None or not self.changes_type:
            return []
        if pending(self.next_instance_type) or pending(self.instance_type):
            return []
        if not known(self.next_instance_type) or not known(self.instance_type):
            return [
                "next_instance_type or instance_type is known only at deployment; synth must compare them: "
                "write them out, or leave next_instance_type out"
            ]
        errors = self._verdict(self.next_instance_type).errors
        return [f"next_instance_type: {fault}" for fault in errors]

    def _ami_verdict(self) -> Verdict:
        if not self._has_own_ami or not known(self.inference_ami_version):
            return Verdict()
        type = self.instance_type if known(self.instance_type) else ""
        return check_inference_ami(self.inference_ami_version or "", type, self.model.image_traits)

    def _name_fault(self) -> str | None:
        if not known(self.variant_name) or re.fullmatch(VARIANT_NAME_PATTERN, self.variant_name):
            return None
        return (
            f"variant_name {self.variant_name or '(empty)'} is not valid: use at most "
            f"{VARIANT_NAME_MAX_CHARS} letters, digits and hyphens, starting and ending with a letter or "
            "digit"
        )

    def _volume_fault(self) -> str | None:
        if self._volume_size is None:
            return None
        if self.has_local_storage:
            return (
                f"volume_size is set; {self.instance_type} has local NVMe storage instead of a volume: "
                "leave volume_size out"
            )
        size = self._volume_size.to_gibibytes(rounding=SizeRoundingBehavior.NONE)
        return outside("volume_size", size, *VOLUME_SIZE_RANGE_GIB, whole="GiB")


def _is_listed(instance_type: str) -> bool:
    # botocore's list takes longer to read than all other checks.
    return describe(instance_type) is not None or instance_type in hosting_types()
