"""An SNS topic for alarms."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_cloudwatch, aws_cloudwatch_actions, aws_iam, aws_kms, aws_sns
from constructs import Construct

from mme_cdk._internal.type_checks import checked


class AlarmTopic(Construct):
    """A topic encrypted with its own key, to which CloudWatch alarms of this account may publish.

    SNS's AWS managed key does not work: its policy does not allow CloudWatch, and messages are lost silently.
    Source: AWS re:Post knowledge center, `cloudwatch-receive-sns-for-alarm-trigger`.

    Attributes:
        topic: The topic; add subscriptions to it.
        key: Its key, rotated each year.
    """

    @checked
    def __init__(
        self, scope: Construct, id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    ) -> None:
        """Define topic and key.

        Args:
            scope: Parent construct.
            id: Construct id.
            removal_policy: Removal policy of the key. Default: retained.

        Raises:
            PropsError: A removal_policy of a wrong type.
        """
        super().__init__(scope, id)
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Messages of a multi-model endpoint's alarms",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.topic = aws_sns.Topic(self, "Resource", master_key=self.key, enforce_ssl=True)
        self.node.default_child = self.topic
        cloudwatch = aws_iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": self.topic.stack.account}},
        )
        self.key.grant(cloudwatch, "kms:Decrypt", "kms:GenerateDataKey*")
        self.topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                sid="Alarms",
                principals=[cloudwatch],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
            )
        )

    @property
    def action(self) -> aws_cloudwatch.IAlarmAction:
        """The alarm action that publishes to the topic."""
        return aws_cloudwatch_actions.SnsAction(self.topic)
