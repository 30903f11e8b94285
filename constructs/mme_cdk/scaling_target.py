"""A scalable target as aws-cdk's own scaling policies must be given it."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_applicationautoscaling
from constructs import Construct

_ID = "Target"


def policies_target(
    scope: Construct, resource: aws_applicationautoscaling.CfnScalableTarget
) -> aws_applicationautoscaling.IScalableTarget:
    """The target of `resource`, made in `scope` once, for any number of policies.

    Given the L1 itself, aws-cdk 2.275 cuts its id down to the resource id, and a policy of such a
    `ScalingTargetId` fails to deploy: it wants all of `resource id|dimension|namespace`, which Ref gives.
    """
    made = scope.node.try_find_child(_ID)
    if made is not None:
        return cast(aws_applicationautoscaling.IScalableTarget, made)
    return aws_applicationautoscaling.ScalableTarget.from_scalable_target_attributes(
        scope,
        _ID,
        scalable_target_id=resource.ref,
        scalable_dimension=resource.scalable_dimension,
        service_namespace=resource.service_namespace,
    )
