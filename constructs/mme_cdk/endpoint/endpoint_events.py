"""EventBridge rules for an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import Stack

from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import elsewhere, require
from mme_cdk.endpoint.endpoint_metrics import EndpointMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_events


class EventRuleProps(TypedDict, total=False):
    """Keywords of every rule.

    Attributes:
        target: What gets the events. Default: none, until `rule.add_target`.
        description: Description of the rule. Default: none.
        rule_name: Name of the rule. Default: chosen by CloudFormation.
    """

    target: aws_events.IRuleTarget | None
    description: str | None
    rule_name: str | None


class EndpointEvents(EndpointMetrics):
    """What every endpoint reports to EventBridge, defined here or imported."""

    @property
    def place(self) -> tuple[str, str]:
        """Its account and region."""
        raise NotImplementedError

    @checked
    def on_deployment_state_change(self, id: str, **props: Unpack[EventRuleProps]) -> aws_events.Rule:
        """Define an EventBridge rule for deployments: started, canary up, baking, done, rolled back.

        SageMaker may send several events for one change. Add a custom `detail` with `rule.add_event_pattern`.

        Args:
            id: Id of the rule.
            props: See `EventRuleProps`.

        Raises:
            PropsError: An imported endpoint of another account or region, whose events do not arrive here.
        """
        return self._rule(id, "SageMaker Endpoint Deployment State Change", **props)

    @checked
    def on_state_change(self, id: str, **props: Unpack[EventRuleProps]) -> aws_events.Rule:
        """Define an EventBridge rule for the endpoint's status: `IN_SERVICE`, `FAILED`, `UPDATING` and so on.

        For one status: `rule.add_event_pattern(detail={"EndpointStatus": ["FAILED"]})`.

        Args:
            id: Id of the rule.
            props: See `EventRuleProps`.

        Raises:
            PropsError: An imported endpoint of another account or region, whose events do not arrive here.
        """
        return self._rule(id, "SageMaker Endpoint State Change", **props)

    def _rule(self, id: str, detail_type: str, **props: Unpack[EventRuleProps]) -> aws_events.Rule:
        # Late, here and elsewhere: each module of aws-cdk costs start-up time.
        from aws_cdk import aws_events

        if found := elsewhere(Stack.of(self), *self.place):
            what, ours, theirs = found
            require(
                f"the endpoint is in {what} {theirs} and the rule in {ours}; its events do not arrive there: "
                f"define the rule in {theirs}, or forward the events",
                at=(self, id),
            )
        return aws_events.Rule(
            self,
            id,
            description=props.get("description"),
            rule_name=props.get("rule_name"),
            targets=[target] if (target := props.get("target")) else None,
            event_pattern=aws_events.EventPattern(
                # Source: SageMaker AI developer guide, `automating-sagemaker-with-eventbridge`.
                source=["aws.sagemaker"],
                detail_type=[detail_type],
                # Events may have the name in its own case or in lower case.
                detail={"EndpointName": [{"equals-ignore-case": self.endpoint_name}]},
            ),
        )
