"""A production variant: which model, on how many instances of which type."""

from __future__ import annotations

import re
from enum import Enum

from aws_cdk import Annotations, Duration, Size, Token, aws_sagemaker
from constructs import Construct, IConstruct

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
from mme_cdk._internal.expectations import (
    DURATION,
    NUMBER,
    SIZE,
    TEXT,
    WHOLE,
    Kind,
    expect,
    kind_of,
    one_of,
)
from mme_cdk._internal.validation import known, outside, outside_seconds, require, seconds, size_outside
from mme_cdk.model.multi_model import MULTI_MODEL, MultiModel

_Variant = aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty
_Routing = aws_sagemaker.CfnEndpointConfig.RoutingConfigProperty


class RoutingStrategy(Enum):
    """How SageMaker picks an instance among those that may answer a request.

    The other strategies of SageMaker's API are for inference components, which exclude multi-model endpoints.
    """

    RANDOM = "RANDOM"
    """Any of them; SageMaker's default."""

    LEAST_OUTSTANDING_REQUESTS = "LEAST_OUTSTANDING_REQUESTS"
    """The one with the fewest requests in flight."""


ROUTING = one_of(RoutingStrategy)


def _as_type(value: object) -> str:
    # An aws_ec2.InstanceType, without loading aws_ec2 to ask: its text lacks the `ml.` of SageMaker's types.
    if type(value).__name__ == "InstanceType" and hasattr(value, "to_string"):
        return f'use "ml.{value.to_string()}"'
    return 'name one of SageMaker\'s, such as "ml.g5.xlarge"'


INSTANCE_TYPE: Kind = kind_of(str, noun="a text", way_out=_as_type)


