"""AWS::SNS::Topic, TopicPolicy and Subscription."""

from __future__ import annotations

from typing import Any

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import ResourceRequest
from mme_local.aws.resource_types.resource_policy import ResourcePolicyType

_TOPIC = ("ContentBasedDeduplication", "DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig")
_SUBSCRIPTION = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")


class TopicType(ApiType):
    """A topic. Ref is its ARN."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        """Put the attributes that differ, and add the subscribers that the topic lists."""
        for name in sorted(request.changed & {*_TOPIC}):
            attribute = {"AttributeName": name, "AttributeValue": request.properties.get(name, "")}
            request.call("sns", "set_topic_attributes", TopicArn=id, **attribute)
        for subscriber in request.properties.get("Subscription") or []:
            request.call("sns", "subscribe", TopicArn=id, **subscriber)


class SubscriptionType(ApiType):
    """A topic's subscriber, who need not confirm. Ref is the subscription's ARN."""

    def settle(self, request: ResourceRequest, id: str) -> None:
        for name in sorted(request.changed & {*_SUBSCRIPTION}):
            attribute = {"AttributeName": name, "AttributeValue": request.properties.get(name, "")}
            request.call("sns", "set_subscription_attributes", SubscriptionArn=id, **attribute)


class TopicPolicyType(ResourcePolicyType):
    """The policy of one or more topics."""

    resources = "Topics"
    no_policy: Any = {"Version": "2012-10-17", "Statement": []}  # noqa: RUF012

    def put(self, request: ResourceRequest, resource: str, policy: Any) -> None:
        attribute = {"AttributeName": "Policy", "AttributeValue": policy}
        request.call("sns", "set_topic_attributes", TopicArn=resource, **attribute)


TYPES = {
    "AWS::SNS::Subscription": SubscriptionType(
        Calls("sns", "subscribe", "unsubscribe", "SubscriptionArn"),
        "{answer[SubscriptionArn]}",
        attributes={"Arn": "{id}"},
        create_only=("Endpoint", "Protocol", "TopicArn"),
        separate=_SUBSCRIPTION,
        tagged=False,
    ),
    "AWS::SNS::Topic": TopicType(
        Calls("sns", "create_topic", "delete_topic", "TopicArn"),
        "{answer[TopicArn]}",
        attributes={"TopicArn": "{id}", "TopicName": "{name}"},
        named="TopicName",
        fifo="FifoTopic",
        renamed={"TopicName": "Name"},
        separate=(*_TOPIC, "Subscription"),
    ),
    "AWS::SNS::TopicPolicy": TopicPolicyType(),
}
