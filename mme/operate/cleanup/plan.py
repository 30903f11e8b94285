"""Plan a clean-up: find what it would delete and check that it may, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.cleanup.objects import ObjectCount, count_objects, other_keys
from mme.operate.cleanup.ownership import OwnedStack, importers, owned_stack, owner_of_bucket
from mme.operate.discovery import BUCKET_OUTPUT, PREFIX_OUTPUT, Deployment
from mme.operate.endpoint_state import find_endpoint
from mme.operate.log_events import has_log_group, log_group_name
from mme.operate.stacks import ENDPOINT
from mme.registry.names import STATE


@dataclass(frozen=True, slots=True)
class Choice:
    """What to delete in addition to the serving stack.

    Attributes:
        models: All versions of the models, and their aliases.
        outputs: Captured data and the content of the serving stack's own buckets.
        logs: The endpoint's log group.
        store: The models' stack, with the models.
    """

    models: bool = False
    outputs: bool = False
    logs: bool = False
    store: bool = False


@dataclass(frozen=True, slots=True)
class ObjectsToDelete:
    """A prefix to empty.

    Attributes:
        prefix: Key prefix; empty for the whole bucket.
        before: Whether it is emptied before the serving stack is deleted, or after.
    """

    what: str
    bucket: str
    prefix: str
    count: ObjectCount
    before: bool

    @property
    def url(self) -> str:
        """Its S3 URL."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """What a clean-up deletes, and what it leaves though a user might expect otherwise.

    Attributes:
        subject: Name of the serving stack, or of the store if only that is left; typed to confirm.
        serving: The serving stack; None if it is deleted already.
        stays: What is not deleted, and why.
    """

    subject: str
    serving: OwnedStack | None
    objects: tuple[ObjectsToDelete, ...]
    log_group: str | None
    store: OwnedStack | None
    stays: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return not (
            self.serving or self.store or self.log_group or any(one.count.entries for one in self.objects)
        )


def plan_clean(
    clients: AwsClients, deployment: Deployment, choice: Choice, store_stack: str | None = None
) -> CleanPlan:
    """Find what the deployment owns. Nothing is changed.

    Args:
        clients: Clients of the deployment's account and region.
        deployment: The deployment.
        choice: What to delete in addition to the serving stack.
        store_stack: Name of the models' stack, if it exports nothing by which it could be found.

    Raises:
        MmeError: Something to delete is shared or protected, or would stop the deletion midway.
    """
    serving = owned_stack(clients.cloudformation, deployment.stack)
    if serving is None:
        raise MmeError(f"the stack {deployment.stack} does not exist", hint="check --stack and --region")
    if deployment.endpoint_name not in {one.name for one in serving.resources if one.type == ENDPOINT}:
        raise MmeError(
            f"the stack {serving.name} names endpoint {deployment.endpoint_name} but does not own it",
            hint="name the stack that created the endpoint with --stack",
        )
    _check_deletable(clients, serving, allowed=set())
    store = _store_of(clients, deployment.bucket, serving, store_stack)
    planner = _Planner(clients, deployment.bucket, deployment.prefix, choice, serving, store)
    objects = planner.outputs(deployment.endpoint_name)
    objects += [one for one in planner.models() if one not in objects]
    planner.check_buckets_become_empty(objects)
    return CleanPlan(
        subject=serving.name,
        serving=serving,
        objects=tuple(objects),
        log_group=planner.log_group(deployment.endpoint_name),
        store=store if choice.store and store is not serving else None,
        stays=tuple(planner.stays),
    )


def plan_leftovers(clients: AwsClients, store_stack: str, choice: Choice) -> CleanPlan | None:
    """Find what is left if a clean-up was interrupted after the serving stack was deleted.

    Args:
        clients: Clients of the deployment's account and region.
        store_stack: Name of the models' stack.
        choice: What to delete.

    Returns:
        The plan; None if that stack does not exist.

    Raises:
        MmeError: As `plan_clean`.
    """
    store = owned_stack(clients.cloudformation, store_stack)
    if store is None:
        return None
    outputs = store.state.outputs
    bucket = outputs.get(BUCKET_OUTPUT) or next(iter(store.buckets), "")
    if PREFIX_OUTPUT not in outputs or bucket not in store.buckets:
        raise MmeError(
            f"the stack {store_stack} is not a model store: it has no outputs of bucket and prefix",
            hint="name the stack of the models: --store-stack",
        )
    planner = _Planner(clients, bucket, outputs[PREFIX_OUTPUT], choice, None, store)
    objects = tuple(planner.models())
    return CleanPlan(store.name, None, objects, None, store if choice.store else None, tuple(planner.stays))


@dataclass
class _Planner:
    """Finds objects to delete and collects what stays."""

    clients: AwsClients
    bucket: str
    prefix: str
    choice: Choice
    serving: OwnedStack | None
    store: OwnedStack | None
    stays: list[str] = field(default_factory=list)

    def outputs(self, endpoint: str) -> list[ObjectsToDelete]:
        """Return captured data in the deployment's buckets and the content of the serving stack's buckets."""
        found: list[ObjectsToDelete] = []
        own = self.serving.buckets if self.serving else ()
        if (captured := self._captured_data(endpoint)) is not None:
            bucket, prefix = captured
            if bucket not in {*own, *(self.store.buckets if self.store else ())}:
                url = f"s3://{bucket}/{prefix}"
                self.stays.append(f"captured data at {url}: no stack of this deployment owns the bucket")
            elif bucket == self.bucket:
                found.append(self._counted("captured data", bucket, prefix, before=True))
        found += [self._counted("outputs", one, "", before=True) for one in own if one != self.bucket]
        if self.choice.outputs:
            return found
        filled = (one for one in found if one.count.entries)
        self.stays += [f"{one.what} at {one.url}: --outputs deletes it too" for one in filled]
        return []

    def models(self) -> list[ObjectsToDelete]:
        """Return models and aliases, and with the store its access logs."""
        store, choice = self.store, self.choice
        shared_stack = store is not None and store is self.serving
        models = self._counted("models", self.bucket, self.prefix, before=shared_stack)
        aliases = self._counted("aliases", self.bucket, f"{STATE}{self.prefix}@", before=shared_stack)
        if not (choice.models or choice.store):
            if models.count.entries:
                count = f"{models.count.current:,} models"
                self.stays.append(f"{count} at {models.url}: --models deletes them too")
            if store is not None and not shared_stack:
                self.stays.append(f"the stack {store.name}: --store deletes it too")
            return []
        if store is None:
            raise MmeError(
                f"the bucket {self.bucket} belongs to no stack of this deployment, so its models stay",
                hint="leave out --models and --store, or name the stack that owns it with --store-stack",
            )
        allowed = {self.serving.name} if self.serving else set()
        if others := importers(self.clients.cloudformation, store) - allowed:
            raise MmeError(
                f"the models in {store.name} are used by {', '.join(sorted(others))} too: they stay",
                hint="leave out --models and --store",
            )
        if not choice.store or shared_stack:
            return [models, aliases]
        _check_deletable(self.clients, store, allowed=allowed)
        others_keys = other_keys(self.clients.s3, self.bucket, self._own_prefixes())
        if others_keys and not store.retains(self.bucket):
            raise MmeError(
                f"the bucket {self.bucket} has objects of others: {', '.join(others_keys)}",
                hint="move them away first, or leave out --store: --models deletes only the models",
            )
        self.stays += [
            f"the bucket {one}: its stack retains it" for one in store.buckets if store.retains(one)
        ]
        logs = [one for one in store.buckets if one != self.bucket and not store.retains(one)]
        return [models, aliases, *(self._counted("access logs", one, "", before=False) for one in logs)]

    def log_group(self, endpoint: str) -> str | None:
        """Return the endpoint's log group if it is to be deleted."""
        name = log_group_name(endpoint)
        if not has_log_group(self.clients.logs, name):
            return None
        if self.choice.logs:
            return name
        self.stays.append(f"the log group {name}: --logs deletes it too")
        return None

    def check_buckets_become_empty(self, objects: list[ObjectsToDelete]) -> None:
        """CloudFormation can't delete a bucket with content: check before the endpoint is half deleted."""
        if self.serving is None:
            return
        for bucket in self.serving.buckets:
            before = (one for one in objects if one.bucket == bucket and one.before)
            prefixes = tuple(one.prefix for one in before)
            if self.serving.retains(bucket):
                continue
            if others := other_keys(self.clients.s3, bucket, prefixes, most=1):
                raise MmeError(
                    f"the stack {self.serving.name} owns the bucket {bucket}, which is not empty "
                    f"({others[0]}): CloudFormation would not delete it",
                    hint="add --models and --outputs to delete these, and move the rest away",
                )

    def _own_prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of the models' bucket that are deleted."""
        captured: list[str] = []
        if self.choice.outputs and self.serving is not None:
            endpoints = (one.name for one in self.serving.resources if one.type == ENDPOINT)
            captured = [found[1] for found in map(self._captured_data, endpoints) if found]
        return self.prefix, f"{STATE}{self.prefix}@", *captured

    def _captured_data(self, endpoint: str) -> tuple[str, str] | None:
        """Return bucket and prefix of the captured data; SageMaker adds the endpoint's name to the URL."""
        state = find_endpoint(self.clients.sagemaker, endpoint)
        if state is None or not state.captures_data_to:
            return None
        bucket, _, prefix = state.captures_data_to.removeprefix("s3://").partition("/")
        return bucket, f"{prefix.rstrip('/')}/{endpoint}/".lstrip("/")

    def _counted(self, what: str, bucket: str, prefix: str, *, before: bool) -> ObjectsToDelete:
        return ObjectsToDelete(what, bucket, prefix, count_objects(self.clients.s3, bucket, prefix), before)


def _store_of(
    clients: AwsClients, bucket: str, serving: OwnedStack, store_stack: str | None
) -> OwnedStack | None:
    if bucket in serving.buckets:
        return serving
    if store_stack is None:
        return owner_of_bucket(clients.cloudformation, bucket)
    store = owned_stack(clients.cloudformation, store_stack)
    if store is None or bucket not in store.buckets:
        fault = "does not exist" if store is None else f"does not own the bucket {bucket}"
        raise MmeError(f"the stack {store_stack} {fault}", hint="check --store-stack")
    return store


def _check_deletable(clients: AwsClients, stack: OwnedStack, *, allowed: set[str]) -> None:
    if stack.state.protected:
        raise MmeError(
            f"the stack {stack.name} has termination protection; it can't be deleted",
            hint="to disable it: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {stack.name}",
        )
    if stack.state.in_progress:
        raise MmeError(f"the stack {stack.name} is {stack.state.status}", hint="wait until that is done")
    if others := importers(clients.cloudformation, stack) - allowed:
        raise MmeError(
            f"the stack {stack.name} exports what {', '.join(sorted(others))} imports; it can't be deleted",
            hint="delete those stacks first, if they are yours",
        )
