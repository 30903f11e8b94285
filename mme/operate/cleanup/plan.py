"""What a cleaning would take away: found first, shown, and only then done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.cleanup.objects import ObjectCount, count_objects, other_prefixes
from mme.operate.cleanup.stacks import OwnedStack, importers, owner_of_bucket, read_stack
from mme.operate.discovery import BUCKET_OUTPUT, PREFIX_OUTPUT, Deployment
from mme.operate.endpoint_state import EndpointState, read_endpoint
from mme.operate.log_events import log_group_name
from mme.operate.stack_resources import ENDPOINT
from mme.registry.names import STATE

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes beside the serving stack.

    Attributes:
        models: the models, all their versions, and their aliases.
        outputs: captured data, and what lies in buckets of the serving stack's own.
        logs: the endpoint's log group, which SageMaker made.
        store: the models' stack as well; `models` is then meant too.
    """

    models: bool = False
    outputs: bool = False
    logs: bool = False
    store: bool = False


class When(StrEnum):
    """When objects go: before the endpoint is deleted, or after, when nothing serves them any more."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class ObjectsToDelete:
    """A prefix to be emptied.

    Attributes:
        what: in one or two words.
        bucket: the bucket.
        prefix: of the keys; empty for the whole bucket.
        count: what lies there now.
        when: before or after the serving stack is deleted.
    """

    what: str
    bucket: str
    prefix: str
    count: ObjectCount
    when: When


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """All that goes, and what stays though one might think it went.

    Attributes:
        subject: what is typed to confirm: the serving stack's name, or the store's where only that is left.
        serving: the serving stack; None where it is gone already.
        objects: what is deleted in S3.
        log_group: the log group that is deleted, or None.
        store: the models' stack, where it is deleted too.
        stays: what is left, and why, in whole sentences.
    """

    subject: str
    serving: OwnedStack | None
    objects: tuple[ObjectsToDelete, ...]
    log_group: str | None
    store: OwnedStack | None
    stays: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True where there is nothing to do."""
        return not (
            self.serving or self.store or self.log_group or any(one.count.entries for one in self.objects)
        )


def plan_clean(
    clients: AwsClients, deployment: Deployment, choice: Choice, store_stack: str | None = None
) -> CleanPlan:
    """Finds what the deployment owns. Nothing is changed.

    Args:
        clients: of its account and region.
        deployment: as its stack's outputs say.
        choice: what goes beside the serving stack.
        store_stack: the models' stack, where it exports nothing by which it could be found.

    Raises:
        MmeError: something that would go is another's too, is protected, or would stop the deletion midway.
    """
    serving = read_stack(clients.cloudformation, deployment.stack)
    if serving is None:
        raise MmeError(f"the stack {deployment.stack} does not exist", hint="check --stack and --region")
    endpoints = {one.name for one in serving.resources if one.type == ENDPOINT}
    if deployment.endpoint_name not in endpoints:
        raise MmeError(
            f"the stack {serving.name} names endpoint {deployment.endpoint_name} but does not own it",
            hint="name the stack that made the endpoint with --stack",
        )
    _check_deletable(clients.cloudformation, serving, allowed=set())
    store = _store_of(clients.cloudformation, deployment.bucket, serving, store_stack)
    stays: list[str] = []
    objects = _outputs(clients, deployment, serving, store, choice, stays)
    found = _models(clients, deployment.bucket, deployment.prefix, store, serving, choice, stays)
    objects += [one for one in found if one not in objects]
    _check_buckets_go_empty(clients, serving, objects)
    return CleanPlan(
        subject=serving.name,
        serving=serving,
        objects=tuple(objects),
        log_group=_log_group(clients.logs, deployment.endpoint_name, choice, stays),
        store=store if choice.store and store is not serving else None,
        stays=tuple(stays),
    )


