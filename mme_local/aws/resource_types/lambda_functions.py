"""AWS::Lambda::Function, EventSourceMapping and Permission: records for the local endpoint to run."""

from __future__ import annotations

import re
import uuid

from mme_local.aws.functions import RUNNABLE_BY, EventSource, Function, deployed
from mme_local.aws.resource_types.handler import (
    NoopType,
    Physical,
    Properties,
    ResourceError,
    ResourceRequest,
    ResourceType,
    handler_message,
)

_LONGEST_NAME = 64
_NAME = re.compile(f"[a-zA-Z0-9-_]{{1,{_LONGEST_NAME}}}")
_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MIB = 128
_DEFAULT_BATCH = 10
_DEFAULT_CONCURRENCY = 5


class LambdaFunctionType(ResourceType):
    """A function of `AsyncInvocations`; others are refused, as they could not run. Ref is its name."""

    name_property = "FunctionName"
    create_only = frozenset({"FunctionName", "PackageType"})

    def create(self, request: ResourceRequest) -> Physical:
        name = request.name("FunctionName", _LONGEST_NAME)
        if not _NAME.fullmatch(name):  # it becomes a file's name
            reason = f"FunctionName {name!r} does not match the pattern {_NAME.pattern}"
            raise ResourceError(handler_message(reason, "InvalidRequest"))
        return self._put(request, name)

    def update(self, request: ResourceRequest) -> Physical:
        return self._put(request, request.physical.id)

    def delete(self, request: ResourceRequest) -> None:
        deployed.remove(request.account, request.region, request.physical.id)

    def _put(self, request: ResourceRequest, name: str) -> Physical:
        properties = request.properties
        variables = properties.get("Environment", {}).get("Variables", {})
        code = properties.get("Code", {})
        if RUNNABLE_BY not in variables or not {"S3Bucket", "S3Key"} <= set(code):
            raise ResourceError(
                f"Embedded AWS runs no Lambda functions but the one of AsyncInvocations: leave "
                f"{request.logical_id} out of the environment that is deployed here"
            )
        package = request.call("s3", "get_object", Bucket=code["S3Bucket"], Key=code["S3Key"])
        function = Function(
            name=name,
            account=request.account,
            region=request.region,
            handler=properties["Handler"],
            code=package["Body"].read(),
            environment={key: str(value) for key, value in variables.items()},
            timeout=int(properties.get("Timeout", _DEFAULT_TIMEOUT_SECONDS)),
            memory=int(properties.get("MemorySize", _DEFAULT_MEMORY_MIB)),
            revision=uuid.uuid4().hex,
        )
        deployed.put(function)
        return Physical(name, {"Arn": function.arn})


class EventSourceMappingType(ResourceType):
    """A queue whose messages a function is called with. Ref is its UUID."""

    create_only = frozenset({"EventSourceArn"})

    def create(self, request: ResourceRequest) -> Physical:
        return self._put(request, str(uuid.uuid4()))

    def update(self, request: ResourceRequest) -> Physical:
        return self._put(request, request.physical.id)

    def delete(self, request: ResourceRequest) -> None:
        deployed.remove_source(request.physical.id)

    def _put(self, request: ResourceRequest, id: str) -> Physical:
        properties = request.properties
        queue = str(properties.get("EventSourceArn", ""))
        if not queue.startswith("arn:aws:sqs:"):
            raise ResourceError(f"Embedded AWS feeds functions from SQS queues only, not from {queue}")
        scaling = properties.get("ScalingConfig", {})
        source = EventSource(
            id=id,
            function_name=_function_name(properties),
            account=request.account,
            region=request.region,
            queue_arn=queue,
            batch_size=int(properties.get("BatchSize", _DEFAULT_BATCH)),
            concurrency=int(scaling.get("MaximumConcurrency", _DEFAULT_CONCURRENCY)),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            enabled=str(properties.get("Enabled", True)).lower() == "true",
        )
        deployed.put_source(source)
        arn = f"arn:aws:lambda:{request.region}:{request.account}:event-source-mapping:{id}"
        return Physical(id, {"Id": id, "EventSourceMappingArn": arn})


def _function_name(properties: Properties) -> str:
    """Return the name from a name or an ARN, with or without a version."""
    before, _, after = str(properties["FunctionName"]).partition(":function:")
    return (after or before).partition(":")[0]


TYPES = {
    "AWS::Lambda::EventSourceMapping": EventSourceMappingType(),
    "AWS::Lambda::Function": LambdaFunctionType(),
    # who may call a function is not checked here; a change replaces it, as on AWS
    "AWS::Lambda::Permission": NoopType(replaced=True),
}
