"""The purpose of each permission, which the security tables show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.errors import MmeError
from tools.security.policies import Permission


@dataclass(frozen=True)
class Purpose:
    """The purpose of permissions that match.

    Attributes:
        holder: Regular expression for the name of the role or resource.
        actions: Actions with this purpose.
        why: The purpose, for security reviewers.
        principal: Regular expression for the principal. Default: any.
        resource: Part of the first resource. Default: any.
    """

    holder: str
    actions: tuple[str, ...]
    why: str
    principal: str = ".*"
    resource: str = ""

    def explains(self, permission: Permission) -> bool:
        """Return whether the permission matches."""
        return (
            re.fullmatch(self.holder, permission.holder) is not None
            and permission.action in self.actions
            and re.fullmatch(self.principal, permission.principal) is not None
            and self.resource in (permission.resources or ("",))[0]
        )


_LOGS: Final = "the containers' output goes to the log group of this endpoint"
_PULL: Final = "SageMaker pulls the serving image, this one repository, from AWS's account"
_OWNER: Final = (
    "KMS requires it: without it the key could not be administered. It delegates to IAM policies, of which "
    "this app has only those in these tables"
)

_CONSUMER: Final = (
    Purpose(
        "AsyncConsumerRole",
        ("sts:AssumeRole",),
        "only the function that consumes the queue runs with the role",
    ),
    Purpose(
        "AsyncConsumerRole", ("logs:CreateLogStream", "logs:PutLogEvents"), "the function's own log group"
    ),
    Purpose(
        "AsyncConsumerRole",
        ("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        "traces of requests that are slow; the actions take no resource",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("sagemaker:InvokeEndpoint",),
        "invokes any model for principals that may send to the queue: `grant_submit` allows as much as "
        "`grant_invoke`",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("s3:GetObject",),
        "bodies of requests, and whether a request is already settled",
    ),
    Purpose(
        "AsyncConsumerRole", ("s3:PutObject",), "answers, failures, and that a request is settled; no input"
    ),
    Purpose(
        "AsyncConsumerRole",
        ("s3:ListBucket",),
        "without it S3 answers 403 instead of 404 for a missing object",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"),
        "sends invalid messages to the dead-letter queue, with the reason",
        resource="<AsyncDeadLetters>",
    ),
    Purpose(
        "AsyncConsumerRole",
        (
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        ),
        "receives requests, delays those whose model is loading, deletes settled ones",
        resource="<AsyncQueue>",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
        "requests, answers, notifications and the function's variables are encrypted with this key, which "
        "encrypts nothing else",
    ),
    Purpose("AsyncConsumerRole", ("sns:Publish",), "notifies of each answer and failure"),
    Purpose(
        "AsyncKey",
        ("kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
        "CloudWatch Logs encrypts the function's log; the context limits it to log groups of this account",
        principal=r"logs\..*",
    ),
    Purpose(
        "Async(Queue|DeadLetters)Policy",
        ("sqs:*",),
        "sending and receiving need TLS",
        principal=r"\*",
    ),
)

PURPOSES: Final = (
    Purpose(
        "EndpointRole",
        ("sts:AssumeRole",),
        "SageMaker runs the containers with the role; the conditions prevent its use for resources of other "
        "accounts (confused deputy)",
    ),
    Purpose("EndpointRole", ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), _LOGS),
    Purpose(
        "EndpointRole", ("logs:DescribeLogStreams",), "SageMaker looks up its log stream before it writes"
    ),
    Purpose(
        "EndpointRole",
        ("cloudwatch:PutMetricData",),
        "the metrics of endpoint and instances; the action takes no resource, so the condition limits it",
    ),
    Purpose(
        "EndpointRole",
        ("s3:GetObject",),
        "models are loaded when they are first invoked; they are published without a deployment, so keys "
        "can't be listed",
    ),
    Purpose("EndpointRole", ("s3:ListBucket",), "SageMaker lists the models' prefix only"),
    Purpose(
        "EndpointRole", ("kms:Decrypt",), "the models are encrypted with this key; the role never encrypts"
    ),
    Purpose(
        "EndpointRole",
        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        _PULL,
    ),
    Purpose(
        "EndpointRole",
        ("ecr:GetAuthorizationToken",),
        "signs in to ECR; it takes no resource and reads nothing by itself",
    ),
    Purpose("(Model|Async).*Policy", ("s3:*",), "reading and writing need TLS", principal=r"\*"),
    Purpose(
        "ModelBucketAccessLogsPolicy",
        ("s3:PutObject",),
        "S3 delivers the models' access logs, of this bucket and account only",
        principal=r"logging\.s3\.amazonaws\.com",
    ),
    Purpose("(Model|Alarms|Async)Key", ("kms:*",), _OWNER, principal=r".*:root"),
    Purpose(
        "AlarmsKey",
        ("kms:Decrypt", "kms:GenerateDataKey*"),
        "alarms of this account publish to the encrypted topic; SNS's managed key would not allow them",
        principal=r"cloudwatch\.amazonaws\.com",
    ),
    Purpose("(Alarms|Async.*)Policy", ("sns:Publish",), "publishing to the topic needs TLS", principal=r"\*"),
    Purpose(
        "AlarmsPolicy",
        ("sns:Publish",),
        "alarms of this account notify the subscribers",
        principal=r"cloudwatch\.amazonaws\.com",
    ),
    *_CONSUMER,
    Purpose(
        "Diff",
        ("sts:AssumeRoleWithWebIdentity",),
        "a pull request's job of this repository shows what would change, without a stored secret",
    ),
    Purpose(
        "Diff", ("sts:AssumeRole",), "the bootstrap's lookup role reads what is deployed; it changes nothing"
    ),
    Purpose(
        "Deploy",
        ("sts:AssumeRoleWithWebIdentity",),
        "a job that runs in this GitHub environment, after its approval",
    ),
    Purpose(
        "Deploy",
        ("sts:AssumeRole",),
        "`cdk deploy` uses these roles of the bootstrap, in this account and region; it has no other rights",
    ),
    Purpose(
        ".*Caller|.*Publisher",
        ("sts:AssumeRole",),
        "in the example, this account's IAM decides who may assume the role: name your own principals",
    ),
    Purpose(
        ".*Caller",
        ("sagemaker:InvokeEndpoint",),
        "the tenant invokes its own models; requests without a target model, or for another's, are refused",
    ),
    Purpose(
        ".*Publisher",
        ("s3:GetObject",),
        "the toolkit compares new models with published ones, and downloads models",
        resource=">/models/",
    ),
    Purpose(".*Publisher", ("s3:PutObject",), "publishes the tenant's models", resource=">/models/"),
    Purpose(
        ".*Publisher",
        ("s3:DeleteObject",),
        "deletes the tenant's models; the bucket retains the version for 30 days",
    ),
    Purpose(".*Publisher", ("s3:AbortMultipartUpload",), "aborts failed multipart uploads"),
    Purpose(
        ".*Publisher",
        ("s3:GetObject", "s3:PutObject"),
        "the tenant's aliases (which version is `prod`) and the numbers of versions it removed",
        resource="/.mme/",
    ),
    Purpose(".*Publisher", ("s3:ListBucket",), "lists the tenant's own models, aliases and removed versions"),
    Purpose(
        ".*Publisher",
        ("cloudformation:DescribeStacks",),
        "`mme --stack` finds the bucket by the stack's outputs",
    ),
)


def why(permission: Permission) -> str:
    """Return the purpose of a permission.

    Raises:
        MmeError: No purpose matches.
    """
    found = [purpose for purpose in PURPOSES if purpose.explains(permission)]
    if not found:
        raise MmeError(
            f"{permission.holder} may {permission.action} and no purpose explains it",
            hint="remove the permission, or add its purpose to tools/security/purposes.py",
        )
    return found[0].why
