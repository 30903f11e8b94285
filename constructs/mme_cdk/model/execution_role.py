"""The role that the endpoint's containers run with."""

from __future__ import annotations

from aws_cdk import Stack, aws_iam
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge_wildcards
from mme_cdk._internal.cdk_kinds import MANAGED_POLICY
from mme_cdk._internal.expectations import TEXT, expect, expect_all
from mme_cdk._internal.validation import require
from mme_cdk.model.policy_size import PolicySize

METRIC_NAMESPACES = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")


class ExecutionRole(aws_iam.Role):
    """A role that SageMaker of this account and region may assume, with logs and metrics and nothing else.

    Models and images are added by what needs them: `ModelStore.grant_read` and `ServingImage.bind`.
    A python-backend model is code that runs with this role.

    All rights, granted ones too, stand in one managed policy beneath the role, which compliance packs ask for
    instead of an inline one; IAM lets it have 6144 characters, and more than that fails at synth.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        description: str | None = None,
        permissions_boundary: aws_iam.IManagedPolicy | None = None,
    ) -> None:
        """Define the role.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint_name: the one endpoint whose log group it may write. Default: every endpoint's.
            description: shown in the console. Default: says what the role is for.
            permissions_boundary: an upper bound that the account asks for. Default: none.

        Raises:
            PropsError: values of the wrong kind.
        """
        require(
            *expect_all(TEXT, optional=True, endpoint_name=endpoint_name, description=description),
            expect("permissions_boundary", permissions_boundary, MANAGED_POLICY, optional=True),
            at=(scope, id),
        )
        stack = Stack.of(scope)
        # Without these conditions SageMaker could be led to use the role for another account's resource.
        # The resource is never one ARN: SageMaker presents models, endpoints and configs alike.
        source = stack.format_arn(service="sagemaker", resource="*")
        super().__init__(
            scope,
            id,
            assumed_by=aws_iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={
                    "ArnLike": {"aws:SourceArn": source},
                    "StringEquals": {"aws:SourceAccount": stack.account},
                },
            ),
            description=description or "Runs the containers of a SageMaker multi-model endpoint",
            permissions_boundary=permissions_boundary,
        )
        logs = _log_groups(stack, endpoint_name or "*")
        self._rights = aws_iam.ManagedPolicy(
            self,
            "Rights",
            description="What the containers of the endpoint may do",
            roles=[self],
            statements=[_write_logs(logs), _publish_metrics()],
        )
        acknowledge_wildcards(
            self, "SageMaker names the log streams after instances that do not exist yet", resources=logs
        )
        acknowledge_wildcards(
            self,
            "cloudwatch:PutMetricData takes no resource; a condition binds it to SageMaker's namespaces",
            resources=["*"],
        )
        self.node.add_validation(PolicySize(self._rights))

    def add_to_principal_policy(
        self, statement: aws_iam.PolicyStatement
    ) -> aws_iam.AddToPrincipalPolicyResult:
        """Add to the managed policy; every grant and `add_to_policy` come through here.

        Args:
            statement: what the containers may do besides.
        """
        self._rights.add_statements(statement)
        return aws_iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=self._rights)


def _log_groups(stack: Stack, endpoint_name: str) -> list[str]:
    groups = f"/aws/sagemaker/Endpoints/{endpoint_name}"
    group = f"{stack.format_arn(service='logs', resource='log-group')}:{groups}"
    return [group, f"{group}:*"]


def _write_logs(groups: list[str]) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(
        sid="WriteEndpointLogs",
        actions=[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        resources=groups,
    )


def _publish_metrics() -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(
        sid="PublishEndpointMetrics",
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": list(METRIC_NAMESPACES)}},
    )
