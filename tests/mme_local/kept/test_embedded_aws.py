"""Each service that our stacks use: what was made is there after it was kept and read again, and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mme_local import aws as cloud
from mme_local.aws.cloudwatch.alarms import evaluate_all
from mme_local.aws.control_plane import resolve_endpoint
from mme_local.aws.functions import EventSource, Function, deployed
from mme_local.kept import embedded_aws
from mme_local.kept.bodies import Bodies
from mme_local.server.access.identities import find_identity
from tests.mme_local.deployed import IMAGE, ROLE
from tests.mme_local.kept.conftest import Client, told

Again = Callable[[], None]

TRUST = json.dumps(
    {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
TEMPLATE = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "made-by-a-stack"}},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": []}}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": json.loads(TRUST), "RoleName": "serving"},
        },
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/a", "Type": "String", "Value": {"Ref": "Topic"}},
        },
    },
    "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "queue"}}},
}


def test_nothing_is_kept_of_nothing(again: Again, aws: Client) -> None:
    cloud.application()
    again()
    assert aws("s3").list_buckets()["Buckets"] == []


def test_stacks_go_on(again: Again, aws: Client) -> None:
    cloudformation = aws("cloudformation")
    body = json.dumps(TEMPLATE)
    cloudformation.create_stack(StackName="app", TemplateBody=body)
    asked: list[Callable[[], Any]] = [
        lambda: cloudformation.describe_stacks(StackName="app"),
        lambda: cloudformation.describe_stack_resources(StackName="app"),
        lambda: cloudformation.describe_stack_events(StackName="app"),
        lambda: cloudformation.get_template(StackName="app"),
        cloudformation.list_exports,
    ]
    before = [told(ask()) for ask in asked]
    again()
    assert [told(ask()) for ask in asked] == before
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName="app", TemplateBody=body)
    change = cloudformation.create_change_set(StackName="app", ChangeSetName="c", TemplateBody=body)
    assert (
        "didn't contain changes"
        in told(cloudformation.describe_change_set(ChangeSetName=change["Id"]))["StatusReason"]
    )
    changed = json.loads(body)
    changed["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 77
    cloudformation.update_stack(StackName="app", TemplateBody=json.dumps(changed))
    assert (
        told(cloudformation.describe_stacks(StackName="app"))["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    )
    url = aws("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    shown = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert shown["Attributes"] == {"VisibilityTimeout": "77"}
    cloudformation.delete_stack(StackName="app")
    assert aws("sqs").list_queues().get("QueueUrls", []) == []
    assert aws("s3").list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="app")


def test_a_change_set_that_waits_can_be_executed(again: Again, aws: Client) -> None:
    cloudformation = aws("cloudformation")
    cloudformation.create_change_set(
        StackName="app", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=json.dumps(TEMPLATE)
    )
    again()
    cloudformation.execute_change_set(StackName="app", ChangeSetName="first")
    assert cloudformation.describe_stacks(StackName="app")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def endpoint(aws: Client) -> None:
    sagemaker = aws("sagemaker")
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://models/all/"},
    )
    for name in ("c", "d"):
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "m",
                    "InstanceType": "ml.g5.xlarge",
                    "InitialInstanceCount": 1,
                }
            ],
        )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")


def test_endpoints_are_in_service_again(again: Again, aws: Client) -> None:
    endpoint(aws)
    asked: list[Callable[[], Any]] = [
        lambda: aws("sagemaker").describe_endpoint(EndpointName="e"),
        lambda: aws("sagemaker").describe_endpoint_config(EndpointConfigName="c"),
        lambda: aws("sagemaker").describe_model(ModelName="m"),
    ]
    before, seen = [told(ask()) for ask in asked], resolve_endpoint("e")
    again()
    assert [told(ask()) for ask in asked] == before
    assert resolve_endpoint("e") == seen
    assert before[0]["EndpointStatus"] == "InService"


def test_an_update_after_the_restart_is_another_revision(again: Again, aws: Client) -> None:
    endpoint(aws)
    revisions = set()
    for name in ("d", "c", "c"):
        again()
        before = resolve_endpoint("e")
        aws("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName=name)
        after = resolve_endpoint("e")
        assert before is not None
        assert after is not None
        revisions |= {before.revision, after.revision}
    assert len(revisions) == 4


def test_scaling_goes_on(again: Again, aws: Client) -> None:
    endpoint(aws)
    scaling = aws("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target,
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 10,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )
    asked: list[Callable[[], Any]] = [
        lambda: scaling.describe_scalable_targets(ServiceNamespace="sagemaker"),
        lambda: scaling.describe_scaling_policies(ServiceNamespace="sagemaker"),
    ]
    before = [told(ask()) for ask in asked]
    again()
    assert [told(ask()) for ask in asked] == before
    with pytest.raises(ClientError, match="must be deregistered"):
        sagemaker_without_the_variant(aws)


def sagemaker_without_the_variant(aws: Client) -> None:
    config = aws("sagemaker").describe_endpoint_config(EndpointConfigName="c")["ProductionVariants"]
    config[0]["VariantName"] = "Other"
    aws("sagemaker").create_endpoint_config(EndpointConfigName="other", ProductionVariants=config)
    aws("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="other")


def test_queues_keep_their_messages_and_their_dead_letters(again: Again, aws: Client) -> None:
    sqs = aws("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = sqs.create_queue(
        QueueName="q",
        Attributes={
            "VisibilityTimeout": "0",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}),
        },
    )["QueueUrl"]
    ordered = sqs.create_queue(QueueName="o.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one", MessageAttributes={})
    sqs.send_message(QueueUrl=ordered, MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "one"
    again()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "one"
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    sqs.send_message(QueueUrl=ordered, MessageBody="2", MessageGroupId="g", MessageDeduplicationId="d")
    again()
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=ordered)["Messages"]] == ["1"]


def test_topics_deliver(again: Again, aws: Client) -> None:
    url = aws("sqs").create_queue(QueueName="q")["QueueUrl"]
    topic = aws("sns").create_topic(Name="t")["TopicArn"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    again()
    aws("sns").publish(TopicArn=topic, Message="after")
    (message,) = aws("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "after"


def test_users_keys_and_roles(again: Again, aws: Client) -> None:
    iam = aws("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    asked: list[Callable[[], Any]] = [
        lambda: iam.get_role(RoleName="r"),
        lambda: iam.get_role_policy(RoleName="r", PolicyName="p"),
        lambda: iam.list_attached_role_policies(RoleName="r"),
        lambda: iam.list_access_keys(UserName="u"),
    ]
    before = [told(ask()) for ask in asked]
    again()
    assert [told(ask()) for ask in asked] == before
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == "u"


def test_who_assumed_a_role_is_still_known(again: Again, aws: Client) -> None:
    aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    arn = "arn:aws:iam::123456789012:role/r"
    taken = aws("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    before = find_identity(taken["AccessKeyId"])
    assert before is not None
    again()
    assert find_identity(taken["AccessKeyId"]) == before


def test_keys_decrypt_and_verify_what_they_made_before(again: Again, aws: Client) -> None:
    kms = aws("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    signing = {
        spec: kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec)["KeyMetadata"]["KeyId"]
        for spec in ("RSA_2048", "ECC_NIST_P256")
    }
    algorithms = {"RSA_2048": "RSASSA_PSS_SHA_256", "ECC_NIST_P256": "ECDSA_SHA_256"}
    cipher = kms.encrypt(KeyId="alias/a", Plaintext=b"secret")["CiphertextBlob"]
    signed = {
        spec: kms.sign(KeyId=of, Message=b"m", SigningAlgorithm=algorithms[spec])["Signature"]
        for spec, of in signing.items()
    }
    again()
    assert kms.decrypt(CiphertextBlob=cipher)["Plaintext"] == b"secret"
    for spec, of in signing.items():
        assert kms.verify(KeyId=of, Message=b"m", Signature=signed[spec], SigningAlgorithm=algorithms[spec])[
            "SignatureValid"
        ]


def test_parameters_repositories_rules_and_networks(again: Again, aws: Client) -> None:
    aws("ssm").put_parameter(Name="/a/b", Value="1", Type="String")
    aws("ssm").put_parameter(Name="/a/b", Value="2", Type="String", Overwrite=True)
    aws("ecr").create_repository(repositoryName="images")
    aws("events").put_rule(Name="r", EventPattern='{"source": ["aws.sagemaker"]}')
    aws("events").put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sns:us-east-1:123456789012:t"}])
    aws("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    asked: list[Callable[[], Any]] = [
        lambda: aws("ssm").get_parameter(Name="/a/b"),
        lambda: aws("ssm").get_parameter_history(Name="/a/b"),
        lambda: aws("ecr").describe_repositories(),
        lambda: aws("events").list_rules(),
        lambda: aws("events").list_targets_by_rule(Rule="r"),
        lambda: aws("ec2").describe_vpcs(),
        lambda: aws("ec2").describe_security_groups(),
    ]
    before = [told(ask()) for ask in asked]
    again()
    assert [told(ask()) for ask in asked] == before
    aws("ssm").put_parameter(Name="/a/b", Value="3", Type="String", Overwrite=True)
    assert aws("ssm").get_parameter(Name="/a/b")["Parameter"]["Version"] == 3
    # AWS's own are made when they are asked for, before and after
    name = "/aws/service/global-infrastructure/regions/us-east-1"
    own = aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    again()
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == own


def test_log_groups_stay_and_what_was_logged_does_not(again: Again, aws: Client) -> None:
    logs = aws("logs")
    logs.create_log_group(logGroupName="g")
    logs.put_retention_policy(logGroupName="g", retentionInDays=7)
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1_700_000_000_000, "message": "m"}]
    )
    again()
    (group,) = logs.describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("g", 7)
    assert logs.describe_log_streams(logGroupName="g")["logStreams"] == []
    logs.create_log_stream(logGroupName="g", logStreamName="s")


def test_alarms_and_dashboards_stay_and_metrics_do_not(again: Again, aws: Client) -> None:
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="N",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule='ALARM("a")')
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="said so")
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    before = told(cloudwatch.describe_alarms())
    again()
    assert told(cloudwatch.describe_alarms()) == before
    assert cloudwatch.list_dashboards()["DashboardEntries"][0]["DashboardName"] == "d"
    assert cloudwatch.list_metrics()["Metrics"] == []
    evaluate_all(1_800_000_000)
    after = {one["AlarmName"]: one["StateValue"] for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert after["a"] == "ALARM", "its state of before, as nothing was measured"


def test_functions_and_what_calls_them(again: Again) -> None:
    function = Function("f", "123456789012", "us-east-1", "a.b", b"zip", {"A": "B"}, 3, 128, "1")
    source = EventSource("i", "f", "123456789012", "us-east-1", "arn", 1, 2, True, True)
    deployed.put(function)
    deployed.put_source(source)
    cloud.application()
    again()
    assert deployed.get("123456789012", "us-east-1", "f") == function
    assert deployed.sources() == (source,)


def test_a_service_without_a_form_is_left_out(aws: Client, tmp_path: Path) -> None:
    aws("lambda").list_functions()
    aws("sns").create_topic(Name="t")
    frozen = embedded_aws.freeze(Bodies(tmp_path))
    assert frozen.left_out == ("lambda",)
    cloud.reset()
    embedded_aws.thaw(frozen.pickle, Bodies(tmp_path))
    assert len(aws("sns").list_topics()["Topics"]) == 1
