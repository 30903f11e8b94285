"""On what an endpoint runs: instance type, count and weight of its variant."""

from __future__ import annotations

from aws_cdk import Annotations, aws_kms, aws_sagemaker
from constructs import Construct

from mme.catalog.instances import instance_type as describe
from mme.catalog.limits import VARIANT_MIN_INSTANCES
from mme.catalog.suitability import Verdict, check_instance
from mme_cdk.multi_model import MultiModel
from mme_cdk.validation import known, outside, require

_Variant = aws_sagemaker.CfnEndpointConfig.ProductionVariantProperty


class EndpointConfig(Construct):
    """An endpoint config with one variant of a multi-model.

    It is never named: every change replaces it, and the endpoint then moves to the new one in place.

    Attributes:
        variant_name: the variant's name.
        instance_type: such as `ml.g5.xlarge`.
        initial_instance_count: instances that the variant starts with.
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
        encryption_key: aws_kms.IKey | None = None,
        detailed_observability: bool = False,
    ) -> None:
        """Define the config.

        Args:
            scope: the parent.
            id: the construct's id.
            model: what the variant serves.
            instance_type: a CPU type, or a single-GPU type with the Triton image.
            initial_instance_count: instances to start with; AWS advises two or more. Default: 1.
            variant_name: the variant's name. Default: `AllTraffic`.
            initial_variant_weight: its share of the traffic. Default: 1.0.
            encryption_key: encrypts the instances' volumes; types with local NVMe storage take none, as
                their disks encrypt themselves. Default: AWS's own encryption.
            detailed_observability: whether SageMaker also publishes what it scrapes from the container,
                and host metrics of each instance, as further metrics to pay for. Default: False.

        Raises:
            PropsError: an instance type that is unknown or can't serve this image, a count below 1, a key
                on a type with NVMe storage. All faults are named at once.
        """
        super().__init__(scope, id)
        verdict = check_instance(instance_type, model.image_traits) if known(instance_type) else Verdict()
        require(
            *verdict.errors,
            outside("initial_instance_count", initial_instance_count, VARIANT_MIN_INSTANCES),
            outside("initial_variant_weight", initial_variant_weight, 0),
            _key_fault(instance_type, encryption_key),
            path=self.node.path,
        )
        for warning in verdict.warnings:
            Annotations.of(self).add_warning_v2("mme:instanceType", warning)
        self.variant_name = variant_name
        self.instance_type = instance_type
        self.initial_instance_count = initial_instance_count
        self._model_name = model.model_name
        self._weight = initial_variant_weight
        self._resource = aws_sagemaker.CfnEndpointConfig(
            self,
            "Resource",
            production_variants=[self._variant()],
            kms_key_id=encryption_key.key_arn if encryption_key else None,
            # Left out, it would be on for every new config.
            metrics_config=aws_sagemaker.CfnEndpointConfig.MetricsConfigProperty(
                enable_detailed_observability=detailed_observability
            ),
        )

    @property
    def endpoint_config_name(self) -> str:
        """The name that CloudFormation gave it."""
        return self._resource.attr_endpoint_config_name

    def ensure_instances(self, minimum: int) -> None:
        """Start with at least `minimum` instances, as a variant below its scaling minimum scales at once."""
        if known(self.initial_instance_count) and known(minimum) and self.initial_instance_count < minimum:
            self.initial_instance_count = minimum
            self._resource.production_variants = [self._variant()]

    def _variant(self) -> _Variant:
        return _Variant(
            variant_name=self.variant_name,
            model_name=self._model_name,
            instance_type=self.instance_type,
            initial_instance_count=self.initial_instance_count,
            initial_variant_weight=self._weight,
        )


def _key_fault(instance_type: str, key: aws_kms.IKey | None) -> str | None:
    kind = describe(instance_type) if known(instance_type) else None
    if key is None or kind is None or not kind.has_local_storage:
        return None
    return (
        f"encryption_key is set and {instance_type} has local NVMe storage, which takes no key and is "
        "encrypted by its own hardware: leave encryption_key out"
    )