class ProductionVariant:
    """A variant of an endpoint config. `EndpointConfig` makes it and raises what is wrong with it.

    Attributes:
        variant_name: its name.
        model: what it serves.
        instance_type: such as `ml.g5.xlarge`.
        initial_instance_count: instances that it starts with.
        next_instance_type: the type that it is about to get; None = no change is planned.
        inference_ami_version: the AMI of its instances; None = SageMaker's own choice.
    """

    def __init__(
        self,
        *,
        variant_name: str,
        model: MultiModel,
        instance_type: str,
        initial_instance_count: int = 1,
        initial_variant_weight: float = 1.0,
        volume_size: Size | None = None,
        model_data_download_timeout: Duration | None = None,
        container_startup_health_check_timeout: Duration | None = None,
        inference_ami_version: str | None = None,
        routing_strategy: RoutingStrategy | None = None,
        next_instance_type: str | None = None,
        at: IConstruct | tuple[IConstruct, str] | None = None,
    ) -> None:
        """Take the variant's settings; `EndpointConfig` says more of each.

        Args:
            variant_name: its name.
            model: what it serves.
            instance_type: such as `ml.g5.xlarge`.
            initial_instance_count: instances to start with, at least 1. Default: 1.
            initial_variant_weight: its share of the traffic beside the others'. Default: 1.0.
            volume_size: storage of each instance, 1 to 512 GiB. Default: SageMaker's own.
            model_data_download_timeout: 60 to 3600 s. Default: SageMaker's own.
            container_startup_health_check_timeout: 60 to 3600 s. Default: SageMaker's own.
            inference_ami_version: the instances' AMI. Default: what the image needs, else SageMaker's own.
            routing_strategy: how an instance is picked. Default: SageMaker's own, which is random.
            next_instance_type: the type to change to in two phases. Default: none.
            at: the config, or its parent and its id, which messages name. Default: none.

        Raises:
            PropsError: values of the wrong kind, such as an `aws_ec2.InstanceType`.
        """
        require(
            expect("variant_name", variant_name, TEXT),
            expect("model", model, MULTI_MODEL),
            expect("instance_type", instance_type, INSTANCE_TYPE),
            expect("initial_instance_count", initial_instance_count, WHOLE),
            expect("initial_variant_weight", initial_variant_weight, NUMBER),
            expect("volume_size", volume_size, SIZE, optional=True),
            expect("model_data_download_timeout", model_data_download_timeout, DURATION, optional=True),
            expect(
                "container_startup_health_check_timeout",
                container_startup_health_check_timeout,
                DURATION,
                optional=True,
            ),
            expect("inference_ami_version", inference_ami_version, TEXT, optional=True),
            expect("routing_strategy", routing_strategy, ROUTING, optional=True),
            expect("next_instance_type", next_instance_type, INSTANCE_TYPE, optional=True),
            at=at,
        )
        self.variant_name = variant_name
        self.model = model
        self.instance_type = instance_type
        self.initial_instance_count = initial_instance_count
        self.next_instance_type = next_instance_type
        self._weight = initial_variant_weight
        self._volume_size = volume_size
        self._download_timeout = model_data_download_timeout
        self._startup_timeout = container_startup_health_check_timeout
        self._routing = routing_strategy
        self._ami_given = inference_ami_version is not None
        traits = model.image_traits
        if inference_ami_version is None and known(instance_type):
            inference_ami_version = needed_ami(instance_type, traits)
        self.inference_ami_version = inference_ami_version

    @property
    def has_local_storage(self) -> bool:
        """Whether its type is known to have NVMe storage, which takes neither volume size nor key."""
        kind = describe(self.instance_type) if known(self.instance_type) else None
        return kind is not None and kind.has_local_storage

    @property
    def changes_type(self) -> bool:
        """Whether it is in the first phase of a change of type: still the old one, and not scaled."""
        return self.next_instance_type is not None and self.next_instance_type != self.instance_type

    def faults(self) -> list[str | None]:
        """What is wrong with it; None where nothing is."""
        return [
            *self._verdict().errors,
            *self._ami_verdict().errors,
            *self._next_type_faults(),
            self._name_fault(),
            outside("initial_instance_count", self.initial_instance_count, VARIANT_MIN_INSTANCES),
            outside("initial_variant_weight", self._weight, 0),
            self._volume_fault(),
            outside_seconds(
                "model_data_download_timeout", self._download_timeout, *CONTAINER_TIMEOUT_RANGE_SECONDS
            ),
            outside_seconds(
                "container_startup_health_check_timeout",
                self._startup_timeout,
                *CONTAINER_TIMEOUT_RANGE_SECONDS,
            ),
        ]

    def warn(self, scope: Construct) -> None:
        """Put what may not work, or wastes money, where the CDK CLI shows it.

        Args:
            scope: the construct that the warnings are about.
        """
        for warning in self._verdict().warnings:
            Annotations.of(scope).add_warning_v2("mme:instanceType", warning)
        for warning in self._ami_verdict().warnings:
            Annotations.of(scope).add_warning_v2("mme:inferenceAmi", warning)

    def render(self) -> _Variant:
        """The variant as the endpoint config takes it."""
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
            routing_config=_Routing(routing_strategy=self._routing.value) if self._routing else None,
        )

    def _verdict(self) -> Verdict:
        if not known(self.instance_type):
            return Verdict()
        return self._verdict_on(self.instance_type)

    def _verdict_on(self, instance_type: str) -> Verdict:
        """What speaks against a type for the multi-model container and those of its pipeline."""
        found = [
            check_instance(instance_type, self.model.image_traits),
            *(check_companion(instance_type, traits) for traits in self.model.companion_traits),
        ]
        return Verdict(
            errors=tuple(error for verdict in found for error in verdict.errors),
            warnings=tuple(warning for verdict in found for warning in verdict.warnings),
        )

    def _next_type_faults(self) -> list[str]:
        """Faults of the type to come: found before the first phase is deployed, not before the second."""
        if self.next_instance_type is None or not self.changes_type:
            return []
        if not known(self.next_instance_type) or not known(self.instance_type):
            return [
                "next_instance_type needs both types known at synth, to see whether they differ: "
                "write them out, or leave next_instance_type out"
            ]
        verdict = self._verdict_on(self.next_instance_type)
        return [f"next_instance_type: {fault}" for fault in verdict.errors]

    def _ami_verdict(self) -> Verdict:
        if not self._ami_given or Token.is_unresolved(self.inference_ami_version):
            return Verdict()
        # A type known only at deployment has no name to look up, and nothing is held against it.
        type = self.instance_type if known(self.instance_type) else ""
        return check_inference_ami(self.inference_ami_version or "", type, self.model.image_traits)

    def _name_fault(self) -> str | None:
        if not known(self.variant_name) or re.fullmatch(VARIANT_NAME_PATTERN, self.variant_name):
            return None
        name = self.variant_name or "(empty)"
        return (
            f"variant_name {name} is not valid: use at most {VARIANT_NAME_MAX_CHARS} letters, digits and "
            "hyphens, a letter or digit first and last"
        )

    def _volume_fault(self) -> str | None:
        if self._volume_size is None:
            return None
        if self.has_local_storage:
            return (
                f"volume_size is set and {self.instance_type} has local NVMe storage instead of a volume: "
                "leave volume_size out"
            )
        return size_outside("volume_size", self._volume_size, *VOLUME_SIZE_RANGE_GIB, gibibytes=True)
