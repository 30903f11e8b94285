"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import ClientError

from mme_local.aws.cloudformation.faults import ResourceFault, handler_message
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_SERVICE = "application-autoscaling"
_TARGET_KEY = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class ScalableTarget:
    """A registered scalable target. Ref is `resource|dimension|namespace`, as AWS gives it."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """When it becomes another target (its create-only properties)."""
        return bool(changed(before, after) & set(_TARGET_KEY))

    def create(self, request: Request, properties: Properties) -> Physical:
        """RegisterScalableTarget, and its scheduled actions."""
        key = {name: properties[name] for name in _TARGET_KEY}
        registered = {name: value for name, value in properties.items() if name != "ScheduledActions"}
        registered.setdefault("RoleARN", _service_linked_role(request, key["ServiceNamespace"]))
        # a list of pairs in the template, a mapping in the API
        registered["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
        request.aws.call(_SERVICE, "register_scalable_target", registered)
        for action in properties.get("ScheduledActions") or []:
            request.aws.call(_SERVICE, "put_scheduled_action", {**key, **action})
        identity = "|".join(key[name] for name in _TARGET_KEY)
        return Physical(identity, {"Id": identity})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """Register again, which changes the bounds; scheduled actions no longer named are deleted."""
        key = {name: after[name] for name in _TARGET_KEY}
        kept = {action["ScheduledActionName"] for action in after.get("ScheduledActions") or []}
        for action in before.get("ScheduledActions") or []:
            if action["ScheduledActionName"] not in kept:
                name = {"ScheduledActionName": action["ScheduledActionName"]}
                request.aws.call(_SERVICE, "delete_scheduled_action", {**key, **name})
        return self.create(request, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """DeregisterScalableTarget."""
        key = dict(zip(_TARGET_KEY, physical.id.split("|"), strict=True))
        for action in properties.get("ScheduledActions") or []:
            name = {"ScheduledActionName": action["ScheduledActionName"]}
            request.aws.call(_SERVICE, "delete_scheduled_action", {**key, **name})
        _unless_missing(lambda: request.aws.call(_SERVICE, "deregister_scalable_target", key))


class ScalingPolicy:
    """A scaling policy. Ref is its ARN."""

    name_property = "PolicyName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """When it belongs to another target or has another name."""
        return bool(changed(before, after) & {*_TARGET_KEY, "PolicyName", "ScalingTargetId"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """PutScalingPolicy."""
        made = request.aws.call(_SERVICE, "put_scaling_policy", _policy(properties))
        return Physical(made["PolicyARN"], {"Arn": made["PolicyARN"]})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """PutScalingPolicy of the same name, which replaces its content."""
        request.aws.call(_SERVICE, "put_scaling_policy", _policy(after))
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteScalingPolicy."""
        policy = _policy(properties)
        key = {name: policy[name] for name in (*_TARGET_KEY, "PolicyName")}
        _unless_missing(lambda: request.aws.call(_SERVICE, "delete_scaling_policy", key))


def _policy(properties: Properties) -> Properties:
    """The API's members; a policy may name its target by the target's Ref.

    Raises:
        ResourceFault: a text that is no Ref of a target.
    """
    policy = dict(properties)
    if target := policy.pop("ScalingTargetId", None):
        parts = str(target).split("|")
        if len(parts) != len(_TARGET_KEY) or not all(parts):
            reason = (
                f"Invalid ScalingTargetId {target}: it must be the Ref of an "
                "AWS::ApplicationAutoScaling::ScalableTarget, ResourceId|ScalableDimension|ServiceNamespace"
            )
            raise ResourceFault(handler_message(reason, "InvalidRequest"))
        policy.update(zip(_TARGET_KEY, parts, strict=True))
    return policy


def _service_linked_role(request: Request, namespace: str) -> str:
    """The role that Application Auto Scaling takes where none is given (user guide, service-linked roles)."""
    suffix = "SageMakerEndpoint" if namespace == "sagemaker" else namespace
    return (
        f"arn:aws:iam::{request.account}:role/aws-service-role/"
        f"{namespace}.application-autoscaling.amazonaws.com/"
        f"AWSServiceRoleForApplicationAutoScaling_{suffix}"
    )


def _unless_missing(call: Callable[[], object]) -> None:
    """Run a delete; deleting the endpoint has already deregistered its variants."""
    try:
        call()
    except ClientError as error:
        if "found for service namespace" not in error.response["Error"]["Message"]:
            raise


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget,
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy,
}
