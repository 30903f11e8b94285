"""The role of an endpoint's containers."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, aws_iam
from constructs import Construct

from mme_cdk._internal.acknowledgements import acknowledge_wildcards
from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import require
from mme_cdk.model.policy_generation import PolicyGeneration
from mme_cdk.model.policy_size import PolicySize

_LOG_ACTIONS = [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
]
_NAMESPACES = {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}}
_FURTHER_POLICIES = 8  # of the 10 of IAM's quota, two are this role's own during an update
_STREAMS_REASON = "log streams are named after instances that do not exist yet"
_METRICS_REASON = (
    "cloudwatch:PutMetricData takes no resource; a condition limits it to SageMaker's namespaces"
)


class ExecutionRole(aws_iam.Role):
    """A role that only SageMaker of this account and region may assume, with rights for logs and metrics.

    `ModelStore.grant_read` and `ServingImage.bind` add rights for models and images. A python-backend model
    is code that runs with this role.

    All rights, granted ones too, are in one managed policy, which compliance packs require instead of an
    inline one. IAM limits it to 6144 characters; more fail at synth. A change of the rights replaces the
    policy: until the end of the update the role has the old rights, too.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        description: str | None = None,
        permissions_boundary: aws_iam.IManagedPolicy | None = None,
        role_name: str | None = None,
        path: str | None = None,
        managed_policies: Sequence[aws_iam.IManagedPolicy] = (),
    ) -> None:
        """Define the role.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint_name: The endpoint whose log group it may write. Default: all endpoints.
            description: Shown in the console. Default: what the role is for.
            permissions_boundary: A permissions boundary that the account requires. Default: none.
            role_name: A fixed name. Default: chosen by CloudFormation.
            path: Of the role, such as `/serving/`. Default: `/`.
            managed_policies: Further policies, at most 8: IAM allows 10. Default: none.

        Raises:
            PropsError: Wrong types, or too many policies.
        """
        require(
            f"managed_policies has {len(managed_policies)} policies; an update needs two of the 10 that IAM "
            "allows: give at most 8"
            if len(managed_policies) > _FURTHER_POLICIES
            else None,
            at=(scope, id),
        )
        stack = Stack.of(scope)
        # Against the confused deputy: without these conditions SageMaker could use the role for another
        # account's resource. SageMaker presents the ARNs of models, endpoints and configs.
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
            role_name=role_name,
            path=path,
            managed_policies=list(managed_policies) or None,
        )
        logs = _log_groups(stack, endpoint_name or "*")
        self._log_groups_of = endpoint_name
        self._rights = aws_iam.ManagedPolicy(
            self,
            "Rights",
            description="What the containers of the endpoint may do",
            roles=[self],
            statements=[_write_logs(logs), _publish_metrics()],
        )
        acknowledge_wildcards(self, _STREAMS_REASON, resources=logs)
        acknowledge_wildcards(self, _METRICS_REASON, resources=["*"])
        self.node.add_validation(PolicySize(self._rights))
        self.node.add_validation(PolicyGeneration(self))

    def add_to_principal_policy(
        self, statement: aws_iam.PolicyStatement
    ) -> aws_iam.AddToPrincipalPolicyResult:
        """Add a statement to the managed policy; every grant and `add_to_policy` calls this.

        Args:
            statement: Further rights of the containers.
        """
        self._rights.add_statements(statement)
        return aws_iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=self._rights)


def allow_logs_and_metrics(role: aws_iam.IRole, scope: Construct, endpoint_name: str) -> None:
    """Allow a role to write an endpoint's log and metrics, unless it is an `ExecutionRole` that may.

    Args:
        role: Role of the containers.
        scope: The endpoint.
        endpoint_name: Its name.
    """
    if isinstance(role, ExecutionRole) and role._log_groups_of in {None, endpoint_name}:
        return
    groups = _log_groups(Stack.of(scope), endpoint_name)
    allow(role, _LOG_ACTIONS, groups, reason=_STREAMS_REASON)
    allow(role, ["cloudwatch:PutMetricData"], ["*"], conditions=_NAMESPACES, reason=_METRICS_REASON)


def _log_groups(stack: Stack, endpoint_name: str) -> list[str]:
    groups = f"/aws/sagemaker/Endpoints/{endpoint_name}"
    group = f"{stack.format_arn(service='logs', resource='log-group')}:{groups}"
    return [group, f"{group}:*"]


def _write_logs(groups: list[str]) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(
        sid="WriteEndpointLogs",
        actions=_LOG_ACTIONS,
        resources=groups,
    )


def _publish_metrics() -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(
        sid="PublishEndpointMetrics",
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions=_NAMESPACES,
    )
