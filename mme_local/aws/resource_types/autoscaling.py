"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from __future__ import annotations

from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceError,
    ResourceRequest,
    ResourceType,
    handler_message,
)

_SERVICE = "application-autoscaling"
_TARGET_KEY = ("ResourceId", "ScalableDimension", "ServiceNamespace")
# Deleting an endpoint has already deregistered its variants.
_MISSING = "found for service namespace"


class ScalableTargetType(ResourceType):
    """A registered scalable target. Ref is `resource|dimension|namespace`."""

    create_only = frozenset(_TARGET_KEY)

    def create(self, request: ResourceRequest) -> Physical:
        key = request.select(*_TARGET_KEY)
        registered = request.without("ScheduledActions")
        registered.setdefault("RoleARN", _service_linked_role(request))
        request.call(_SERVICE, "register_scalable_target", **registered)
        for action in request.properties.get("ScheduledActions") or []:
            request.call(_SERVICE, "put_scheduled_action", **key, **action)
        identity = "|".join(key[name] for name in _TARGET_KEY)
        return Physical(identity, {"Id": identity})

    def update(self, request: ResourceRequest) -> Physical:
        """Register it again, which changes the bounds; delete scheduled actions that are gone."""
        for name in _actions(request.previous) - _actions(request.properties):
            key = request.select(*_TARGET_KEY)
            request.call(_SERVICE, "delete_scheduled_action", **key, ScheduledActionName=name)
        return self.create(request)

    def delete(self, request: ResourceRequest) -> None:
        key = dict(zip(_TARGET_KEY, request.physical.id.split("|"), strict=True))
        request.call_unless(_MISSING, _SERVICE, "deregister_scalable_target", **key)


class ScalingPolicyType(ResourceType):
    """A scaling policy. Ref is its ARN."""

    # No name_property: every policy must have a name, and its identity is its ARN (CloudFormation's resource
    # schema), so one of the same name on another target replaces it.
    create_only = frozenset({*_TARGET_KEY, "PolicyName", "ScalingTargetId"})

    def create(self, request: ResourceRequest) -> Physical:
        arn = request.call(_SERVICE, "put_scaling_policy", **_policy(request.properties))["PolicyARN"]
        return Physical(arn, {"Arn": arn})

    def update(self, request: ResourceRequest) -> Physical:
        return self.create(request)

    def delete(self, request: ResourceRequest) -> None:
        policy = _policy(request.properties)
        key = {name: policy[name] for name in (*_TARGET_KEY, "PolicyName")}
        request.call_unless(_MISSING, _SERVICE, "delete_scaling_policy", **key)


def _actions(properties: Properties) -> set[str]:
    return {action["ScheduledActionName"] for action in properties.get("ScheduledActions") or []}


def _policy(properties: Properties) -> Properties:
    """Return the API's members; a policy may name its target by the target's Ref.

    Raises:
        ResourceError: `ScalingTargetId` is not a Ref of a target.
    """
    policy = dict(properties)
    if target := policy.pop("ScalingTargetId", None):
        parts = str(target).split("|")
        if len(parts) != len(_TARGET_KEY) or not all(parts):
            reason = (
                f"Invalid ScalingTargetId {target}: it must be the Ref of an "
                "AWS::ApplicationAutoScaling::ScalableTarget, ResourceId|ScalableDimension|ServiceNamespace"
            )
            raise ResourceError(handler_message(reason, "InvalidRequest"))
        policy.update(zip(_TARGET_KEY, parts, strict=True))
    return policy


def _service_linked_role(request: ResourceRequest) -> str:
    """Return the default role (Application Auto Scaling user guide, "Service-linked roles")."""
    namespace = request.properties["ServiceNamespace"]
    suffix = "SageMakerEndpoint" if namespace == "sagemaker" else namespace
    return (
        f"arn:aws:iam::{request.account}:role/aws-service-role/"
        f"{namespace}.application-autoscaling.amazonaws.com/"
        f"AWSServiceRoleForApplicationAutoScaling_{suffix}"
    )


TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTargetType(),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicyType(),
}
