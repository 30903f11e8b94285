"""The Lambda function that processes the queue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aws_cdk import (
    Duration,
    IgnoreMode,
    RemovalPolicy,
    Size,
    Stack,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_logs,
)
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge_lint, acknowledge_wildcards
from mme_cdk.async_invocations.packs import acknowledge_packs

CONSUMER: Final = "async-invocations"
"""The value of `MME_CONSUMER`, which tells the local endpoint that it can run the function."""

_FOLDER: Final = Path(__file__).parent
_ACCEPTED: Final = {
    "LambdaLatestVersion": "the handler is tested on 3.13, which AWS supports for years",
    "LambdaEventSourceMappingDestination": "an SQS event source has none; its queue has a dead-letter queue",
    "LambdaDLQ": "only the queue invokes it, and the queue has a dead-letter queue",
    "LambdaInsideVPC": "it calls AWS's endpoints only, with TLS and IAM, and needs no network",
}


class ConsumerFunction(aws_lambda.Function):
    """Runs `handler/` with a separate role without managed policies."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Mapping[str, str],
        encryption_key: aws_kms.IKey,
        timeout: Duration,
        memory_size: Size,
        reserved_concurrency: int | None,
        log_retention: aws_logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Define the function, its role and its log group; see `AsyncInvocations` for the arguments."""
        role = aws_iam.Role(
            scope,
            f"{id}Role",
            assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Processes asynchronous requests of a multi-model endpoint",
        )
        logs = aws_logs.LogGroup(
            scope,
            f"{id}Logs",
            encryption_key=encryption_key if _grant_logs(encryption_key, Stack.of(scope)) else None,
            retention=log_retention,
            removal_policy=removal_policy,
        )
        role.add_to_principal_policy(
            aws_iam.PolicyStatement(
                sid="Log",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[logs.log_group_arn],
            )
        )
        super().__init__(
            scope,
            id,
            runtime=aws_lambda.Runtime.PYTHON_3_13,
            architecture=aws_lambda.Architecture.ARM_64,
            code=aws_lambda.Code.from_asset(
                str(_FOLDER), exclude=["*", "!handler/", "!handler/*.py"], ignore_mode=IgnoreMode.GIT
            ),
            handler="handler.index.handler",
            description="Invokes a multi-model endpoint for requests in a queue",
            role=role,
            environment={"MME_CONSUMER": CONSUMER, **environment},
            environment_encryption=encryption_key,
            timeout=timeout,
            memory_size=memory_size.to_mebibytes(),
            reserved_concurrent_executions=reserved_concurrency,
            tracing=aws_lambda.Tracing.ACTIVE,
            log_group=logs,
            logging_format=aws_lambda.LoggingFormat.JSON,
        )
        acknowledge_wildcards(role, "X-Ray has no resources to name", resources=["*"])
        acknowledge_packs(
            role, "this construct writes each statement of the role's only policy", "IAMNoInlinePolicy"
        )
        for rule, reason in _ACCEPTED.items():
            acknowledge_packs(self, reason, rule)
        if reserved_concurrency is None:
            reason = "the queue's max_concurrency limits it and takes nothing from other functions"
            acknowledge_packs(self, reason, "LambdaConcurrency")
        acknowledge_lint(self, "W3005", "CDK names the role in addition to its policy, which depends on it")


def _grant_logs(key: aws_kms.IKey, stack: Stack) -> bool:
    """Let CloudWatch Logs encrypt with the key; return False if its policy is not defined here."""
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
    statement = aws_iam.PolicyStatement(
        sid="Logs",
        principals=[aws_iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=["kms:Decrypt*", "kms:Encrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    )
    return key.add_to_resource_policy(statement, True).statement_added
