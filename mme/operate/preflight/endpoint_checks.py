"""What an update would do to an endpoint: pure, from two templates and what runs.

Sources: SageMaker AI developer guide, `endpoint-scaling-update` (no change of type, no removal of a variant
that is registered), `deployment-guardrails` (canary and linear shift parts of a fleet); API reference,
UpdateEndpoint (the endpoint must be InService; RetainAllVariantProperties); CloudFormation user guide,
`using-cfn-updating-stacks` (resources are made and updated first, and deleted at the end).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mme.operate.preflight.findings import Effect, Finding
from mme.operate.preflight.live import LiveEndpoint, LiveVariant
from mme.operate.preflight.resolution import is_known
from mme.operate.preflight.template import EndpointPlan, StackTemplate, VariantPlan
from mme.operate.preflight.two_phases import Advice

_IN_PARTS = ("CANARY", "LINEAR", "ROLLING")
_NEEDED_INSTANCES = 2


@dataclass(frozen=True)
class EndpointChange:
    """An endpoint that is there before and after.

    Attributes:
        name: the deployed one's.
        before: as the deployed template has it.
        after: as the new template has it.
        old: the deployed template.
        new: the new template.
        live: what runs; None where it does not exist any more.
    """

    name: str
    before: EndpointPlan
    after: EndpointPlan
    old: StackTemplate
    new: StackTemplate
    live: LiveEndpoint | None

    @property
    def is_update(self) -> bool:
        """Whether anything changes that makes SageMaker move the endpoint to a new config."""
        return self.before.content != self.after.content


def check_change(change: EndpointChange, advice: Advice) -> Iterator[Finding]:
    """What a deployment does to an endpoint that stays."""
    live = change.live
    if live is None:
        yield _finding(
            "endpoint-gone",
            Effect.FAILS if change.is_update else Effect.WARNING,
            change,
            "the stack has this endpoint, but SageMaker does not",
            "somebody deleted it by hand; CloudFormation can't update what is not there, nor makes it again",
            "take the endpoint out of the app and deploy, then put it back and deploy",
        )
        return
    found = [
        *_status(change, live),
        *_variants(change, live, advice),
        *_guardrails(change, live),
        *_counts(change, live),
        *_scaling(change, live),
        *_models(change),
    ]
    yield from found
    if change.is_update and not any(finding.effect is Effect.FAILS for finding in found):
        yield _finding(
            "endpoint-updated",
            Effect.NOTE,
            change,
            "the endpoint moves to a new config in place; its name and URL stay",
        )


def _status(change: EndpointChange, live: LiveEndpoint) -> Iterator[Finding]:
    if live.status == "InService":
        return
    busy = live.status in ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
    yield _finding(
        "endpoint-busy" if busy else "endpoint-failed",
        Effect.FAILS if change.is_update else Effect.WARNING,
        change,
        f"the endpoint is {live.status}, not InService" + (f": {live.failure}" if live.failure else ""),
        "SageMaker updates an endpoint in service only",
        "wait until it is in service, then try again"
        if busy
        else "mend what made it fail, or delete the endpoint's stack and deploy it again: its models stay",
    )


def _variants(change: EndpointChange, live: LiveEndpoint, advice: Advice) -> Iterator[Finding]:
    if not change.after.variants:
        if change.is_update:
            yield _undecided(
                change,
                f"what the endpoint config {change.after.config_name} has",
                "it is neither in the template nor in SageMaker, so instance types were not compared",
            )
        return
    touched: dict[str, VariantPlan] = {}
    for variant in live.variants.values():
        plan = change.after.variants.get(variant.name)
        if plan is None:
            yield from _removed(change, variant)
        elif plan.instance_type is not None and not is_known(plan.instance_type):
            yield from _undecided_type(change, variant, plan)
        elif variant.instance_type is None and variant.registered and change.is_update:
            yield _undecided(
                change, f"the instance type of {variant.name} as it runs", "its endpoint config is deleted"
            )
        elif variant.instance_type is not None and plan.instance_type != variant.instance_type:
            touched[variant.name] = plan
    registered = [live.variants[name] for name in touched if live.variants[name].registered]
    for variant in registered:
        target = change.old.scalable_target(change.before, change.name, variant.name)
        to = touched[variant.name].instance_type
        yield Finding(
            code="instance-type",
            effect=Effect.FAILS,
            subject=change.name,
            message=f"the instance type of {variant.name} changes from {variant.instance_type} to {to} while "
            "it is registered as a scalable target",
            reason="SageMaker refuses that update, and the stack rolls back. To remove the scaling in the "
            "same deployment does not help: CloudFormation deletes only after it has updated the endpoint",
            way_out=advice.change_type(change.name, variant, to or "", in_stack=target is not None),
        )
    for name, plan in touched.items():
        variant = live.variants[name]
        if not variant.registered:
            yield _finding(
                "instance-type-changed",
                Effect.NOTE,
                change,
                f"the instance type of {name} changes from {variant.instance_type} to "
                f"{plan.instance_type}; it is not registered for scaling, so it can",
            )


def _removed(change: EndpointChange, variant: LiveVariant) -> Iterator[Finding]:
    if variant.registered:
        yield _finding(
            "variant-removed",
            Effect.FAILS,
            change,
            f"the variant {variant.name} goes while it is registered as a scalable target",
            "SageMaker refuses that update, and the stack rolls back",
            f"deploy once without auto_scale_instance_count for {variant.name}, and then without the variant",
        )
    elif change.after.strategy:
        yield _finding(
            "variant-renamed",
            Effect.FAILS,
            change,
            f"the variant {variant.name} is not in the new config, which is deployed {change.after.strategy}",
            "deployment guardrails want the same variants in the old and the new config",
            "keep the variant's name, or deploy this change without a deployment strategy",
        )
    else:
        yield _finding(
            "variant-changed",
            Effect.WARNING,
            change,
            f"the variant {variant.name} with {variant.instance_count} instances is not in the new config",
            "metrics, alarms and scaling that name it end",
        )


def _undecided_type(change: EndpointChange, variant: LiveVariant, plan: VariantPlan) -> Iterator[Finding]:
    if variant.registered and change.before.variants.get(variant.name) != plan:
        yield _undecided(
            change,
            f"whether the instance type of {variant.name} changes: it becomes {plan.instance_type}, which "
            "only the deployment knows",
            f"it runs on {variant.instance_type} and is registered for scaling, so that a change would fail",
        )


def _guardrails(change: EndpointChange, live: LiveEndpoint) -> Iterator[Finding]:
    if not change.is_update or change.after.strategy not in _IN_PARTS:
        return
    for plan in change.after.variants.values():
        count = _count_after(change, live, plan)
        if count is not None and count < _NEEDED_INSTANCES:
            kept = change.after.keeps_counts and plan.name in live.variants
            yield _finding(
                "one-instance",
                Effect.FAILS,
                change,
                f"a {change.after.strategy.lower()} deployment of {plan.name} with {count} instance",
                "it moves a part of the fleet at a time, at most half of it, and one instance has no half",
                f"run two before: aws sagemaker update-endpoint-weights-and-capacities --endpoint-name "
                f"{change.name} --desired-weights-and-capacities "
                f"VariantName={plan.name},DesiredInstanceCount={_NEEDED_INSTANCES}"
                if kept
                else f"set initial_instance_count to {_NEEDED_INSTANCES} or more",
            )


def _counts(change: EndpointChange, live: LiveEndpoint) -> Iterator[Finding]:
    if not change.is_update or change.after.keeps_counts:
        return
    for plan in change.after.variants.values():
        variant = live.variants.get(plan.name)
        if variant and plan.instance_count is not None and plan.instance_count < variant.instance_count:
            yield _finding(
                "fewer-instances",
                Effect.WARNING,
                change,
                f"{plan.name} goes from the {variant.instance_count} instances it has now to its initial "
                f"count of {plan.instance_count}",
                "the update does not keep the live count, and the load that asked for it is still there",
                "set retain_variant_properties=True, or raise initial_instance_count to "
                f"{variant.instance_count}",
            )


def _scaling(change: EndpointChange, live: LiveEndpoint) -> Iterator[Finding]:
    for variant in live.variants.values():
        before = change.old.scalable_target(change.before, change.name, variant.name)
        after = change.new.scalable_target(change.after, change.name, variant.name)
        if variant.registered and before and not after:
            yield _finding(
                "scaling-removed",
                Effect.NOTE,
                change,
                f"{variant.name} is no longer scaled: it keeps its {variant.instance_count} instances until "
                "it is registered again",
            )
        if not variant.registered and after and not before:
            yield _finding("scaling-added", Effect.NOTE, change, f"{variant.name} is scaled from then on")
        if not variant.registered and before and after:
            yield _finding(
                "scaling-lost",
                Effect.WARNING,
                change,
                f"{variant.name} is not registered for scaling, although its stack has {before.logical_id}",
                "somebody deregistered it by hand; to CloudFormation it is still there, so this deployment "
                "does not bring it back",
                "deploy once without auto_scale_instance_count, then with it",
            )


def _models(change: EndpointChange) -> Iterator[Finding]:
    for name, plan in change.after.variants.items():
        before = change.before.variants.get(name)
        if before is None or before.models_url == plan.models_url or not before.models_url:
            continue
        old, new = before.models_url, plan.models_url or "no multi-model container"
        if _key_prefix(old) == _key_prefix(new) and not (is_known(old) and is_known(new)):
            yield _undecided(
                change,
                f"whether {name} keeps its models: their place changes from {old} to {new}",
                "if it is another bucket, the endpoint finds none of the models that are published now",
            )
            continue
        yield _finding(
            "models-moved",
            Effect.LOSES,
            change,
            f"the place of {name}'s models changes from {old} to {new}",
            "the endpoint then finds none of the models that are published now, and every call of them fails",
            f"copy them before: aws s3 sync {old} {new}"
            if is_known(old) and is_known(new)
            else "copy the models to the new place before",
        )


def _count_after(change: EndpointChange, live: LiveEndpoint, plan: VariantPlan) -> int | None:
    if change.after.keeps_counts and plan.name in live.variants:
        return live.variants[plan.name].instance_count
    return plan.instance_count


def _key_prefix(url: str) -> str:
    return url.removeprefix("s3://").partition("/")[2] if url.startswith("s3://") else url


def _undecided(change: EndpointChange, what: str, reason: str) -> Finding:
    return _finding("undecided", Effect.WARNING, change, f"preflight can't tell {what}", reason)


def _finding(
    code: str, effect: Effect, change: EndpointChange, message: str, reason: str = "", *way_out: str
) -> Finding:
    return Finding(
        code=code, effect=effect, subject=change.name, message=message, reason=reason, way_out=way_out
    )