def plan_leftovers(clients: AwsClients, store_stack: str, choice: Choice) -> CleanPlan | None:
    """Finds what is left where a cleaning was interrupted after the serving stack had gone.

    Returns:
        the plan, or None where that stack does not exist.

    Raises:
        MmeError: as `plan_clean`.
    """
    store = read_stack(clients.cloudformation, store_stack)
    if store is None:
        return None
    (described,) = clients.cloudformation.describe_stacks(StackName=store_stack)["Stacks"]
    outputs = {one.get("OutputKey"): one.get("OutputValue", "") for one in described.get("Outputs", [])}
    bucket = outputs.get(BUCKET_OUTPUT) or next(iter(store.buckets), "")
    if PREFIX_OUTPUT not in outputs or bucket not in store.buckets:
        raise MmeError(f"the stack {store_stack} is no model store: it has no outputs of bucket and prefix")
    stays: list[str] = []
    objects = _models(clients, bucket, str(outputs[PREFIX_OUTPUT]), store, None, choice, stays)
    return CleanPlan(store.name, None, tuple(objects), None, store if choice.store else None, tuple(stays))


def _store_of(
    cloudformation: CloudFormationClient, bucket: str, serving: OwnedStack, named: str | None
) -> OwnedStack | None:
    if bucket in serving.buckets:
        return serving
    if named is None:
        return owner_of_bucket(cloudformation, bucket)
    store = read_stack(cloudformation, named)
    if store is None or bucket not in store.buckets:
        raise MmeError(
            f"the stack {named} {'does not exist' if store is None else f'does not own the bucket {bucket}'}",
            hint="check --store-stack",
        )
    return store


def _outputs(
    clients: AwsClients,
    deployment: Deployment,
    serving: OwnedStack,
    store: OwnedStack | None,
    choice: Choice,
    stays: list[str],
) -> list[ObjectsToDelete]:
    """Captured data in buckets of our own, and all that is in the serving stack's own buckets."""
    found: list[ObjectsToDelete] = []
    capture = _captures_to(clients, deployment.endpoint_name)
    owned = {*serving.buckets, *(store.buckets if store else ())}
    if capture is not None:
        bucket, prefix = capture
        if bucket not in owned:
            stays.append(
                f"captured data at s3://{bucket}/{prefix}: no stack of this deployment owns the bucket"
            )
        elif bucket == deployment.bucket:
            found.append(_counted(clients, "captured data", bucket, prefix, When.BEFORE))
    for bucket in serving.buckets:
        if bucket != deployment.bucket:
            found.append(_counted(clients, "outputs", bucket, "", When.BEFORE))
    if choice.outputs:
        return found
    stays += [
        f"{_amount(one)} at s3://{one.bucket}/{one.prefix}: --outputs takes it too"
        for one in found
        if one.count.entries
    ]
    return []


def _models(
    clients: AwsClients,
    bucket: str,
    prefix: str,
    store: OwnedStack | None,
    serving: OwnedStack | None,
    choice: Choice,
    stays: list[str],
) -> list[ObjectsToDelete]:
    within = store is not None and store is serving
    when = When.BEFORE if within else When.AFTER
    models = _counted(clients, "models", bucket, prefix, when)
    aliases = _counted(clients, "aliases", bucket, f"{STATE}{prefix}@", when)
    if not (choice.models or choice.store):
        if models.count.entries:
            stays.append(f"{_amount(models)} at s3://{bucket}/{prefix}: --models takes them too")
        if store is not None and not within:
            stays.append(f"the stack {store.name}: --store takes it too")
        return []
    if store is None:
        raise MmeError(
            f"the bucket {bucket} belongs to no stack of this deployment, so its models stay",
            hint="leave out --models and --store, or name the stack that owns it with --store-stack",
        )
    _check_users(clients.cloudformation, store, serving)
    if not choice.store or within:
        return [models, aliases]
    _check_deletable(clients.cloudformation, store, allowed={serving.name} if serving else set())
    strange = other_prefixes(clients.s3, bucket, _ours(prefix, choice, clients, serving))
    if strange and not store.keeps(bucket):
        raise MmeError(
            f"the bucket {bucket} holds more than this deployment's: {', '.join(strange)}",
            hint="move that away first, or leave out --store: --models takes the models alone",
        )
    logs = [
        _counted(clients, "access logs", other, "", When.AFTER) for other in store.buckets if other != bucket
    ]
    stays += [f"the bucket {one}: its stack retains it" for one in store.buckets if store.keeps(one)]
    return [models, aliases, *(one for one in logs if not store.keeps(one.bucket))]


