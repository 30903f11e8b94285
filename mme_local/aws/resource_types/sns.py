"""AWS::SNS::TopicPolicy and AWS::SNS::Subscription; moto makes the topics themselves."""

from __future__ import annotations

import json
from collections.abc import Callable

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed


class TopicPolicy:
    """The policy of one or more topics."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def create(self, request: Request, properties: Properties) -> Physical:
        """SetTopicAttributes of each topic."""
        for topic in properties["Topics"]:
            self._set(request, topic, json.dumps(properties["PolicyDocument"]))
        return Physical(request.generated_name(longest=128))

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Topics that are no longer named have no policy any more."""
        self._clear(request, set(before["Topics"]) - set(after["Topics"]))
        self.create(request, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """The topics' own access is what they were made with: the owner's."""
        self._clear(request, set(properties["Topics"]))

    def _clear(self, request: Request, topics: set[str]) -> None:
        there = {topic["TopicArn"] for topic in request.aws.call("sns", "list_topics", {})["Topics"]}
        for topic in topics & there:
            self._set(request, topic, json.dumps({"Version": "2012-10-17", "Statement": []}))

    def _set(self, request: Request, topic: str, policy: str) -> None:
        attribute = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
        request.aws.call("sns", "set_topic_attributes", attribute)


class Subscription:
    """A topic's subscriber. Ref is the subscription's ARN."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """A change of topic, protocol or endpoint."""
        return bool(changed(before, after) & {"TopicArn", "Protocol", "Endpoint"})

    def create(self, request: Request, properties: Properties) -> Physical:
        """Subscribe; nothing is to be confirmed here."""
        made = {
            "TopicArn": properties["TopicArn"],
            "Protocol": properties["Protocol"],
            "Endpoint": properties["Endpoint"],
            "ReturnSubscriptionArn": True,
        }
        arn = request.aws.call("sns", "subscribe", made)["SubscriptionArn"]
        self._set(request, arn, {}, properties)
        return Physical(arn, {"Arn": arn})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Its settings."""
        self._set(request, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """Unsubscribe."""
        request.aws.call("sns", "unsubscribe", {"SubscriptionArn": physical.id})

    def _set(self, request: Request, arn: str, before: Properties, after: Properties) -> None:
        for name in sorted(
            changed(before, after) & {"RawMessageDelivery", "FilterPolicy", "FilterPolicyScope"}
        ):
            value = after.get(name, "")
            text = value if isinstance(value, str) else json.dumps(value)
            attribute = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": text}
            request.aws.call("sns", "set_subscription_attributes", attribute)


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::SNS::Subscription": Subscription,
    "AWS::SNS::TopicPolicy": TopicPolicy,
}
