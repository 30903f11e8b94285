"""The first phase of a change of instance type: the variant stays as it is, and is not scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations
from constructs import Construct

if TYPE_CHECKING:
    from mme_cdk.endpoint.production_variant import ProductionVariant
    from mme_cdk.scaling.scalable_instance_count import ScalableInstanceCount


def leave_out(scaling: ScalableInstanceCount, scope: Construct, variant: ProductionVariant) -> None:
    """Take a variant's scaling out of the template: CloudFormation then deregisters it.

    Off the tree, it still takes policies and schedules, and none of them is synthesized. So an app changes
    nothing but the type.

    Args:
        scaling: what is left out.
        scope: its parent.
        variant: what it would scale.
    """
    scope.node.try_remove_child(scaling.node.id)
    Annotations.of(scope).add_warning_v2(
        "mme:notScaled",
        f"variant {variant.variant_name} is not scaled while next_instance_type is "
        f"{variant.next_instance_type} and instance_type is {variant.instance_type}: it keeps the instances "
        f"it has. When this is deployed, set instance_type to {variant.next_instance_type} and deploy again",
    )
