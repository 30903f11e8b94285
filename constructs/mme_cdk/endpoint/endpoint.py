"""The endpoint: a stable name, behind which configs come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Stack, aws_sagemaker
from constructs import Construct, IValidation

from mme_cdk._internal.cdk_kinds import ALARM
from mme_cdk._internal.expectations import FLAG, expect, expect_each
from mme_cdk._internal.validation import PropsError, known, require
from mme_cdk.deployment.deployment_strategy import DEPLOYMENT, DeploymentStrategy
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.endpoint_config import ENDPOINT_CONFIG, EndpointConfig
from mme_cdk.endpoint.endpoint_names import claim_name
from mme_cdk.scaling.scalable_instance_count import ScalableInstanceCount

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch


class Endpoint(EndpointBase):
    """A SageMaker endpoint.

    Its name is fixed at synth, so that it is updated in place for good, and alarms, log queries and grants
    can name it without depending on it. So an alarm on its metrics may roll its deployments back: the
    endpoint depends on the alarm, and never the alarm on the endpoint.

    Attributes:
        config: what it runs on.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: EndpointConfig,
        endpoint_name: str | None = None,
        deployment: DeploymentStrategy | None = None,
        retain_variant_properties: bool | None = None,
    ) -> None:
        """Define the endpoint.

        Args:
            scope: the parent.
            id: the construct's id.
            config: what it runs on.
            endpoint_name: its name; another name is another endpoint. Default: derived from the path.
            deployment: how it moves to a new config. Default: SageMaker's, which is all at once without
                alarms.
            retain_variant_properties: whether an update keeps the live instance count and weights instead
                of the config's. Default: True as soon as the instance count is scaled, else False.

        Raises:
            PropsError: a name that SageMaker does not take or another endpoint of the stack has, or a
                deployment that the config's instances can't do: canary, linear and rolling need two or more.
        """
        require(
            expect("config", config, ENDPOINT_CONFIG),
            expect("deployment", deployment, DEPLOYMENT, optional=True),
            expect("retain_variant_properties", retain_variant_properties, FLAG, optional=True),
            at=(scope, id),
        )
        super().__init__(
            scope,
            id,
            endpoint_name=endpoint_name,
            variant_name=config.variant_name,
            models=config.model.models,
        )
        if deployment is not None:
            require(
                *_fleet_faults(deployment, config),
                *(_alarm_fault(self, alarm) for alarm in deployment.rollback_alarms),
                at=self,
            )
        claim_name(self, self.endpoint_name)
        self.config = config
        self._deployment = deployment
        self._retain = retain_variant_properties
        self._scaled: set[str] = set()
        self.node.add_validation(_FleetValidation(self))
        self._resource = aws_sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.endpoint_config_name,
            deployment_config=deployment.render() if deployment else None,
        )
        if retain_variant_properties is not None:
            self._retain_variants(retain_variant_properties)

    def add_rollback_alarm(self, *alarms: aws_cloudwatch.IAlarm) -> None:
        """Let these alarms end a deployment and bring the old fleet back.

        For alarms on the endpoint's own metrics, which can be made only after it. Without a deployment
        strategy the endpoint gets `DeploymentStrategy.all_at_once()`. Let missing data count as not
        breaching: an idle endpoint publishes none, and would roll every deployment back.

        Args:
            alarms: of this account and region, at most 10 with those of the strategy.

        Raises:
            PropsError: too many alarms, or one of another account or region.
        """
        require(*expect_each("alarms", alarms, ALARM), at=self)
        require(*(_alarm_fault(self, alarm) for alarm in alarms), at=self)
        strategy = self._deployment or DeploymentStrategy.all_at_once()
        try:
            for alarm in alarms:
                strategy = strategy.with_alarm(alarm)
        except PropsError as error:
            raise PropsError(error.faults, path=self.node.path) from None
        self._deployment = strategy
        self._resource.deployment_config = strategy.render()

    def fleet_faults(self) -> list[str]:
        """Why the deployment strategy does not fit the config's variants as they are now."""
        return [] if self._deployment is None else _fleet_faults(self._deployment, self.config)

    def capacity_faults(self, *, min_capacity: int | None, max_capacity: int | None) -> list[str]:
        """Why the deployment strategy can't work with a fleet of these bounds.

        Args:
            min_capacity: fewest instances; None = not given.
            max_capacity: most instances; None = not given.
        """
        if self._deployment is None:
            return []
        bounds = {"min_capacity": min_capacity, "max_capacity": max_capacity}
        return [
            fault
            for name, count in bounds.items()
            if count is not None
            for fault in self._deployment.fleet_faults(name, count)
        ]

    def auto_scale_instance_count(
        self, *, min_capacity: int = 1, max_capacity: int, variant_name: str | None = None
    ) -> ScalableInstanceCount:
        """Let the instance count follow the load; say by what on the object returned.

        From then on an update of the endpoint keeps the live instance count and does not go back to the
        config's. An initial count below `min_capacity` is raised to it.

        AWS changes the instance type of no scaled variant. Set `next_instance_type` beside `instance_type`
        and deploy, then set `instance_type`, too, and deploy: docs/changing-instance-type.md.

        Args:
            min_capacity: fewest instances, at least 1. Default: 1.
            max_capacity: most instances.
            variant_name: which variant. Default: the first.

        Raises:
            PropsError: bounds that contradict each other, the config or the deployment strategy, or a
                second call for the same variant.
        """
        name = self.config.variant(variant_name).variant_name
        if name in self._scaled:
            raise PropsError(
                ["auto_scale_instance_count was called twice; add policies to what the first call returned"],
                path=self.node.path,
            )
        first = name == self.config.variant_name
        scaling = ScalableInstanceCount(
            self,
            "Scaling" if first else f"Scaling{name}",
            endpoint=self,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            variant_name=name,
        )
        self._scaled.add(name)
        if self._retain is None:
            self._retain_variants(True)
        return scaling

    def require_variant(self, name: str) -> None:
        """Do nothing where it has this variant.

        Args:
            name: the variant's.

        Raises:
            PropsError: it has not.
        """
        self.config.variant(name)

    def _retain_variants(self, retain: bool) -> None:
        self._resource.retain_all_variant_properties = retain
        if retain:
            # Data capture counts as a property of the variants: kept, it could never be switched on or off.
            self._resource.exclude_retained_variant_properties = [
                aws_sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type="DataCaptureConfig")
            ]


@jsii.implements(IValidation)
class _FleetValidation:
    """Called by CDK before synthesis: the config may have got variants after the endpoint was made."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def validate(self) -> list[str]:
        return self._endpoint.fleet_faults()


def _fleet_faults(deployment: DeploymentStrategy, config: EndpointConfig) -> list[str]:
    faults = []
    for variant in config.variants:
        faults += deployment.fleet_faults(
            "initial_instance_count", variant.initial_instance_count, variants=len(config.variants)
        )
    return list(dict.fromkeys(faults))


def _alarm_fault(scope: Construct, alarm: aws_cloudwatch.IAlarm) -> str | None:
    """SageMaker looks for an alarm by name, in the endpoint's own account and region."""
    here, there = Stack.of(scope), alarm.env
    for what, ours, theirs in (
        ("region", here.region, there.region),
        ("account", here.account, there.account),
    ):
        if known(ours) and known(theirs) and ours != theirs:
            return (
                f"rollback alarm {alarm.node.path} is in {what} {theirs} and the endpoint in {ours}: "
                f"define the alarm in the endpoint's {what}"
            )
    return None
