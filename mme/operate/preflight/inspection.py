"""Compare the synthesized stacks with the deployed ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from mme.aws.settings import Settings
from mme.aws.template_resolver import is_known
from mme.errors import MmeError
from mme.operate.endpoint_state import EndpointState
from mme.operate.preflight.account import Account
from mme.operate.preflight.assembly import SynthesizedStack, all_stacks, find_stack
from mme.operate.preflight.endpoint_checks import Commands, EndpointChange, check_change
from mme.operate.preflight.findings import Effect, PreflightFinding, PreflightReport, finding, ordered
from mme.operate.preflight.quota_checks import check_quotas, new_instances
from mme.operate.preflight.right_checks import check_rights
from mme.operate.preflight.stack_checks import (
    NOTHING_DEPLOYED,
    check_data,
    check_fixed_names,
    check_log_groups,
    check_names,
    check_nested,
    check_scaling_policies,
    check_status,
)
from mme.operate.preflight.template import NESTED_STACK, EndpointPlan, StackTemplate, VariantPlan
from mme.operate.stacks import StackState

Connect = Callable[[Settings, str | None], Account]


def inspect(settings: Settings, folder: Path, connect: Connect) -> PreflightReport:
    """Find out what deploying the environment's stacks would do. Reads only.

    Args:
        settings: The environment or stack, and how to reach AWS.
        folder: The cloud assembly.
        connect: Returns the account for the settings and the assembly's region.

    Raises:
        MmeError: The assembly lacks the stack or names another account.
    """
    stack = find_stack(folder, settings.stack_name, region=settings.region, hint=_synth(settings))
    account = connect(settings, stack.region)
    findings: list[PreflightFinding] = []
    first = False
    stacks = all_stacks(stack)
    for one in stacks:
        deployed = account.stack(one.name)
        _require_account(one, deployed.account if deployed else account.id())
        comparison = _Comparison(one, deployed, account, _commands(settings, stack))
        if one is stack:
            first = comparison.old is None and comparison.is_new
            comparison.require_endpoints()
        findings += comparison.findings()
    return PreflightReport(
        stack.name, account.region, first, ordered(findings), stacks=tuple(one.name for one in stacks)
    )


class _Comparison:
    """One stack, before and after."""

    def __init__(
        self, stack: SynthesizedStack, deployed: StackState | None, account: Account, commands: Commands
    ) -> None:
        self._stack = stack
        self._account = account
        self._commands = commands
        self.is_new = deployed is None or deployed.status in NOTHING_DEPLOYED
        self._deployed = None if self.is_new else deployed
        pseudo = {"AWS::Region": account.region, "AWS::StackName": stack.name}
        parameters = self._deployed.parameters if self._deployed else {}
        self.new = StackTemplate(stack.template, parameters, pseudo)
        template = account.template(stack.name) if self._deployed else None
        self.old = StackTemplate(template, parameters, pseudo) if template is not None else None

    def require_endpoints(self) -> None:
        """Refuse a stack without an endpoint: another one was meant.

        Raises:
            MmeError: Neither template has an endpoint.
        """
        if self.new.endpoints() or self.new.of_type(NESTED_STACK):
            return
        if self.old is None or not self.old.endpoints():
            raise MmeError(
                f"the stack {self._stack.name} has no AWS::SageMaker::Endpoint",
                hint="name the serving stack with --stack",
            )

    def findings(self) -> Iterator[PreflightFinding]:
        """Yield the findings of this stack."""
        yield from check_nested(self._stack.name, self.new)
        after = self.new.endpoints()
        if self._deployed is not None:
            yield from check_status(self._deployed)
        if self.is_new or self.old is not None:
            yield from check_log_groups(self.old, self.new, self._account.has_log_group)
        if self.old is None:
            yield from self._without_old()
            yield from check_names(self._stack.name, {}, after, names={}, taken=self._taken(after))
            for plan in after.values() if self.is_new else ():
                yield from self._quotas(plan.name or plan.logical_id, plan, None)
            return
        before = self.old.endpoints()
        names = {id: self._name(plan) for id, plan in before.items()}
        stays = {
            id: plan
            for id, plan in after.items()
            if id in before and plan.name in (before[id].name, names[id])
        }
        moved = {id: plan for id, plan in after.items() if id not in stays}
        yield from check_names(self._stack.name, before, after, names=names, taken=self._taken(moved))
        yield from check_data(self._stack.name, self.old, self.new)
        yield from check_fixed_names(self.old, self.new)
        yield from check_scaling_policies(self.old, self.new)
        updated = any(plan.content != before[id].content for id, plan in stays.items())
        yield from check_rights(self.old, self.new, updated=updated)
        for id, plan in stays.items():
            live = self._account.endpoint(names[id])
            registered = self._account.registered(live) if live else frozenset()
            configured = self._with_config(plan)
            change = EndpointChange(names[id], before[id], configured, self.old, self.new, live, registered)
            yield from check_change(change, self._commands)
            if change.is_update and live is not None:
                yield from self._quotas(names[id], configured, live)
        for plan in moved.values():
            yield from self._quotas(plan.name or plan.logical_id, plan, None)

    def _quotas(
        self, name: str, plan: EndpointPlan, live: EndpointState | None
    ) -> Iterator[PreflightFinding]:
        """Check the quotas of an endpoint that is created, or updated from what runs."""
        types = {kind for kind in new_instances(plan, live) if is_known(kind)}
        yield from check_quotas(name, plan, live, self._account.quota_room(name, types))

    def _without_old(self) -> Iterator[PreflightFinding]:
        name = self._stack.name
        if self._deployed is None:
            message = f"the stack does not exist in {self._account.region} yet: this deployment creates it"
            yield finding(Effect.NOTE, "first-deployment", name, message)
        else:
            message = "preflight can't read the deployed template, which is not JSON: nothing was compared"
            reason = "the CDK deploys JSON, so another tool deployed this stack last"
            yield finding(Effect.WARNING, "undecided", name, message, reason)

    def _name(self, plan: EndpointPlan) -> str:
        """Return the actual name, from CloudFormation if the template has none that is known."""
        if plan.name is not None and is_known(plan.name):
            return plan.name
        return self._account.physical_name(self._stack.name, plan.logical_id)

    def _with_config(self, plan: EndpointPlan) -> EndpointPlan:
        """Add the variants of a config that is in SageMaker but not in the template."""
        if not plan.config_name or not is_known(plan.config_name):
            return plan
        types = self._account.instance_types(plan.config_name)
        variants = {name: VariantPlan(name, type, None, None) for name, type in types.items()}
        return dataclasses.replace(plan, variants=variants)

    def _taken(self, plans: dict[str, EndpointPlan]) -> set[str]:
        """Return the names that existing endpoints have."""
        names = {plan.name for plan in plans.values() if plan.name and is_known(plan.name)}
        return {name for name in names if self._account.endpoint(name) is not None}


def _require_account(stack: SynthesizedStack, found: str) -> None:
    if stack.account is not None and found and stack.account != found:
        raise MmeError(
            f"the credentials are for account {found}, and the assembly deploys {stack.name} to "
            f"{stack.account}",
            hint="use credentials of that account: --profile",
        )


def _synth(settings: Settings) -> str:
    return "cdk synth --quiet" if settings.stack else f"cdk synth --quiet -c env={settings.env}"


def _commands(settings: Settings, stack: SynthesizedStack) -> Commands:
    if settings.stack:
        env = "" if settings.is_local else f"--env {settings.env} "
        return Commands(
            place=f"the MultiModelEndpoint of {stack.display_name}",
            deploy=f"cdk deploy '{stack.display_name}'",
            check=f"{_synth(settings)} && mme {env}--stack {settings.stack} endpoint preflight",
        )
    return Commands(
        place=f"stacks/environments.py, environment {settings.env}",
        deploy=f"cdk deploy -c env={settings.env} '{settings.env}/*'",
        check=f"{_synth(settings)} && mme --env {settings.env} endpoint preflight",
    )
