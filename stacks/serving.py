"""The stateless stack: the endpoint, which can be deleted and created again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack, aws_cloudwatch, aws_sns_subscriptions
from constructs import Construct

from mme_cdk import AlarmThresholds, AlarmTopic, ModelStore, MultiModelEndpoint, acknowledge_checkov
from stacks.environments import Environment

if TYPE_CHECKING:
    from mme_cdk import AsyncInvocations


class ServingStack(Stack):
    """Serves the models of a store.

    Attributes:
        endpoint: The multi-model endpoint.
        asynchronous: Queue for asynchronous requests; None without one.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment, models: ModelStore) -> None:
        """Define the stack.

        Args:
            scope: Parent.
            id: Construct id.
            environment: Its settings.
            models: What the endpoint serves.

        Raises:
            PropsError: Settings that cannot work.
        """
        super().__init__(
            scope,
            id,
            stack_name=f"mme-{environment.name}-serving",
            description=f"The {environment.name} multi-model endpoint",
            termination_protection=environment.termination_protection,
        )
        self.endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            endpoint_name=f"mme-{environment.name}",
            image=environment.image,
            models=models,
            instance_type=environment.instance_type,
            next_instance_type=environment.next_instance_type,
            initial_instance_count=environment.instance_count,
            environment=environment.container_environment,
            network_isolation=environment.network_isolation,
        )
        scaling = self.endpoint.auto_scale_instance_count(
            min_capacity=environment.min_instances, max_capacity=environment.max_instances
        )
        scaling.scale_on_invocations(
            "Invocations", max_requests_per_second=environment.peak_requests_per_second
        )
        self.endpoint.add_monitoring(
            thresholds=environment.alarm_thresholds,
            actions=self._alarm_actions(environment),
            runbook_url=environment.runbook_url,
        )
        self._accept_passed_on_import()
        if not environment.network_isolation:
            acknowledge_checkov(
                self.endpoint.model,
                "CKV_AWS_370",
                "network isolation is off in this environment: its models may call other services",
            )
        # The toolkit finds endpoint and models by the keys of these outputs.
        CfnOutput(self, "EndpointName", value=self.endpoint.endpoint_name, description="Endpoint to invoke")
        CfnOutput(
            self, "ModelBucketName", value=models.bucket.bucket_name, description="Bucket of the models"
        )
        CfnOutput(self, "ModelPrefix", value=models.prefix, description="Key prefix of the models")
        self.asynchronous: AsyncInvocations | None = None
        if environment.asynchronous:
            self.asynchronous = self._asynchronous(environment)

    def _asynchronous(self, environment: Environment) -> AsyncInvocations:
        """Add a queue in front of the endpoint, and the outputs that the toolkit finds it by."""
        from mme_cdk import AsyncInvocations  # late: few environments have one

        found = AsyncInvocations(
            self, "Async", endpoint=self.endpoint, removal_policy=environment.removal_policy
        )
        for key, value in found.outputs.items():
            CfnOutput(self, key, value=value)
        return found

    def _accept_passed_on_import(self) -> None:
        """Acknowledge a finding of cfn-lint on an output in the template's metadata: outputs have none."""
        reason = "the bucket's name is also an output, so that the toolkit reads one stack only"
        self.template_options.metadata = {
            "cfn-lint": {"config": {"ignore_checks": ["W6001"]}, "reasons": {"W6001": reason}}
        }

    def _alarm_actions(self, environment: Environment) -> dict[str, list[aws_cloudwatch.IAlarmAction]]:
        """Return the action of all alarms: one topic. A mail's subject contains the severity."""
        topic = AlarmTopic(self, "Alarms", removal_policy=RemovalPolicy.DESTROY)
        for address in environment.alarm_emails:
            topic.topic.add_subscription(aws_sns_subscriptions.EmailSubscription(address))
        thresholds = environment.alarm_thresholds or AlarmThresholds()
        action = topic.action
        return {severity: [action] for severity in thresholds.severities()}
