"""Check what a deployment would do to a stack: names of endpoints, stored data, log groups. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Final

from mme.aws.template_resolver import is_known
from mme.operate.preflight.findings import Effect, PreflightFinding, finding
from mme.operate.preflight.template import NESTED_STACK, EndpointPlan, Resource, StackTemplate
from mme.operate.stacks import ENDPOINT_CONFIG, MODEL, StackState

# Resources with data, and the properties whose change replaces them (CloudFormation template reference,
# "Update requires: Replacement").
_STATEFUL: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::S3::Bucket": ("BucketName", "BucketNamePrefix", "BucketNamespace", "ObjectLockEnabled"),
    "AWS::KMS::Key": (),
    "AWS::ECR::Repository": ("RepositoryName", "EncryptionConfiguration"),
    "AWS::EFS::FileSystem": ("AvailabilityZoneName", "Encrypted", "KmsKeyId", "PerformanceMode"),
    "AWS::DynamoDB::Table": ("TableName", "KeySchema", "ImportSourceSpecification"),
}
_NOUNS: Final = {
    "AWS::S3::Bucket": "bucket",
    "AWS::KMS::Key": "key",
    "AWS::ECR::Repository": "repository",
    "AWS::EFS::FileSystem": "file system",
    "AWS::DynamoDB::Table": "table",
    MODEL: "model",
    ENDPOINT_CONFIG: "endpoint config",
}
_POLICY: Final = "AWS::ApplicationAutoScaling::ScalingPolicy"
_TRACKING: Final = "TargetTrackingScalingPolicyConfiguration"
_LOG_GROUP: Final = "AWS::Logs::LogGroup"
_NAMED: Final = {MODEL: "ModelName", ENDPOINT_CONFIG: "EndpointConfigName"}
# CloudFormation user guide, stack status codes: none of these can be updated.
_STUCK: Final = (
    "UPDATE_ROLLBACK_FAILED",
    "ROLLBACK_FAILED",
    "CREATE_FAILED",
    "DELETE_FAILED",
    "UPDATE_FAILED",
)
# A stack whose creation was rolled back or never executed has no resources; the CDK CLI creates it again.
NOTHING_DEPLOYED: Final = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def check_status(stack: StackState) -> Iterator[PreflightFinding]:
    """Check that CloudFormation accepts an update of the stack now."""
    message = f"the stack is {stack.status}"
    if stack.status.endswith("_IN_PROGRESS"):
        reason = "CloudFormation refuses updates until that is done"
        hint = "wait for it, then try again"
        yield finding(Effect.FAILS, "stack-busy", stack.name, message, reason, hint)
    elif stack.status in _STUCK:
        command = (
            f"aws cloudformation continue-update-rollback --stack-name {stack.name}"
            if stack.status == "UPDATE_ROLLBACK_FAILED"
            else f"cdk rollback, or delete the stack {stack.name}"
        )
        hint = f"fix the cause, then: {command}"
        reason = "CloudFormation refuses updates"
        yield finding(Effect.FAILS, "stack-stuck", stack.name, message, reason, hint)


def check_names(
    stack: str,
    before: Mapping[str, EndpointPlan],
    after: Mapping[str, EndpointPlan],
    *,
    names: Mapping[str, str],
    taken: Set[str],
) -> Iterator[PreflightFinding]:
    """Check endpoints that are created, deleted or renamed.

    Args:
        stack: Name of the stack.
        before: Endpoints of the deployed template, by logical id.
        after: Endpoints of the new template, by logical id.
        names: Actual names of those before, by logical id.
        taken: Names in the new template that existing endpoints have.
    """
    for id, plan in after.items():
        if id in before and plan.name in (before[id].name, names[id]):
            continue
        if id in before and not is_known(plan.name):
            yield finding(
                Effect.WARNING,
                "undecided",
                names[id],
                f"preflight can't determine whether the endpoint's name changes: it becomes {plan.name}, "
                "which only the deployment knows",
                "another name is another endpoint, and calls of the old one fail",
            )
            continue
        if plan.name in taken:
            yield _taken(stack, plan, names)
        if id in before:
            new = plan.name or "one that CloudFormation generates"
            yield finding(
                Effect.LOSES,
                "endpoint-replaced",
                names[id],
                f"the endpoint's name changes to {new}: a new endpoint is created, this one deleted",
                "calls of the old name fail from then on, and its alarms and metrics end",
                f'keep the name: endpoint_name="{names[id]}" on the MultiModelEndpoint\n'
                "or add a second endpoint, move the callers, and then remove the first",
            )
    for id, name in names.items():
        if id not in after:
            yield finding(
                Effect.LOSES,
                "endpoint-removed",
                name,
                f"the endpoint ({id}) is not in the new template, so it is deleted",
                "calls of it fail from then on; its models stay in their bucket",
                "if its construct was renamed or moved, name and place it as before",
            )


def _taken(stack: str, plan: EndpointPlan, names: Mapping[str, str]) -> PreflightFinding:
    own = next((id for id, name in names.items() if name == plan.name), None)
    return finding(
        Effect.FAILS,
        "endpoint-exists",
        str(plan.name),
        f"the endpoint {plan.logical_id} would be created, but one of that name exists",
        f"it is {own} of this stack, and CloudFormation creates the new one before it deletes the old one"
        if own
        else f"it does not belong to the stack {stack}",
        "its construct was renamed or moved: name and place it as before"
        if own
        else "use another endpoint_name, or delete that endpoint first",
    )


def check_data(stack: str, old: StackTemplate, new: StackTemplate) -> Iterator[PreflightFinding]:
    """Check resources with data that would be deleted or replaced.

    Args:
        stack: Name of the stack.
        old: The deployed template.
        new: The new template.
    """
    for resource in old.of_type(*_STATEFUL):
        after = new.resources.get(resource.logical_id)
        if after is None or after.type != resource.type:
            yield _lost(stack, resource, "is not in the new template, so it is deleted", resource.on_delete)
            continue
        for name in _STATEFUL[resource.type]:
            one, other = resource.properties.get(name), after.properties.get(name)
            if one == other:
                continue
            if is_known([one, other]):
                # The policy of the new template applies.
                what = f"is replaced, as its {name} changes from {one} to {other}"
                yield _lost(stack, resource, what, after.on_replace)
                continue
            yield finding(
                Effect.WARNING,
                "undecided",
                resource.logical_id,
                f"preflight can't determine whether {name} of the {_NOUNS[resource.type]} changes: from "
                f"{one} to {other}",
                "a change would replace it",
            )


def check_fixed_names(old: StackTemplate, new: StackTemplate) -> Iterator[PreflightFinding]:
    """Check models and endpoint configs with a fixed name, which block their own replacement.

    Args:
        old: The deployed template.
        new: The new template.
    """
    for resource in new.of_type(*_NAMED):
        before = old.resources.get(resource.logical_id)
        property = _NAMED[resource.type]
        name = resource.properties.get(property)
        if before is None or name is None or before.properties.get(property) != name:
            continue
        if before.properties != resource.properties:
            yield finding(
                Effect.FAILS,
                "fixed-name",
                resource.logical_id,
                f"the {_NOUNS[resource.type]} {name} changes, and has a fixed name",
                "every change replaces it, and CloudFormation creates the new one, of the same name, before "
                "it deletes the old one",
                f"remove {property}: CloudFormation then generates a new name each time",
            )


def check_scaling_policies(old: StackTemplate, new: StackTemplate) -> Iterator[PreflightFinding]:
    """Check for renamed target tracking policies, which would be the second of their metric for a while.

    Args:
        old: The deployed template.
        new: The new template.
    """
    before = {_tracked(one): one for one in old.of_type(_POLICY) if _tracked(one)}
    for policy in new.of_type(_POLICY):
        was = before.get(_tracked(policy))
        if was is None or (was.logical_id, _policy_name(was)) == (policy.logical_id, _policy_name(policy)):
            continue
        if was.logical_id in new.resources and was.logical_id != policy.logical_id:
            continue  # still there, for another metric
        yield finding(
            Effect.FAILS,
            "scaling-policy-renamed",
            policy.logical_id,
            f"the scaling policy {_policy_name(was) or was.logical_id} becomes "
            f"{_policy_name(policy) or policy.logical_id} for the same metric and target",
            "Application Auto Scaling takes one target tracking policy for a metric, and CloudFormation "
            "creates the new one before it deletes the old one",
            "keep the policy's id; or deploy once without the policy, and then with its new id",
        )


def _tracked(policy: Resource) -> str | None:
    """Return target and metric of a target tracking policy; None for other policies."""
    tracking = policy.properties.get(_TRACKING)
    if not isinstance(tracking, Mapping):
        return None
    metric = {name: value for name, value in tracking.items() if name.endswith("MetricSpecification")}
    target = policy.properties.get("ScalingTargetId") or policy.properties.get("ResourceId")
    return json.dumps([target, metric], sort_keys=True, default=str)


def _policy_name(policy: Resource) -> str | None:
    name = policy.properties.get("PolicyName")
    return None if name is None else str(name)


def check_log_groups(
    old: StackTemplate | None, new: StackTemplate, exists: Callable[[str], bool]
) -> Iterator[PreflightFinding]:
    """Check log groups that the stack would create but that exist already.

    SageMaker creates an endpoint's log group with its first line and does not delete it with the endpoint.

    Args:
        old: The deployed template.
        new: The new template.
        exists: Returns whether a log group exists.
    """
    before = {one.properties.get("LogGroupName") for one in old.of_type(_LOG_GROUP)} if old else set()
    for resource in new.of_type(_LOG_GROUP):
        name = resource.properties.get("LogGroupName")
        if not isinstance(name, str) or name in before or not exists(name):
            continue
        yield finding(
            Effect.FAILS,
            "log-group-exists",
            name,
            f"the log group {resource.logical_id} would be created, but one of that name exists",
            "SageMaker creates an endpoint's log group with its first line and does not delete it, and "
            "CloudFormation does not adopt existing resources",
            f"keep it and let its lines expire: aws logs put-retention-policy --log-group-name {name} "
            "--retention-in-days DAYS, and leave log_retention out of add_monitoring\n"
            "or move it into the stack with all its lines: cdk import\n"
            f"or delete it with all its lines: aws logs delete-log-group --log-group-name {name}",
        )


def check_nested(stack: str, new: StackTemplate) -> Iterator[PreflightFinding]:
    """Report nested stacks, whose content is not read.

    Args:
        stack: Name of the stack.
        new: The new template.
    """
    for resource in new.of_type(NESTED_STACK):
        message = f"preflight does not read the nested stack {resource.logical_id} of {stack}"
        reason = "its changes are not among these findings"
        yield finding(Effect.WARNING, "undecided", resource.logical_id, message, reason)


def _lost(stack: str, resource: Resource, what: str, policy: str) -> PreflightFinding:
    noun = _NOUNS[resource.type]
    return finding(
        Effect.LOSES,
        "data",
        resource.logical_id,
        f"the {noun} {resource.logical_id} of {stack} {what}",
        f"its policy is {policy}: the old {noun} stays in the account, outside the stack, and its content is "
        "not in the new one"
        if policy.startswith("Retain")
        else f"its policy is {policy}: its content is deleted, or the deployment fails as it is not empty",
        f"keep the {noun} as it is; if its construct was renamed or moved, name and place it as before",
    )
