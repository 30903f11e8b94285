"""What a deployment would do to a stack: endpoints that come and go, and what holds data. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Final

from mme.operate.preflight.findings import Effect, Finding
from mme.operate.preflight.live import DeployedStack
from mme.operate.preflight.resolution import is_known
from mme.operate.preflight.template import (
    ENDPOINT_CONFIG,
    MODEL,
    NESTED_STACK,
    EndpointPlan,
    Resource,
    StackTemplate,
)

# What holds data, and the properties whose change replaces it (CloudFormation template reference, "Update
# requires: Replacement").
STATEFUL: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::S3::Bucket": ("BucketName", "BucketNamePrefix", "BucketNamespace", "ObjectLockEnabled"),
    "AWS::KMS::Key": (),
    "AWS::ECR::Repository": ("RepositoryName", "EncryptionConfiguration"),
    "AWS::EFS::FileSystem": ("AvailabilityZoneName", "Encrypted", "KmsKeyId", "PerformanceMode"),
    "AWS::DynamoDB::Table": ("TableName", "KeySchema", "ImportSourceSpecification"),
}
LOG_GROUP: Final = "AWS::Logs::LogGroup"
_NAMED: Final = {MODEL: "ModelName", ENDPOINT_CONFIG: "EndpointConfigName"}
# CloudFormation user guide, stack status codes: none of these takes an update.
_STUCK: Final = (
    "UPDATE_ROLLBACK_FAILED",
    "ROLLBACK_FAILED",
    "CREATE_FAILED",
    "DELETE_FAILED",
    "UPDATE_FAILED",
)
# A stack whose creation was rolled back or never executed has nothing; the CDK CLI makes it anew.
NOTHING_DEPLOYED: Final = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def check_status(stack: DeployedStack) -> Iterator[Finding]:
    """Whether CloudFormation would take an update of it now."""
    if stack.status.endswith("_IN_PROGRESS"):
        yield Finding(
            code="stack-busy",
            effect=Effect.FAILS,
            subject=stack.name,
            message=f"the stack is {stack.status}",
            reason="CloudFormation refuses an update until that is done",
            way_out=("wait for it, then try again",),
        )
    elif stack.status in _STUCK:
        yield Finding(
            code="stack-stuck",
            effect=Effect.FAILS,
            subject=stack.name,
            message=f"the stack is {stack.status}",
            reason="CloudFormation refuses an update",
            way_out=(
                f"mend the cause, then: aws cloudformation continue-update-rollback --stack-name {stack.name}"
                if stack.status == "UPDATE_ROLLBACK_FAILED"
                else f"mend the cause, then: cdk rollback, or delete the stack {stack.name}",
            ),
        )


def check_names(
    stack: str,
    before: Mapping[str, EndpointPlan],
    after: Mapping[str, EndpointPlan],
    *,
    names: Mapping[str, str],
    taken: Set[str],
) -> Iterator[Finding]:
    """Endpoints that come, go or get another name.

    Args:
        stack: the stack's name.
        before: endpoints of the deployed template, by logical id.
        after: endpoints of the new one.
        names: of those before, as they are, by logical id.
        taken: of the names in the new template, those that SageMaker has an endpoint for now.
    """
    for id, plan in after.items():
        if id in before and plan.name in (before[id].name, names[id]):
            continue
        if id in before and not is_known(plan.name):
            yield Finding(
                code="undecided",
                effect=Effect.WARNING,
                subject=names[id],
                message=f"preflight can't tell whether the endpoint's name changes: it becomes {plan.name}, "
                "which only the deployment knows",
                reason="another name is another endpoint, and the old one's URL is gone",
            )
            continue
        if plan.name in taken:
            yield _taken(stack, plan, names)
        if id in before:
            new = plan.name or "one that CloudFormation makes"
            yield Finding(
                code="endpoint-replaced",
                effect=Effect.LOSES,
                subject=names[id],
                message=f"the endpoint's name changes to {new}: a new endpoint is made, this one deleted",
                reason="who calls the old name gets an error from then on, and its alarms and metrics end",
                way_out=(
                    f'keep the name: endpoint_name="{names[id]}" on the MultiModelEndpoint',
                    "or make a second endpoint beside it, move the callers, and take the first away then",
                ),
            )
    for id, name in names.items():
        if id not in after:
            yield Finding(
                code="endpoint-removed",
                effect=Effect.LOSES,
                subject=name,
                message=f"the endpoint ({id}) is not in the new template, so it is deleted",
                reason="who calls it gets an error from then on; its models stay in their bucket",
                way_out=("if its construct was renamed or moved, name and place it as before",),
            )


def _taken(stack: str, plan: EndpointPlan, names: Mapping[str, str]) -> Finding:
    own = next((id for id, name in names.items() if name == plan.name), None)
    return Finding(
        code="endpoint-exists",
        effect=Effect.FAILS,
        subject=str(plan.name),
        message=f"the endpoint {plan.logical_id} would be made, and one of that name exists",
        reason=f"it is {own} of this stack, and CloudFormation makes the new one before it deletes the old"
        if own
        else f"it is not the stack {stack}'s",
        way_out=("its construct was renamed or moved: name and place it as before",)
        if own
        else ("choose another endpoint_name, or delete that endpoint first",),
    )


def check_data(stack: str, old: StackTemplate, new: StackTemplate) -> Iterator[Finding]:
    """What holds data and would be deleted or replaced."""
    for resource in old.of_type(*STATEFUL):
        after = new.resources.get(resource.logical_id)
        if after is None or after.type != resource.type:
            yield _lost(stack, resource, "is not in the new template, so it is deleted", resource.on_delete)
            continue
        for name in STATEFUL[resource.type]:
            one, other = resource.properties.get(name), after.properties.get(name)
            if one == other:
                continue
            if not is_known([one, other]):
                yield Finding(
                    code="undecided",
                    effect=Effect.WARNING,
                    subject=resource.logical_id,
                    message=f"preflight can't tell whether {name} of the {_noun(resource)} changes: from "
                    f"{one} to {other}",
                    reason="a change would replace it",
                )
                continue
            # The policy that counts is that of the template which is being deployed.
            yield _lost(
                stack, resource, f"is replaced, as its {name} changes from {one} to {other}", after.on_replace
            )


def check_fixed_names(old: StackTemplate, new: StackTemplate) -> Iterator[Finding]:
    """Models and configs under a fixed name: their replacement would have to take the name twice."""
    for resource in new.of_type(*_NAMED):
        before = old.resources.get(resource.logical_id)
        name = resource.properties.get(_NAMED[resource.type])
        if before is None or name is None or before.properties.get(_NAMED[resource.type]) != name:
            continue
        if before.properties != resource.properties:
            yield Finding(
                code="fixed-name",
                effect=Effect.FAILS,
                subject=resource.logical_id,
                message=f"the {_noun(resource)} {name} changes, and has a fixed name",
                reason="every change replaces it, and CloudFormation makes the new one before it deletes the "
                "old: the name is taken",
                way_out=(
                    f"leave {_NAMED[resource.type]} out: CloudFormation then makes a new name each time",
                ),
            )


def check_log_groups(
    old: StackTemplate | None, new: StackTemplate, exists: Callable[[str], bool]
) -> Iterator[Finding]:
    """Log groups that the stack would make and that somebody has made before it.

    SageMaker makes an endpoint's at its first line, and leaves it behind when the endpoint is deleted.

    Args:
        old: what is deployed.
        new: what would be.
        exists: whether there is a log group of a name.
    """
    before = {one.properties.get("LogGroupName") for one in old.of_type(LOG_GROUP)} if old else set()
    for resource in new.of_type(LOG_GROUP):
        name = resource.properties.get("LogGroupName")
        if not isinstance(name, str) or name in before or not exists(name):
            continue
        yield Finding(
            code="log-group-exists",
            effect=Effect.FAILS,
            subject=name,
            message=f"the log group {resource.logical_id} would be made, and one of that name exists",
            reason="SageMaker makes an endpoint's log group at its first line and leaves it behind, and "
            "CloudFormation does not take over what it did not make",
            way_out=(
                f"keep it and let its lines expire: aws logs put-retention-policy --log-group-name {name} "
                "--retention-in-days DAYS, and leave log_retention out of add_monitoring",
                "or give it to the stack with all its lines: cdk import",
                f"or lose what was logged: aws logs delete-log-group --log-group-name {name}",
            ),
        )


def check_nested(stack: str, new: StackTemplate) -> Iterator[Finding]:
    """Nested stacks: what is in them is not read."""
    for resource in new.of_type(NESTED_STACK):
        yield Finding(
            code="undecided",
            effect=Effect.WARNING,
            subject=resource.logical_id,
            message=f"preflight does not look into the nested stack {resource.logical_id} of {stack}",
            reason="its changes are not among these findings",
        )


def _lost(stack: str, resource: Resource, what: str, policy: str) -> Finding:
    kept = policy.startswith("Retain")
    noun = _noun(resource)
    return Finding(
        code="data",
        effect=Effect.LOSES,
        subject=resource.logical_id,
        message=f"the {noun} {resource.logical_id} of {stack} {what}",
        reason=f"its policy is {policy}: the old {noun} stays in the account, out of the stack, and what it "
        "holds is not in the new one"
        if kept
        else f"its policy is {policy}: what it holds goes with it, or the deployment fails because it is not "
        "empty",
        way_out=(
            f"keep the {noun} as it is; if its construct was renamed or moved, name and place it as before",
        ),
    )


def _noun(resource: Resource) -> str:
    return {
        "AWS::S3::Bucket": "bucket",
        "AWS::KMS::Key": "key",
        "AWS::ECR::Repository": "repository",
        "AWS::EFS::FileSystem": "file system",
        "AWS::DynamoDB::Table": "table",
        MODEL: "model",
        ENDPOINT_CONFIG: "endpoint config",
    }[resource.type]
