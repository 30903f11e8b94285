"""An SNS topic that alarms can write to."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_cloudwatch, aws_cloudwatch_actions, aws_iam, aws_kms, aws_sns
from constructs import Construct

from mme_cdk._internal.expectations import expect, one_of
from mme_cdk._internal.validation import require


class AlarmTopic(Construct):
    """A topic encrypted by its own key, which CloudWatch's alarms of this account may use.

    SNS's AWS managed key can't be used: its policy keeps CloudWatch out, and messages vanish without a word.
    Source: AWS re:Post knowledge center, `cloudwatch-receive-sns-for-alarm-trigger`.

    Attributes:
        topic: the topic; add subscriptions to it.
        key: its key, rotated each year.
    """

    def __init__(
        self, scope: Construct, id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    ) -> None:
        """Define topic and key.

        Args:
            scope: the parent.
            id: the construct's id.
            removal_policy: what becomes of the key when the stack is deleted. Default: it stays.

        Raises:
            PropsError: a removal_policy that is none.
        """
        require(expect("removal_policy", removal_policy, one_of(RemovalPolicy)), at=(scope, id))
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
        """What an alarm does to write to the topic."""
        return aws_cloudwatch_actions.SnsAction(self.topic)
