"""Application Auto Scaling that knows which variants there are."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, Final, cast
from zoneinfo import available_timezones

from moto.applicationautoscaling import urls
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import (
    ApplicationAutoscalingBackend,
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
)
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.exceptions import AWSValidationException as SageMakerValidationException
from moto.sagemaker.models import sagemaker_backends

from mme.catalog import limits
from mme_local.aws.sagemaker.models import SCALABLE_DIMENSION, EmbeddedSageMaker

_SPECIFICATIONS: Final = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")


class EmbeddedScaling(ApplicationAutoscalingBackend):
    """moto's Application Auto Scaling, which takes targets and policies that AWS refuses."""

    @property
    def _url_module(self) -> ModuleType:
        """moto's routes; by default moto looks next to the backend's class."""
        return urls

    def register_scalable_target(
        self,
        namespace: str,
        r_id: str,
        dimension: str,
        min_capacity: int | None,
        max_capacity: int | None,
        role_arn: str,
        suspended_state: str,
    ) -> FakeScalableTarget:
        """RegisterScalableTarget, of a variant that exists; a bound that is not given does not change.

        Source of the required bounds: botocore, `RegisterScalableTargetRequest`. AWS publishes no messages
        for these.
        """
        match r_id.split("/"):
            case ["endpoint", endpoint, "variant", variant] if dimension == SCALABLE_DIMENSION:
                try:
                    self._sagemaker.check_variant(endpoint, variant)
                except SageMakerValidationException as error:
                    raise AWSValidationException(error.message) from None
        known = self.targets.get(dimension, {}).get(r_id)
        least = known.min_capacity if known and min_capacity is None else min_capacity
        most = known.max_capacity if known and max_capacity is None else max_capacity
        if least is None or most is None:
            raise AWSValidationException(
                "MinCapacity and MaxCapacity are required to register a new scalable target"
            )
        if least < 0:
            raise AWSValidationException("Minimum capacity cannot be less than 0")
        if most < least:
            raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
        return super().register_scalable_target(
            namespace, r_id, dimension, min_capacity, max_capacity, role_arn, suspended_state
        )

    def deregister_scalable_target(self, namespace: str, r_id: str, dimension: str) -> None:
        """DeregisterScalableTarget, which deletes the target's policies and scheduled actions.

        Source: botocore, operation `DeregisterScalableTarget`.
        """
        super().deregister_scalable_target(namespace, r_id, dimension)
        target = (namespace, r_id, dimension)
        for policy in [*self.policies.values()]:
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == target:
                self.delete_scaling_policy(policy.policy_name, *target)
        self.scheduled_actions = [
            action
            for action in self.scheduled_actions
            if (action.service_namespace, action.resource_id, action.scalable_dimension) != target
        ]

    def put_scaling_policy(
        self,
        policy_name: str,
        service_namespace: str,
        resource_id: str,
        scalable_dimension: str,
        policy_body: dict[str, Any],
        policy_type: str | None,
    ) -> FakeApplicationAutoscalingPolicy:
        """PutScalingPolicy: a target has one target-tracking policy for each metric.

        AWS publishes no messages for these.
        """
        self._check_target(service_namespace, resource_id, scalable_dimension)
        tracked = _tracked(policy_body)
        if policy_type == "TargetTrackingScaling" and policy_body is not None and len(tracked) != 1:
            raise AWSValidationException("A target tracking policy needs exactly one metric specification.")
        for policy in self.policies.values():
            same = (policy.resource_id, policy.scalable_dimension) == (resource_id, scalable_dimension)
            body = policy.target_tracking_scaling_policy_configuration
            if tracked and same and policy.policy_name != policy_name and _tracked(body) == tracked:
                raise AWSValidationException(
                    "Only one TargetTrackingScaling policy for a given metric specification is allowed."
                )
        return super().put_scaling_policy(
            policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type
        )

    def put_scheduled_action(
        self,
        service_namespace: str,
        schedule: str,
        timezone: str,
        scheduled_action_name: str,
        resource_id: str,
        scalable_dimension: str,
        *rest: Any,
        **options: Any,
    ) -> None:
        """PutScheduledAction, of a target that is registered, with a schedule and a time zone that exist.

        AWS publishes no messages for these.
        """
        self._check_target(service_namespace, resource_id, scalable_dimension)
        if schedule and not re.fullmatch(limits.SCHEDULE_PATTERN, schedule):
            raise AWSValidationException(f"Invalid schedule expression: {schedule}")
        if timezone and timezone not in available_timezones():
            raise AWSValidationException(f"Invalid time zone: {timezone}")
        super().put_scheduled_action(
            service_namespace,
            schedule,
            timezone,
            scheduled_action_name,
            resource_id,
            scalable_dimension,
            *rest,
            **options,
        )

    def _check_target(self, namespace: str, resource_id: str, dimension: str) -> None:
        if resource_id not in self.targets.get(dimension, {}):
            raise JsonRESTError(
                "ObjectNotFoundException",
                f"No scalable target registered for service namespace: {namespace}, resource ID: "
                f"{resource_id}, scalable dimension: {dimension}",
            )

    @property
    def _sagemaker(self) -> EmbeddedSageMaker:
        return cast(EmbeddedSageMaker, sagemaker_backends[self.account_id][self.region_name])


def _tracked(body: dict[str, Any] | None) -> list[Any]:
    """Return the metric specification of a target-tracking policy; empty for other policies."""
    return [body[name] for name in _SPECIFICATIONS if name in body] if body else []
