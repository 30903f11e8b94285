"""AWS::SNS::TopicPolicy and AWS::SNS::Subscription; moto creates the topics themselves."""

from __future__ import annotations

import json

from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceRequest,
    ResourceType,
    changed,
    json_text,
)

_EMPTY_POLICY = {"Version": "2012-10-17", "Statement": list[str]()}


class TopicPolicyType(ResourceType):
    """The policy of one or more topics."""

    def create(self, request: ResourceRequest) -> Physical:
        for topic in request.properties["Topics"]:
            self._set(request, topic, request.properties["PolicyDocument"])
        return Physical(request.name("", 128))

    def update(self, request: ResourceRequest) -> Physical:
        """Topics that are gone have no policy any more."""
        self._clear(request, set(request.previous["Topics"]) - set(request.properties["Topics"]))
        self.create(request)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Without a policy, the topics are their owner's."""
        self._clear(request, set(request.properties["Topics"]))

    def _clear(self, request: ResourceRequest, topics: set[str]) -> None:
        existing = {topic["TopicArn"] for topic in request.call("sns", "list_topics")["Topics"]}
        for topic in topics & existing:
            self._set(request, topic, _EMPTY_POLICY)

    def _set(self, request: ResourceRequest, topic: str, policy: object) -> None:
        value = json.dumps(policy)
        request.call(
            "sns", "set_topic_attributes", TopicArn=topic, AttributeName="Policy", AttributeValue=value
        )


class SubscriptionType(ResourceType):
    """A topic's subscriber. Ref is the subscription's ARN."""

    create_only = frozenset({"TopicArn", "Protocol", "Endpoint"})
    _SETTINGS = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")
    delete_call = ("sns", "unsubscribe", "SubscriptionArn")

    def create(self, request: ResourceRequest) -> Physical:
        """Subscribe; no confirmation is needed here."""
        given = request.select("TopicArn", "Protocol", "Endpoint")
        arn = request.call("sns", "subscribe", **given, ReturnSubscriptionArn=True)["SubscriptionArn"]
        self._set(request, arn, {})
        return Physical(arn, {"Arn": arn})

    def update(self, request: ResourceRequest) -> Physical:
        self._set(request, request.physical.id, request.previous)
        return request.physical

    def _set(self, request: ResourceRequest, arn: str, before: Properties) -> None:
        for name in sorted(changed(before, request.properties) & {*self._SETTINGS}):
            value = json_text(request.properties.get(name, ""))
            attribute = {"AttributeName": name, "AttributeValue": value}
            request.call("sns", "set_subscription_attributes", SubscriptionArn=arn, **attribute)
