"""Why each permission is there: the part of the security table that no template holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.errors import MmeError
from tools.security.policies import Permission


@dataclass(frozen=True)
class Purpose:
    """Why permissions of this shape are given.

    Attributes:
        holder: pattern of the whole name of the role or resource.
        actions: the actions that have this purpose.
        why: for a security reviewer.
        principal: pattern of the whole principal. Default: any.
        resource: text in the first resource. Default: any.
    """

    holder: str
    actions: tuple[str, ...]
    why: str
    principal: str = ".*"
    resource: str = ""

    def explains(self, permission: Permission) -> bool:
        """Whether the permission is of this shape."""
        return (
            re.fullmatch(self.holder, permission.holder) is not None
            and permission.action in self.actions
            and re.fullmatch(self.principal, permission.principal) is not None
            and self.resource in (permission.resources or ("",))[0]
        )


_LOGS: Final = "the containers' output goes to the one log group of this endpoint"
_PULL: Final = "SageMaker pulls the serving image, this one repository, from the account where AWS keeps it"
_OWNER: Final = (
    "KMS asks for it: without it nobody could administer the key. It leaves the decision to IAM policies, "
    "of which this app has none but those in these tables"
)

_CONSUMER: Final = (
    Purpose(
        "AsyncConsumerRole",
        ("sts:AssumeRole",),
        "the one function that takes requests out of the queue runs with the role",
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
        "calls the endpoint for whoever may send to the queue, so for every model: `grant_submit` is as much "
        "as a call of each",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("s3:GetObject",),
        "the requests' bodies, and whether a request is settled already",
    ),
    Purpose(
        "AsyncConsumerRole", ("s3:PutObject",), "answers, failures, and that a request is settled; no input"
    ),
    Purpose(
        "AsyncConsumerRole",
        ("s3:ListBucket",),
        "without it S3 answers 403 and not 404 for an object that is not there",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"),
        "a request that nobody can read goes to the dead letters, with its reason",
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
        "takes requests, puts off those whose model is loading, deletes those that are settled",
        resource="<AsyncQueue>",
    ),
    Purpose(
        "AsyncConsumerRole",
        ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
        "requests, answers, notifications and the function's variables are encrypted with this key, which "
        "encrypts nothing else",
    ),
    Purpose("AsyncConsumerRole", ("sns:Publish",), "tells of each answer and each failure"),
    Purpose(
        "AsyncKey",
        ("kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
        "CloudWatch Logs encrypts the function's log; the context binds it to log groups of this account",
        principal=r"logs\..*",
    ),
    Purpose(
        "Async(Queue|DeadLetters)Policy",
        ("sqs:*",),
        "nobody sends or receives without TLS",
        principal=r"\*",
    ),
)

PURPOSES: Final = (
    Purpose(
        "EndpointRole",
        ("sts:AssumeRole",),
        "SageMaker runs the containers with the role; the conditions keep it from being led to do so for "
        "another account's resources",
    ),
    Purpose("EndpointRole", ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), _LOGS),
    Purpose("EndpointRole", ("logs:DescribeLogStreams",), "SageMaker looks for its stream before it writes"),
    Purpose(
        "EndpointRole",
        ("cloudwatch:PutMetricData",),
        "the metrics of endpoint and instances; the action takes no resource, so the namespaces bind it",
    ),
    Purpose(
        "EndpointRole",
        ("s3:GetObject",),
        "models are loaded when they are first called; they are published without a deployment, so no list "
        "of keys can stand here",
    ),
    Purpose("EndpointRole", ("s3:ListBucket",), "SageMaker looks at the models' prefix, and only there"),
    Purpose("EndpointRole", ("kms:Decrypt",), "the models are encrypted with this key; it never encrypts"),
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
    Purpose("(Model|Async).*Policy", ("s3:*",), "nobody reads or writes without TLS", principal=r"\*"),
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
        "alarms of this account write to the encrypted topic; SNS's own key would keep them out",
        principal=r"cloudwatch\.amazonaws\.com",
    ),
    Purpose("(Alarms|Async.*)Policy", ("sns:Publish",), "nobody publishes without TLS", principal=r"\*"),
    Purpose(
        "AlarmsPolicy",
        ("sns:Publish",),
        "alarms of this account tell who is subscribed",
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
        "a job that runs in this GitHub environment, after its approval, and none else",
    ),
    Purpose(
        "Deploy",
        ("sts:AssumeRole",),
        "`cdk deploy` is these roles of the bootstrap, in this account and region; it has no rights itself",
    ),
    Purpose(
        ".*Caller|.*Publisher",
        ("sts:AssumeRole",),
        "the example lets this account's IAM say who may take the role: name your own principals instead",
    ),
    Purpose(
        ".*Caller",
        ("sagemaker:InvokeEndpoint",),
        "the tenant calls its own models; without a target model, or with another's, it is refused",
    ),
    Purpose(
        ".*Publisher",
        ("s3:GetObject",),
        "the toolkit compares what is published with what is there, and reads models back",
        resource=">/models/",
    ),
    Purpose(".*Publisher", ("s3:PutObject",), "publishes the tenant's models", resource=">/models/"),
    Purpose(
        ".*Publisher",
        ("s3:DeleteObject",),
        "retires the tenant's models; the bucket keeps the version 30 days",
    ),
    Purpose(".*Publisher", ("s3:AbortMultipartUpload",), "a large upload that fails leaves nothing behind"),
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
    """Why it is given.

    Raises:
        MmeError: nobody has said why.
    """
    found = [purpose for purpose in PURPOSES if purpose.explains(permission)]
    if not found:
        raise MmeError(
            f"{permission.holder} may {permission.action} and no purpose says why",
            hint="take the permission away, or add its purpose to tools/security/purposes.py",
        )
    return found[0].why
