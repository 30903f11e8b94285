"""On what an endpoint runs: its variants, their storage, what is measured and captured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, Size, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import METRIC_FREQUENCIES_SECONDS, VARIANTS_MAX
from mme_cdk._internal.acknowledgements import acknowledge_volume_key
from mme_cdk._internal.cdk_kinds import KEY
from mme_cdk._internal.expectations import DURATION, FLAG, expect, kind_of
from mme_cdk._internal.validation import PropsError, known, require, seconds
from mme_cdk.endpoint.data_capture import DATA_CAPTURE, DataCapture
from mme_cdk.endpoint.production_variant import ProductionVariant, RoutingStrategy
from mme_cdk.model.multi_model import MultiModel

if TYPE_CHECKING:
    from aws_cdk import aws_kms

_Metrics = aws_sagemaker.CfnEndpointConfig.MetricsConfigProperty


class EndpointConfig(Construct):
    """An endpoint config with one variant of a multi-model, or several.

    It is never named: every change replaces it, and the endpoint then moves to the new one in place.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model: MultiModel,
        instance_type: str,
        initial_instance_count: int = 1,
        variant_name: str = "AllTraffic",
        initial_variant_weight: float = 1.0,
        volume_size: Size | None = None,
        model_data_download_timeout: Duration | None = None,
        container_startup_health_check_timeout: Duration | None = None,
        inference_ami_version: str | None = None,
        routing_strategy: RoutingStrategy | None = None,
        encryption_key: aws_kms.IKey | None = None,
        data_capture: DataCapture | None = None,
        detailed_observability: bool = False,
        enhanced_metrics: bool = False,
        metric_publish_frequency: Duration | None = None,
        next_instance_type: str | None = None,
    ) -> None:
        """Define the config with its first variant.

        Args:
            scope: the parent.
            id: the construct's id.
            model: what the variant serves.
            instance_type: a CPU type, or a single-GPU type with the Triton image.
            initial_instance_count: instances to start with; AWS advises two or more. Default: 1.
            variant_name: the variant's name; deployment guardrails want it to stay. Default: `AllTraffic`.
            initial_variant_weight: its share of the traffic. Default: 1.0.
            volume_size: storage volume of each instance, 1 to 512 GiB, on which models lie between their
                calls; types with local NVMe storage take none. Default: SageMaker's own.
            model_data_download_timeout: for one model's download, 60 to 3600 s. Default: SageMaker's own.
            container_startup_health_check_timeout: for the container to answer its first ping, 60 to
                3600 s. Default: SageMaker's own.
            inference_ami_version: the instances' AMI, such as `al2023-ami-sagemaker-inference-gpu-4-1`.
                Default: for a Triton on the newest CUDA the one with a driver for it, else SageMaker's own.
            routing_strategy: how an instance is picked. Default: SageMaker's own, which is random.
            encryption_key: encrypts the instances' volumes; types with local NVMe storage take none, as
                their disks encrypt themselves. Default: AWS's own encryption.
            data_capture: samples requests and responses into S3; undocumented for multi-model endpoints, so
                it warns. Default: off.
            detailed_observability: whether SageMaker also publishes what it scrapes from the container,
                and host metrics of each instance, as further metrics to pay for. Default: False.
            enhanced_metrics: whether metrics are published for each instance and container, too, as further
                metrics to pay for. Default: False.
            metric_publish_frequency: 10, 30, 60, 120, 180, 240 or 300 s, for the utilization metrics, and
                with `enhanced_metrics` for the invocation metrics. Default: SageMaker's own, 60 s.
            next_instance_type: the type that a scaled variant is about to get. While it differs from
                `instance_type` the variant is not scaled, so that the type can then be changed: AWS refuses
                that for a scaled one (docs/changing-instance-type.md). Default: no change is planned.

        Raises:
            PropsError: an instance type, now or next, that is unknown or can't serve this image, an AMI that
                is unknown or too old for it, a count below 1, volume or key on a type with NVMe storage, a
                time outside its bounds. All faults are named at once, after values of the wrong kind.
        """
        require(
            expect("encryption_key", encryption_key, KEY, optional=True),
            expect("data_capture", data_capture, DATA_CAPTURE, optional=True),
            expect("detailed_observability", detailed_observability, FLAG),
            expect("enhanced_metrics", enhanced_metrics, FLAG),
            expect("metric_publish_frequency", metric_publish_frequency, DURATION, optional=True),
            at=(scope, id),
        )
        self._key = encryption_key
        self._variants = [
            ProductionVariant(
                variant_name=variant_name,
                model=model,
                instance_type=instance_type,
                initial_instance_count=initial_instance_count,
                initial_variant_weight=initial_variant_weight,
                volume_size=volume_size,
                model_data_download_timeout=model_data_download_timeout,
                container_startup_health_check_timeout=container_startup_health_check_timeout,
                inference_ami_version=inference_ami_version,
                routing_strategy=routing_strategy,
                next_instance_type=next_instance_type,
                at=(scope, id),
            )
        ]
        (variant,) = self._variants
        require(
            *variant.faults(),
            self._key_fault(variant),
            _frequency_fault(metric_publish_frequency),
            data_capture.fault_beside(model.models) if data_capture else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        variant.warn(self)
        self._data_capture = data_capture
        self._resource = aws_sagemaker.CfnEndpointConfig(
            self,
            "Resource",
            production_variants=[variant.render()],
            kms_key_id=encryption_key.key_arn if encryption_key else None,
            data_capture_config=data_capture.bind(self, model.role) if data_capture else None,
            metrics_config=_Metrics(
                # Left out, it would be on for every new config.
                enable_detailed_observability=detailed_observability,
                enable_enhanced_metrics=True if enhanced_metrics else None,
                metric_publish_frequency_in_seconds=seconds(metric_publish_frequency),
            ),
        )
        self._acknowledge_storage()

    @property
    def endpoint_config_name(self) -> str:
        """The name that CloudFormation gave it."""
        return self._resource.attr_endpoint_config_name

    @property
    def variants(self) -> tuple[ProductionVariant, ...]:
        """Its variants, the first one first."""
        return tuple(self._variants)

    @property
    def variant_name(self) -> str:
        """The first variant's name."""
        return self._variants[0].variant_name

    @property
    def instance_type(self) -> str:
        """The first variant's instance type, such as `ml.g5.xlarge`."""
        return self._variants[0].instance_type

    @property
    def initial_instance_count(self) -> int:
        """Instances that the first variant starts with."""
        return self._variants[0].initial_instance_count

    @property
    def model(self) -> MultiModel:
        """What the first variant serves."""
        return self._variants[0].model

    def variant(self, name: str | None = None) -> ProductionVariant:
        """The variant of that name.

        Args:
            name: Default: the first one's.

        Raises:
            PropsError: no variant has that name.
        """
        if name is None:
            return self._variants[0]
        found = [variant for variant in self._variants if variant.variant_name == name]
        if not found:
            names = ", ".join(variant.variant_name for variant in self._variants)
            raise PropsError(
                [f"there is no variant {name}: use one of {names}, or add it first"], path=self.node.path
            )
        return found[0]

    def add_variant(
        self,
        variant_name: str,
        *,
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
    ) -> ProductionVariant:
        """Add a variant beside the first, with a warning: AWS's pages disagree on whether that works here.

        A caller picks one by `TargetVariant`; else the weights share the traffic out, whatever models the
        variants hold.

        Args:
            variant_name: unlike the others'.
            model: what it serves.
            instance_type: as for the first variant; so are the others.
            initial_instance_count: Default: 1.
            initial_variant_weight: Default: 1.0.
            volume_size: Default: SageMaker's own.
            model_data_download_timeout: Default: SageMaker's own.
            container_startup_health_check_timeout: Default: SageMaker's own.
            inference_ami_version: Default: as for the first variant.
            routing_strategy: Default: SageMaker's own.
            next_instance_type: as for the first variant. Default: no change is planned.

        Raises:
            PropsError: as the constructor's, a name that is taken, or an eleventh variant.
        """
        variant = ProductionVariant(
            variant_name=variant_name,
            model=model,
            instance_type=instance_type,
            initial_instance_count=initial_instance_count,
            initial_variant_weight=initial_variant_weight,
            volume_size=volume_size,
            model_data_download_timeout=model_data_download_timeout,
            container_startup_health_check_timeout=container_startup_health_check_timeout,
            inference_ami_version=inference_ami_version,
            routing_strategy=routing_strategy,
            next_instance_type=next_instance_type,
            at=self,
        )
        require(
            *variant.faults(),
            self._key_fault(variant),
            f"variant_name {variant_name} is taken: use another"
            if any(other.variant_name == variant_name for other in self._variants)
            else None,
            f"{VARIANTS_MAX} variants are there, and SageMaker takes no more: use another endpoint"
            if len(self._variants) >= VARIANTS_MAX
            else None,
            self._data_capture.fault_beside(model.models) if self._data_capture else None,
            at=self,
        )
        variant.warn(self)
        if len(self._variants) == 1:
            Annotations.of(self).add_warning_v2(
                "mme:severalVariants",
                "AWS's pages disagree on whether a multi-model endpoint may have several variants: try it "
                "before you rely on it, or use an endpoint for each",
            )
        self._variants.append(variant)
        if self._data_capture is not None:
            self._data_capture.grant_write(model.role)
        self._acknowledge_storage()
        self._render_variants()
        return variant

    def ensure_instances(self, minimum: int, *, variant_name: str | None = None) -> None:
        """Start with at least `minimum` instances, as a variant below its scaling minimum scales at once.

        Args:
            minimum: instances.
            variant_name: which variant. Default: the first.

        Raises:
            PropsError: no variant has that name.
        """
        variant = self.variant(variant_name)
        count = variant.initial_instance_count
        if known(count) and known(minimum) and count < minimum:
            variant.initial_instance_count = minimum
            self._render_variants()

    def _render_variants(self) -> None:
        self._resource.production_variants = [variant.render() for variant in self._variants]

    def _acknowledge_storage(self) -> None:
        if all(variant.has_local_storage for variant in self._variants):
            acknowledge_volume_key(self._resource)

    def _key_fault(self, variant: ProductionVariant) -> str | None:
        if self._key is None or not variant.has_local_storage:
            return None
        return (
            f"encryption_key is set and {variant.instance_type} has local NVMe storage, which takes no key "
            "and is encrypted by its own hardware: leave encryption_key out"
        )


def _frequency_fault(frequency: Duration | None) -> str | None:
    length = seconds(frequency)
    if length is None or not known(length) or length in METRIC_FREQUENCIES_SECONDS:
        return None
    choices = ", ".join(str(choice) for choice in METRIC_FREQUENCIES_SECONDS)
    return f"metric_publish_frequency is {length:g} s; it must be one of {choices} s"


ENDPOINT_CONFIG = kind_of(
    EndpointConfig,
    noun="an EndpointConfig",
    way_out="use EndpointConfig(self, id, model=..., instance_type=...)",
)
