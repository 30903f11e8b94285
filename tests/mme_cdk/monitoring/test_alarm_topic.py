from __future__ import annotations

from aws_cdk import Stack, aws_cloudwatch_actions, aws_sns

from mme_cdk import AlarmTopic


def test_cloudwatch_may_publish_to_the_encrypted_topic(stack: Stack, synth) -> None:
    topic = AlarmTopic(stack, "Topic")
    assert isinstance(topic.action, aws_cloudwatch_actions.SnsAction)
    assert isinstance(topic.node.default_child, aws_sns.Topic)
    found = synth(stack)
    key = found.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    (cloudwatch,) = [
        statement
        for statement in key["KeyPolicy"]["Statement"]
        if statement["Principal"].get("Service") == "cloudwatch.amazonaws.com"
    ]
    assert set(cloudwatch["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    policy = found.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (publish,) = [statement for statement in policy if statement["Sid"] == "Alarms"]
    assert publish["Action"] == "sns:Publish"
    assert "aws:SourceAccount" in publish["Condition"]["StringEquals"]
