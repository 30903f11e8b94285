"""An endpoint with a fixed name, whose configs are replaced behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import RemovalPolicy, Stack, aws_iam, aws_sagemaker
from constructs import Construct, IConstruct

from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import LateFaults, PropsError, elsewhere, known, require
from mme_cdk.deployment.deployment_strategy import DeploymentStrategy
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.endpoint_config import EndpointConfig
from mme_cdk.model.execution_role import allow_logs_and_metrics
from mme_cdk.scaling.scalable_instance_count import ScalableInstanceCount

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

# Paths of an app's endpoints by place and name in lower case: SageMaker ignores the case of names.
_names: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], str]] = WeakKeyDictionary()


@jsii.implements(aws_iam.IGrantable)
class Endpoint(EndpointBase):
    """A SageMaker endpoint; grants to it are grants to the role of its first variant's containers.

    Its name is fixed at synth: it is always updated in place, and alarms, log queries and grants can name it
    without depending on it. An alarm on its metrics can therefore roll its deployments back: the endpoint
    depends on the alarm, never the alarm on the endpoint.

    Attributes:
        config: What it runs on.
    """

    config: EndpointConfig

    @checked
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
            scope: Parent.
            id: Construct id.
            config: What it runs on.
            endpoint_name: As for `MultiModelEndpoint`. Default: derived from the path.
            deployment: As for `MultiModelEndpoint`. Default: all at once, without alarms.
            retain_variant_properties: As for `MultiModelEndpoint`. Default: whether the count is scaled.

        Raises:
            PropsError: A name that SageMaker refuses or another endpoint of the app has in the same account
                and region, or a deployment that the config's instances can't do: canary, linear and rolling
                need two or more.
        """
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
        self._claim_name()
        self.config = config
        self._deployment = deployment
        self._retain = retain_variant_properties
        self._scaled: set[str] = set()
        # Late: the config may get variants after the endpoint is defined.
        self.node.add_validation(LateFaults(self.fleet_faults))
        allow_logs_and_metrics(config.model.grantee, self, self.endpoint_name)
        self._resource = aws_sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.endpoint_config_name,
            deployment_config=deployment.render() if deployment else None,
        )
        if retain_variant_properties is not None:
            self._retain_variants(retain_variant_properties)

    @property
    def grant_principal(self) -> aws_iam.IPrincipal:
        """The role of the containers, which gets further rights."""
        return self.config.model.grant_principal

    @checked
    def apply_removal_policy(self, policy: RemovalPolicy) -> None:
        """Decide what happens to the endpoint when it leaves the stack.

        A retained endpoint costs as before. It keeps its config and models, but needs its role to load
        models: `MultiModelEndpoint.apply_removal_policy` includes these.

        Args:
            policy: `RETAIN` or `DESTROY`, the default.
        """
        self._resource.apply_removal_policy(policy)

    @checked
    def add_rollback_alarm(self, *alarms: aws_cloudwatch.IAlarm) -> None:
        """Roll a deployment back when one of these alarms goes off.

        Use it for alarms on the endpoint's own metrics, which can be defined only after it. Without a
        deployment strategy the endpoint gets `DeploymentStrategy.all_at_once()`. Treat missing data as not
        breaching: an idle endpoint publishes no metrics, and every deployment would roll back.

        Args:
            alarms: In this account and region; at most 10 with those of the strategy.

        Raises:
            PropsError: Too many alarms, or one of another account or region.
        """
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
        """Return why the deployment strategy does not suit the config's current variants."""
        return [] if self._deployment is None else _fleet_faults(self._deployment, self.config)

    @checked
    def auto_scale_instance_count(
        self, *, min_capacity: int = 1, max_capacity: int, variant_name: str | None = None
    ) -> ScalableInstanceCount:
        """Scale the instance count with the load; add policies to the object returned.

        From then on an update of the endpoint keeps the live instance count instead of the config's. An
        initial count below `min_capacity` is raised to it.

        AWS does not change the instance type of a scaled variant. Set `next_instance_type` in addition to
        `instance_type` and deploy; then set `instance_type`, too, and deploy
        (docs/changing-instance-type.md).

        Args:
            min_capacity: Fewest instances, at least 1. Default: 1.
            max_capacity: Most instances.
            variant_name: Which variant. Default: the first.

        Raises:
            PropsError: Bounds that contradict each other, the config or the deployment strategy, or a second
                call for the same variant.
        """
        name = self.config.variant(variant_name).variant_name
        if name in self._scaled:
            raise PropsError(
                ["auto_scale_instance_count was called twice: add policies to what the first call returned"],
                path=self.node.path,
            )
        scaling = ScalableInstanceCount(
            self,
            "Scaling" if name == self.config.variant_name else f"Scaling{name}",
            endpoint=self,
            config=self.config,
            deployment=self._deployment,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            variant_name=name,
        )
        self._scaled.add(name)
        if self._retain is None:
            self._retain_variants(True)
        return scaling

    def _claim_name(self) -> None:
        """Raise a fault if another endpoint of the account and region has the name."""
        if not known(self.endpoint_name):
            return
        path, stack = self.node.path, Stack.of(self)
        # Stacks of an unknown place may be deployed anywhere: only their own endpoints are compared.
        place = self.place if all(map(known, self.place)) else (stack.node.path,)
        taken = _names.setdefault(stack.node.root, {})
        owner = taken.setdefault((*place, self.endpoint_name.lower()), path)
        require(
            f"endpoint_name {self.endpoint_name} is already the name of {owner}: use another name"
            if owner != path
            else None,
            at=self,
        )

    def _retain_variants(self, retain: bool) -> None:
        self._resource.retain_all_variant_properties = retain
        if retain:
            # Data capture counts as a variant property: if it was retained, it could never be switched on or
            # off.
            self._resource.exclude_retained_variant_properties = [
                aws_sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type="DataCaptureConfig")
            ]


def _fleet_faults(deployment: DeploymentStrategy, config: EndpointConfig) -> list[str]:
    faults = []
    for variant in config.variants:
        faults += deployment.fleet_faults(
            "initial_instance_count", variant.initial_instance_count, variants=len(config.variants)
        )
    return list(dict.fromkeys(faults))


def _alarm_fault(scope: Construct, alarm: aws_cloudwatch.IAlarm) -> str | None:
    """Return the fault of an alarm elsewhere: SageMaker looks it up in the endpoint's account and region."""
    found = elsewhere(Stack.of(scope), alarm.env.account, alarm.env.region)
    if found is None:
        return None
    what, ours, theirs = found
    return (
        f"rollback alarm {alarm.node.path} is in {what} {theirs} and the endpoint in {ours}: "
        f"define the alarm in the endpoint's {what}"
    )
