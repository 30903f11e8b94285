"""AWS::SQS::Queue and QueuePolicy."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import ResourceRequest
from mme_local.aws.resource_types.resource_policy import ResourcePolicyType

_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


class QueueType(ApiType):
    """A queue. Ref is its URL."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        """Put the attributes that differ; one that is not given any more stays as it is."""
        if given := request.select(*sorted(request.changed & {*_ATTRIBUTES})):
            request.call("sqs", "set_queue_attributes", QueueUrl=id, Attributes=given)


class QueuePolicyType(ResourcePolicyType):
    """The policy of one or more queues."""

    resources = "Queues"
    no_policy = ""

    def put(self, request: ResourceRequest, resource: str, policy: Any) -> None:
        request.call("sqs", "set_queue_attributes", QueueUrl=resource, Attributes={"Policy": policy})


TYPES = {
    "AWS::SQS::Queue": QueueType(
        Calls("sqs", "create_queue", "delete_queue", "QueueUrl"),
        "https://sqs.{region}.amazonaws.com/{account}/{name}",
        attributes={
            "Arn": "arn:aws:sqs:{region}:{account}:{name}",
            "QueueName": "{name}",
            "QueueUrl": "{id}",
        },
        named="QueueName",
        longest=80,
        fifo="FifoQueue",
        separate=_ATTRIBUTES,
        missing="NonExistentQueue",
    ),
    "AWS::SQS::QueuePolicy": QueuePolicyType(),
}