def _ours(prefix: str, choice: Choice, clients: AwsClients, serving: OwnedStack | None) -> tuple[str, ...]:
    """The prefixes in the models' bucket that go: what else lies there is another's."""
    captured: list[str] = []
    if choice.outputs and serving is not None:
        for one in serving.resources:
            capture = _captures_to(clients, one.name) if one.type == ENDPOINT else None
            captured += [capture[1]] if capture else []
    return prefix, f"{STATE}{prefix}@", *captured


def _check_deletable(cloudformation: CloudFormationClient, stack: OwnedStack, *, allowed: set[str]) -> None:
    if stack.protected:
        raise MmeError(
            f"the stack {stack.name} has termination protection: it is not deleted",
            hint="switch it off where you mean it: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {stack.name}",
        )
    if stack.status.endswith("_IN_PROGRESS"):
        raise MmeError(f"the stack {stack.name} is {stack.status}", hint="wait until that is done")
    others = importers(cloudformation, stack) - allowed
    if others:
        raise MmeError(
            f"the stack {stack.name} exports what {', '.join(sorted(others))} imports: it can't be deleted",
            hint="delete those stacks first, where they are yours to delete",
        )


def _check_users(cloudformation: CloudFormationClient, store: OwnedStack, serving: OwnedStack | None) -> None:
    others = importers(cloudformation, store) - ({serving.name} if serving else set())
    if others:
        raise MmeError(
            f"the models in {store.name} are used by {', '.join(sorted(others))} too: they stay",
            hint="leave out --models and --store",
        )


def _check_buckets_go_empty(clients: AwsClients, serving: OwnedStack, objects: list[ObjectsToDelete]) -> None:
    """CloudFormation deletes no bucket with anything in it: told now, before the endpoint is half gone."""
    for bucket in serving.buckets:
        prefixes = tuple(one.prefix for one in objects if one.bucket == bucket and one.when is When.BEFORE)
        strange = [] if serving.keeps(bucket) else other_prefixes(clients.s3, bucket, prefixes, most=1)
        if strange:
            raise MmeError(
                f"the stack {serving.name} owns the bucket {bucket}, which is not empty ({strange[0]}): "
                "CloudFormation would not delete it",
                hint="take the models with --models and the outputs with --outputs, and move away the rest",
            )


def _captures_to(clients: AwsClients, endpoint: str) -> tuple[str, str] | None:
    """Bucket and prefix of the endpoint's own captured data, or None. SageMaker adds its name to the URL."""
    state = _endpoint(clients, endpoint)
    if state is None or not state.captures_data_to:
        return None
    bucket, _, prefix = state.captures_data_to.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/{endpoint}/".lstrip("/")


def _endpoint(clients: AwsClients, endpoint: str) -> EndpointState | None:
    try:
        return read_endpoint(clients.sagemaker, endpoint)
    except MmeError:
        return None


def _counted(clients: AwsClients, what: str, bucket: str, prefix: str, when: When) -> ObjectsToDelete:
    return ObjectsToDelete(what, bucket, prefix, count_objects(clients.s3, bucket, prefix), when)


def _amount(one: ObjectsToDelete) -> str:
    return f"{one.count.current:,} {one.what}" if one.what == "models" else one.what


def _log_group(logs: CloudWatchLogsClient, endpoint: str, choice: Choice, stays: list[str]) -> str | None:
    name = log_group_name(endpoint)
    found: Any = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if not any(group["logGroupName"] == name for group in found):
        return None
    if choice.logs:
        return name
    stays.append(f"the log group {name}: --logs takes it too")
    return None
