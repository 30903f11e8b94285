"""AWS::Lambda::Function, EventSourceMapping and Permission: records, for the local runtime to act on."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed
from mme_local.aws.functions import RUNNABLE_BY, EventSource, Function, deployed

_LONGEST_NAME = 64
_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MIB = 128
_DEFAULT_BATCH = 10
_DEFAULT_CONCURRENCY = 5


class LambdaFunction:
    """A function of `AsyncInvocations`; nothing here would run others: refused. Ref is its name."""

    name_property = "FunctionName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the name or of the kind of package."""
        return bool(changed(before, after) & {"FunctionName", "PackageType"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """Read its package from S3, as Lambda does, and keep it."""
        name = properties.get("FunctionName") or request.generated_name(_LONGEST_NAME)
        return self._put(request, name, properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """Its code and settings."""
        return self._put(request, physical.id, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """Forget it."""
        deployed.remove(request.account, request.region, physical.id)

    def _put(self, request: Request, name: str, properties: Properties) -> Physical:
        variables = properties.get("Environment", {}).get("Variables", {})
        code = properties.get("Code", {})
        if RUNNABLE_BY not in variables or not {"S3Bucket", "S3Key"} <= set(code):
            raise ResourceFault(
                f"Embedded AWS runs no Lambda functions but the one of AsyncInvocations: leave "
                f"{request.logical_id} out of the environment that is deployed here"
            )
        place = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
        function = Function(
            name=name,
            account=request.account,
            region=request.region,
            handler=properties["Handler"],
            code=request.aws.call("s3", "get_object", place)["Body"].read(),
            environment={key: str(value) for key, value in variables.items()},
            timeout=int(properties.get("Timeout", _DEFAULT_TIMEOUT_SECONDS)),
            memory=int(properties.get("MemorySize", _DEFAULT_MEMORY_MIB)),
            revision=uuid.uuid4().hex,
        )
        deployed.put(function)
        return Physical(name, {"Arn": function.arn})


class EventSourceMapping:
    """A queue that feeds a function. Ref is its UUID."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of the queue."""
        return "EventSourceArn" in changed(before, after)

    def create(self, request: Request, properties: Properties) -> Physical:
        """Keep it: the runtime takes messages from the queue from now on."""
        return self._put(request, str(uuid.uuid4()), properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """Its settings."""
        return self._put(request, physical.id, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """Forget it."""
        deployed.remove_source(physical.id)

    def _put(self, request: Request, id: str, properties: Properties) -> Physical:
        queue = str(properties.get("EventSourceArn", ""))
        if not queue.startswith("arn:aws:sqs:"):
            raise ResourceFault(f"Embedded AWS feeds functions from SQS queues only, not from {queue}")
        # A function is named by its name or by its ARN, with or without a version.
        named = str(properties["FunctionName"]).partition(":function:")
        name = (named[2] or named[0]).partition(":")[0]
        source = EventSource(
            id=id,
            function_name=name,
            account=request.account,
            region=request.region,
            queue_arn=queue,
            batch_size=int(properties.get("BatchSize", _DEFAULT_BATCH)),
            concurrency=int(
                properties.get("ScalingConfig", {}).get("MaximumConcurrency", _DEFAULT_CONCURRENCY)
            ),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            enabled=str(properties.get("Enabled", True)).lower() == "true",
        )
        deployed.put_source(source)
        arn = f"arn:aws:lambda:{request.region}:{request.account}:event-source-mapping:{id}"
        return Physical(id, {"Id": id, "EventSourceMappingArn": arn})


class Permission:
    """Who may call a function. Nobody is kept from anything here, so it stands for itself alone."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Any change, as on AWS."""
        return before != after

    def create(self, request: Request, properties: Properties) -> Physical:  # noqa: ARG002
        """Only an id."""
        return Physical(request.generated_name(_LONGEST_NAME))

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """Nothing changes."""
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Nothing remains."""


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::Lambda::EventSourceMapping": EventSourceMapping,
    "AWS::Lambda::Function": LambdaFunction,
    "AWS::Lambda::Permission": Permission,
}
