"""The Lambda function that takes requests out of the queue."""

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

from mme_cdk._internal.acknowledgements import acknowledge_checkov, acknowledge_lint, acknowledge_wildcards
from mme_cdk.async_invocations.packs import acknowledge_packs

CONSUMER: Final = "async-invocations"
"""The value of `MME_CONSUMER`, by which the local runtime knows the function as one that it can run."""

_FOLDER: Final = Path(__file__).parent


class ConsumerFunction(aws_lambda.Function):
    """Runs `handler/`, with a role of its own that holds what it needs and no managed policy."""

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
            description="Takes asynchronous requests of a multi-model endpoint out of their queue",
        )
        logs = aws_logs.LogGroup(
            scope,
            f"{id}Logs",
            encryption_key=encryption_key if _let_logs_use(encryption_key, Stack.of(scope)) else None,
            retention=log_retention,
            removal_policy=removal_policy,
        )
        streams = logs.log_group_arn
        role.add_to_principal_policy(
            aws_iam.PolicyStatement(
                sid="Log", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams]
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
            description="Calls a multi-model endpoint for requests that wait in a queue",
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
            self,
            "3.13 is the version the handler is tested on; AWS mends it for years",
            "LambdaLatestVersion",
        )
        acknowledge_packs(
            self,
            "an SQS source has no destination: its queue has a dead-letter queue",
            "LambdaEventSourceMappingDestination",
        )
        acknowledge_lint(self, "W3005", "CDK names the role beside its policy, for which the function waits")
        lettered = (
            "only the queue invokes it, and its queue has a dead-letter queue; a function's own is for "
            "asynchronous invocations"
        )
        acknowledge_packs(self, lettered, "LambdaDLQ")
        acknowledge_checkov(self, "CKV_AWS_116", lettered)
        outside = (
            "it speaks to AWS's own endpoints only, by TLS and with IAM, and holds no address in any network"
        )
        acknowledge_packs(self, outside, "LambdaInsideVPC")
        acknowledge_checkov(self, "CKV_AWS_117", outside)
        if reserved_concurrency is None:
            bounded = (
                "the queue's max_concurrency bounds it and takes nothing from the account's other functions"
            )
            acknowledge_packs(self, bounded, "LambdaConcurrency")
            acknowledge_checkov(self, "CKV_AWS_115", bounded)
        acknowledge_packs(
            role,
            "the role's only policy is made by this construct, statement by statement",
            "IAMNoInlinePolicy",
        )


def _let_logs_use(key: aws_kms.IKey, stack: Stack) -> bool:
    """Let CloudWatch Logs encrypt by the key; False where its policy is not ours to change."""
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
    statement = aws_iam.PolicyStatement(
        sid="Logs",
        principals=[aws_iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=["kms:Decrypt*", "kms:Encrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    )
    return key.add_to_resource_policy(statement, True).statement_added
