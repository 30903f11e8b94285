"""What an endpoint runs on: its variants, their storage, its metrics and data capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aws_cdk import Annotations, Duration, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import METRIC_FREQUENCIES_SECONDS, VARIANTS_MAX
from mme_cdk._internal.acknowledgements import acknowledge_volume_key
from mme_cdk._internal.places import place_faults
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, require, seconds
from mme_cdk.endpoint.data_capture import DataCapture
from mme_cdk.endpoint.production_variant import ProductionVariant, VariantProps
from mme_cdk.model.multi_model import MultiModel

if TYPE_CHECKING:
    from aws_cdk import aws_kms

_Metrics = aws_sagemaker.CfnEndpointConfig.MetricsConfigProperty


class EndpointConfigProps(VariantProps, total=False):
    """Optional props of an endpoint config and its first variant; `MultiModelEndpoint` documents each."""

    variant_name: str
    encryption_key: aws_kms.IKey | None
    data_capture: DataCapture | None
    detailed_observability: bool
    enhanced_metrics: bool
    metric_publish_frequency: Duration | None


class EndpointConfig(Construct):
    """An endpoint config with one or several variants.

    It has no fixed name: every change replaces it, and the endpoint moves to the new one in place.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model: MultiModel,
        instance_type: str,
        **props: Unpack[EndpointConfigProps],
    ) -> None:
        """Define the config with its first variant.

        Args:
            scope: Parent.
            id: Construct id.
            model: What the first variant serves.
            instance_type: A CPU type, or a single-GPU type with the Triton image.
            props: Optional settings, as `MultiModelEndpoint` takes them.

        Raises:
            PropsError: An instance type, now or next, that is unknown or can't serve this image, an AMI that
                is unknown or too old for it, a count below 1, volume or key on a type with NVMe storage, or a
                time outside its bounds. All faults are raised at once, after wrong types.
        """
        self._key = props.get("encryption_key")
        self._data_capture = capture = props.get("data_capture")
        frequency = props.get("metric_publish_frequency")
        variant = ProductionVariant(
            props.get("variant_name", "AllTraffic"), model=model, instance_type=instance_type, props=props
        )
        require(
            *self._faults(variant),
            _frequency_fault(frequency),
            *place_faults(scope, key=self._key, bucket=capture.bucket if capture else None),
            at=(scope, id),
        )
        super().__init__(scope, id)
        self._variants = [variant]
        variant.warn(self)
        self._resource = aws_sagemaker.CfnEndpointConfig(
            self,
            "Resource",
            production_variants=[variant.render()],
            kms_key_id=self._key.key_arn if self._key else None,
            data_capture_config=self._data_capture.bind(self, model.grantee) if self._data_capture else None,
            metrics_config=_Metrics(
                # SageMaker's default is True for every new config.
                enable_detailed_observability=props.get("detailed_observability", False),
                enable_enhanced_metrics=True if props.get("enhanced_metrics") else None,
                metric_publish_frequency_in_seconds=seconds(frequency),
            ),
        )
        self._acknowledge_storage()

    @property
    def endpoint_config_name(self) -> str:
        """Name that CloudFormation gives it."""
        return self._resource.attr_endpoint_config_name

    @property
    def variants(self) -> tuple[ProductionVariant, ...]:
        """Its variants in their order."""
        return tuple(self._variants)

    @property
    def variant_name(self) -> str:
        """Name of the first variant."""
        return self._variants[0].variant_name

    @property
    def instance_type(self) -> str:
        """Instance type of the first variant, such as `ml.g5.xlarge`."""
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
        """Return a variant by its name.

        Args:
            name: Default: the first variant's.

        Raises:
            PropsError: No variant has that name.
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

    @checked
    def add_variant(
        self, variant_name: str, *, model: MultiModel, instance_type: str, **props: Unpack[VariantProps]
    ) -> ProductionVariant:
        """Add a variant, with a warning: AWS's pages contradict each other on whether that works here.

        Callers pick one with `TargetVariant`; otherwise the weights distribute the traffic, whatever models
        the variants serve.

        Args:
            variant_name: A name that no other variant has.
            model: What it serves.
            instance_type: A CPU type, or a single-GPU type with the Triton image.
            props: Optional settings, as `MultiModelEndpoint` takes them.

        Raises:
            PropsError: As the constructor's, a name that is taken, or an eleventh variant.
        """
        variant = ProductionVariant(variant_name, model=model, instance_type=instance_type, props=props)
        require(
            *self._faults(variant),
            f"variant_name {variant_name} is taken: use another"
            if any(other.variant_name == variant_name for other in self._variants)
            else None,
            f"the config has {VARIANTS_MAX} variants; SageMaker takes no more: use another endpoint"
            if len(self._variants) >= VARIANTS_MAX
            else None,
            at=self,
        )
        variant.warn(self)
        if len(self._variants) == 1:
            Annotations.of(self).add_warning_v2(
                "mme:severalVariants",
                "AWS's pages contradict each other on whether a multi-model endpoint may have several "
                "variants: test it before you rely on it, or use one endpoint for each",
            )
        self._variants.append(variant)
        if self._data_capture is not None:
            self._data_capture.grant_write(model.grantee)
        self._acknowledge_storage()
        self._render_variants()
        return variant

    def ensure_instances(self, minimum: int, *, variant_name: str | None = None) -> None:
        """Raise a variant's initial count to its scaling minimum, as Application Auto Scaling would at once.

        Args:
            minimum: Instances.
            variant_name: Default: the first variant.

        Raises:
            PropsError: No variant has that name.
        """
        variant = self.variant(variant_name)
        count = variant.initial_instance_count
        if known(count) and known(minimum) and count < minimum:
            variant.initial_instance_count = minimum
            self._render_variants()

    def _faults(self, variant: ProductionVariant) -> list[str | None]:
        return [
            *variant.faults(),
            f"encryption_key is set; {variant.instance_type} has local NVMe storage, which takes no key and "
            "is encrypted by its hardware: leave encryption_key out"
            if self._key is not None and variant.has_local_storage
            else None,
            self._data_capture.overlap_fault(variant.model.models) if self._data_capture else None,
        ]

    def _render_variants(self) -> None:
        self._resource.production_variants = [variant.render() for variant in self._variants]

    def _acknowledge_storage(self) -> None:
        if all(variant.has_local_storage for variant in self._variants):
            acknowledge_volume_key(self._resource)


def _frequency_fault(frequency: Duration | None) -> str | None:
    length = seconds(frequency)
    if length is None or not known(length) or length in METRIC_FREQUENCIES_SECONDS:
        return None
    choices = ", ".join(str(choice) for choice in METRIC_FREQUENCIES_SECONDS)
    return f"metric_publish_frequency is {length:g} s; must be one of {choices} s"
