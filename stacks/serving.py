"""The stateless stack: the endpoint, which can be deleted and made again from its models."""

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
        endpoint: the multi-model endpoint.
        asynchronous: the queue for asynchronous requests; None where the environment has none.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment, models: ModelStore) -> None:
        """Define the stack as `environment` says.

        Raises:
            PropsError: settings that no endpoint can have.
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
                "network isolation is off in this environment on purpose: its models may call other services",
            )
        # The toolkit finds an endpoint and its models by these outputs: their keys are a contract.
        CfnOutput(self, "EndpointName", value=self.endpoint.endpoint_name, description="Endpoint to invoke")
        CfnOutput(
            self, "ModelBucketName", value=models.bucket.bucket_name, description="Bucket of the models"
        )
        CfnOutput(self, "ModelPrefix", value=models.prefix, description="Key prefix of the models")
        self.asynchronous: AsyncInvocations | None = None
        if environment.asynchronous:
            self.asynchronous = self._asynchronous(environment)

    def _asynchronous(self, environment: Environment) -> AsyncInvocations:
        """A queue in front of the endpoint, found by the toolkit through its outputs."""
        from mme_cdk import AsyncInvocations  # late: most environments have none

        found = AsyncInvocations(
            self, "Async", endpoint=self.endpoint, removal_policy=environment.removal_policy
        )
        for key, value in found.outputs.items():
            CfnOutput(self, key, value=value)
        return found

    def _accept_passed_on_import(self) -> None:
        """An output can hold no metadata of its own, so the template's says it to cfn-lint."""
        reason = "the bucket's name is passed on as an output, so that the toolkit reads one stack only"
        self.template_options.metadata = {
            "cfn-lint": {"config": {"ignore_checks": ["W6001"]}, "reasons": {"W6001": reason}}
        }

    def _alarm_actions(self, environment: Environment) -> dict[str, list[aws_cloudwatch.IAlarmAction]]:
        """Every alarm writes to one topic: a mail's subject holds the severity."""
        topic = AlarmTopic(self, "Alarms", removal_policy=RemovalPolicy.DESTROY)
        for address in environment.alarm_emails:
            topic.topic.add_subscription(aws_sns_subscriptions.EmailSubscription(address))
        thresholds = environment.alarm_thresholds or AlarmThresholds()
        action = topic.action
        return {severity: [action] for severity in thresholds.severities()}
