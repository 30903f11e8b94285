"""Check what an update would do to an endpoint: pure, from two templates and the live endpoint.

Sources: SageMaker AI developer guide, `endpoint-scaling-update` (no change of type, no removal of a variant
that is registered), `deployment-guardrails` (canary and linear shift parts of a fleet); API reference,
UpdateEndpoint (the endpoint must be InService; RetainAllVariantProperties); CloudFormation user guide,
`using-cfn-updating-stacks` (resources are created and updated first, and deleted at the end).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mme.aws.template_resolver import is_known
from mme.operate.endpoint_state import EndpointState, VariantState
from mme.operate.preflight.findings import Effect, PreflightFinding, finding
from mme.operate.preflight.template import EndpointPlan, StackTemplate, VariantPlan
from mme.operate.scaling_state import DIMENSION, scaling_resource_id

_IN_PARTS = ("CANARY", "LINEAR", "ROLLING")
_NEEDED_INSTANCES = 2


@dataclass(frozen=True)
class Commands:
    """The commands of this deployment, for hints.

    Attributes:
        place: File or construct to edit.
        deploy: Command that deploys.
        check: Command that runs preflight again.
    """

    place: str
    deploy: str
    check: str


@dataclass(frozen=True)
class EndpointChange:
    """An endpoint that exists before and after the deployment.

    Attributes:
        name: Name of the deployed endpoint.
        before: As in the deployed template, `old`.
        after: As in the new template, `new`.
        live: As it runs; None if it was deleted.
        registered: Variants that are scalable targets.
    """

    name: str
    before: EndpointPlan
    after: EndpointPlan
    old: StackTemplate
    new: StackTemplate
    live: EndpointState | None
    registered: frozenset[str]

    @property
    def is_update(self) -> bool:
        """Whether SageMaker moves the endpoint to a new config."""
        return self.before.content != self.after.content

    def finding(
        self, effect: Effect, code: str, message: str, reason: str = "", hint: str = ""
    ) -> PreflightFinding:
        """Return a finding about the endpoint; see `finding`."""
        return finding(effect, code, self.name, message, reason, hint)

    def undecided(self, what: str, reason: str) -> PreflightFinding:
        """Return a finding about what only the deployment knows.

        Args:
            what: The question, as a clause that starts with `whether` or the like.
            reason: Why it matters.
        """
        return self.finding(Effect.WARNING, "undecided", f"preflight can't determine {what}", reason)


def check_change(change: EndpointChange, commands: Commands) -> Iterator[PreflightFinding]:
    """Check an endpoint that exists before and after the deployment.

    Args:
        change: The endpoint.
        commands: Commands for hints.
    """
    live = change.live
    if live is None:
        yield change.finding(
            Effect.FAILS if change.is_update else Effect.WARNING,
            "endpoint-gone",
            "the stack has this endpoint, but SageMaker does not",
            "it was deleted outside CloudFormation, which can't update it and does not create it again",
            "remove the endpoint from the app and deploy, then add it again and deploy",
        )
        return
    if live.config_deleted:
        yield change.finding(
            Effect.NOTE if change.is_update else Effect.WARNING,
            "config-deleted",
            f"the endpoint config {live.config} is gone: it was deleted outside CloudFormation",
            "this deployment creates a new one"
            if change.is_update
            else "this deployment does not change the config, so CloudFormation does not create it again",
            "" if change.is_update else "change it, such as the image version or the instance count",
        )
    found = [
        *_status(change, live),
        *_variants(change, live, commands),
        *_guardrails(change, live),
        *_counts(change, live),
        *_scaling(change, live),
        *_models(change),
    ]
    yield from found
    if change.is_update and not any(one.effect is Effect.FAILS for one in found):
        message = "the endpoint moves to a new config in place; its name and URL stay"
        yield change.finding(Effect.NOTE, "endpoint-updated", message)


def _status(change: EndpointChange, live: EndpointState) -> Iterator[PreflightFinding]:
    if live.status == "InService":
        return
    yield change.finding(
        Effect.FAILS if change.is_update else Effect.WARNING,
        "endpoint-busy" if live.in_progress else "endpoint-failed",
        f"the endpoint is {live.status}, not InService"
        + (f": {live.failure_reason}" if live.failure_reason else ""),
        "SageMaker updates only endpoints that are in service",
        "wait until it is in service, then try again"
        if live.in_progress
        else "fix the cause, or delete the endpoint's stack and deploy it again: its models stay",
    )


def _variants(change: EndpointChange, live: EndpointState, commands: Commands) -> Iterator[PreflightFinding]:
    if not change.after.variants:
        if change.is_update:
            yield change.undecided(
                f"the variants of the endpoint config {change.after.config_name}",
                "it is neither in the template nor in SageMaker, so instance types were not compared",
            )
        return
    for variant in live.variants:
        plan = change.after.variants.get(variant.name)
        if plan is None:
            yield _removed(change, variant)
        elif plan.instance_type is not None and not is_known(plan.instance_type):
            if variant.name in change.registered and change.before.variants.get(variant.name) != plan:
                yield change.undecided(
                    f"whether the instance type of {variant.name} changes: it becomes {plan.instance_type}, "
                    "which only the deployment knows",
                    f"it runs on {variant.instance_type}, registered for scaling, so a change would fail",
                )
        elif not variant.instance_type:
            if variant.name in change.registered and change.is_update:
                what = f"the current instance type of {variant.name}"
                yield change.undecided(what, "its endpoint config was deleted")
        elif plan.instance_type != variant.instance_type:
            yield _type_change(change, variant, plan, commands)


def _type_change(
    change: EndpointChange, variant: VariantState, plan: VariantPlan, commands: Commands
) -> PreflightFinding:
    what = f"the instance type of {variant.name} changes from {variant.instance_type} to {plan.instance_type}"
    if variant.name not in change.registered:
        message = f"{what}; it is not registered for scaling, so this works"
        return change.finding(Effect.NOTE, "instance-type-changed", message)
    target = change.old.scalable_target(change.before, change.name, variant.name)
    in_stack = target is not None
    return change.finding(
        Effect.FAILS,
        "instance-type",
        f"{what} while it is registered as a scalable target",
        "SageMaker refuses that update, and the stack rolls back. Removing the scaling in the same "
        "deployment does not help: CloudFormation deletes only after it has updated the endpoint",
        _change_type_hint(commands, change.name, variant, plan.instance_type or "", in_stack=in_stack),
    )


def _change_type_hint(
    commands: Commands, endpoint: str, variant: VariantState, instance_type: str, *, in_stack: bool
) -> str:
    """Return how to change the type by two deployments, each after a change of one line."""
    if not in_stack:
        lines = [
            "no stack of this app registered it; deregister it, deploy, and register it again:",
            "  $ aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
            f"--scalable-dimension {DIMENSION} --resource-id {scaling_resource_id(endpoint, variant.name)}",
            f"  $ {commands.deploy}",
        ]
        return "\n".join(lines)
    instances = "instance" if variant.instances == 1 else "instances"
    now, then = f'instance_type="{variant.instance_type}",', f'instance_type="{instance_type}",'
    add = f"next_{then}"
    width = max(len(now), len(add))
    lines = [
        f"two deployments change it, each after one line in {commands.place}:",
        f"  1  {now:<{width}}  # stays",
        f"     {add:<{width}}  # add: removes the scaling, does not touch the endpoint",
        f"     $ {commands.deploy}",
        f"  2  {then:<{width}}  # change: changes the type, adds the scaling again",
        f"     $ {commands.check} && {commands.deploy}",
        f"between them {variant.name} has its {variant.instances} {instances} at any load",
    ]
    return "\n".join(lines)


def _removed(change: EndpointChange, variant: VariantState) -> PreflightFinding:
    if variant.name in change.registered:
        return change.finding(
            Effect.FAILS,
            "variant-removed",
            f"the variant {variant.name} is removed while it is registered as a scalable target",
            "SageMaker refuses that update, and the stack rolls back",
            f"deploy once without auto_scale_instance_count for {variant.name}, and then without the variant",
        )
    if change.after.strategy:
        return change.finding(
            Effect.FAILS,
            "variant-renamed",
            f"the variant {variant.name} is not in the new config, which is deployed {change.after.strategy}",
            "deployment guardrails need the same variants in the old and the new config",
            "keep the variant's name, or deploy this change without a deployment strategy",
        )
    return change.finding(
        Effect.WARNING,
        "variant-changed",
        f"the variant {variant.name} with {variant.instances} instances is not in the new config",
        "its metrics, alarms and scaling end",
    )


def _guardrails(change: EndpointChange, live: EndpointState) -> Iterator[PreflightFinding]:
    if not change.is_update or change.after.strategy not in _IN_PARTS:
        return
    for plan in change.after.variants.values():
        running = live.variant(plan.name) if change.after.keeps_counts else None
        count = running.instances if running else plan.instance_count
        if count is not None and count < _NEEDED_INSTANCES:
            yield change.finding(
                Effect.FAILS,
                "one-instance",
                f"a {change.after.strategy.lower()} deployment of {plan.name} with {count} instance",
                "it moves at most half of the fleet at a time, and one instance has no half",
                "run two before: aws sagemaker update-endpoint-weights-and-capacities --endpoint-name "
                f"{change.name} --desired-weights-and-capacities "
                f"VariantName={plan.name},DesiredInstanceCount={_NEEDED_INSTANCES}"
                if running
                else f"set initial_instance_count to {_NEEDED_INSTANCES} or more",
            )


def _counts(change: EndpointChange, live: EndpointState) -> Iterator[PreflightFinding]:
    if not change.is_update:
        return
    for plan in change.after.variants.values():
        before = change.before.variants.get(plan.name)
        if change.after.keeps_counts and before and before.instance_count != plan.instance_count:
            yield change.finding(
                Effect.WARNING,
                "count-ignored",
                f"the initial count of {plan.name} changes from {before.instance_count} to "
                f"{plan.instance_count} instances, which has no effect: the live count is retained",
                "it is a new endpoint config all the same, so the whole fleet is replaced",
                "leave it as it is; the scaling's min_capacity and max_capacity set the count",
            )
        if change.after.keeps_counts:
            continue
        variant = live.variant(plan.name)
        if variant and plan.instance_count is not None and plan.instance_count < variant.instances:
            yield change.finding(
                Effect.WARNING,
                "fewer-instances",
                f"{plan.name} goes from the {variant.instances} instances it has now to its initial "
                f"count of {plan.instance_count}",
                "the update does not retain the live count, though the load has not changed",
                f"set retain_variant_properties=True, or raise initial_instance_count to {variant.instances}",
            )


def _scaling(change: EndpointChange, live: EndpointState) -> Iterator[PreflightFinding]:
    for variant in live.variants:
        before = change.old.scalable_target(change.before, change.name, variant.name)
        after = change.new.scalable_target(change.after, change.name, variant.name)
        if variant.name in change.registered and before and not after:
            message = (
                f"{variant.name} is not scaled any more: it keeps its {variant.instances} instances "
                "until it is registered again"
            )
            yield change.finding(Effect.NOTE, "scaling-removed", message)
        if variant.name not in change.registered and after and not before:
            yield change.finding(Effect.NOTE, "scaling-added", f"{variant.name} will be scaled")
        if variant.name not in change.registered and before and after:
            yield change.finding(
                Effect.WARNING,
                "scaling-lost",
                f"{variant.name} is not registered for scaling, although its stack has {before.logical_id}",
                "it was deregistered outside CloudFormation, which does not register it again",
                "deploy once without auto_scale_instance_count, then with it",
            )


def _models(change: EndpointChange) -> Iterator[PreflightFinding]:
    for name, plan in change.after.variants.items():
        before = change.before.variants.get(name)
        if before is None or before.models_url == plan.models_url or not before.models_url:
            continue
        old, new = before.models_url, plan.models_url or "no multi-model container"
        known = is_known(old) and is_known(new)
        if not known and _key_prefix(old) == _key_prefix(new):
            yield change.undecided(
                f"whether {name} keeps its models: their location changes from {old} to {new}",
                "in another bucket, the endpoint finds none of the models that are published now",
            )
            continue
        yield change.finding(
            Effect.LOSES,
            "models-moved",
            f"the location of {name}'s models changes from {old} to {new}",
            "the endpoint then finds none of the models that are published now, and every call of them fails",
            f"copy them before: aws s3 sync {old} {new}" if known else "copy the models there before",
        )


def _key_prefix(url: str) -> str:
    return url.removeprefix("s3://").partition("/")[2] if url.startswith("s3://") else url
