"""What the endpoints of a cloud assembly cost in a month, and how that differs from what is deployed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mme.aws.settings import LOCAL_ENVIRONMENT, Settings
from mme.aws.template_resolver import is_known
from mme.catalog.prices import Price, PriceList, check_type
from mme.errors import MmeError
from mme.operate.aws_errors import explain_aws_error
from mme.operate.endpoint_state import EndpointState
from mme.operate.preflight.account import Account
from mme.operate.preflight.assembly import SynthesizedStack, every_stack
from mme.operate.preflight.template import EndpointPlan, StackTemplate, VariantPlan
from mme.plan.cost.comparison import Range

Connect = Callable[[Settings, str | None], Account]


@dataclass(frozen=True, slots=True)
class Capacity:
    """The instances of a variant.

    Attributes:
        instance_type: Such as `ml.g5.xlarge`.
        instances: Between its least and most when it scales.
        usd: For all hours; None without a price.
    """

    instance_type: str
    instances: Range
    usd: Range | None


@dataclass(frozen=True, slots=True)
class VariantCost:
    """A variant of an endpoint in the assembly, and the deployed one of the same name.

    Attributes:
        stack: Path in the app: `prod/Serving`.
        endpoint: Name of the endpoint, or its logical id if CloudFormation generates the name.
        variant: Its name.
        region: Region of the price.
        planned: As in the template; None if the template does not have type and number of instances.
        deployed: As deployed; None if there is none, or it was not read.
        compared: Whether what is deployed was read.
        price: Of an instance as in the template.
    """

    stack: str
    endpoint: str
    variant: str
    region: str
    planned: Capacity | None
    deployed: Capacity | None
    compared: bool
    price: Price | None

    @property
    def change(self) -> Range | None:
        """What the deployment adds to the bill, USD; None if it is not known."""
        if not self.compared or self.planned is None or self.planned.usd is None:
            return None
        if self.deployed is None:
            return self.planned.usd
        return None if self.deployed.usd is None else self.planned.usd - self.deployed.usd


@dataclass(frozen=True, slots=True)
class AssemblyCost:
    """The costs of an assembly.

    Attributes:
        variants: In the order of the assembly.
        not_compared: Reason by stack, if what is deployed could not be read.
        free: Stacks of the local environment, which costs nothing.
    """

    variants: tuple[VariantCost, ...]
    not_compared: dict[str, str]
    free: tuple[str, ...]

    @property
    def total(self) -> Range:
        """USD of all variants with a price."""
        priced = [one.planned.usd for one in self.variants if one.planned and one.planned.usd]
        return Range(sum(one.least for one in priced), sum(one.most for one in priced))


def assembly_cost(
    settings: Settings, folder: Path, prices: PriceList, *, region: str, hours: float, connect: Connect
) -> AssemblyCost:
    """Return what the endpoints of an assembly cost, compared with what is deployed if that can be read.

    Args:
        settings: How to reach AWS; an environment or stack selects those stacks only.
        folder: The cloud assembly.
        prices: The prices.
        region: Region of stacks that name none.
        hours: Hours in which all instances run.
        connect: Returns the account for settings and a region.

    Raises:
        MmeError: There is no assembly, or it has no such stack or no endpoint.
    """
    stacks = _selected(every_stack(folder, "cdk synth --quiet"), settings, folder)
    reader = _Deployed(settings, connect)
    found: list[VariantCost] = []
    free: list[str] = []
    for stack in stacks:
        place = stack.region or region
        pseudo = {"AWS::Region": place, "AWS::StackName": stack.name}
        if stack.account is not None:
            pseudo["AWS::AccountId"] = stack.account
        template = StackTemplate(stack.template, {}, pseudo)
        endpoints = template.endpoints()
        if endpoints and _stage(stack) == LOCAL_ENVIRONMENT:
            free.append(stack.display_name)
            continue
        for plan in endpoints.values():
            live = reader.endpoint(stack, plan)
            for variant in plan.variants.values():
                found.append(_variant(stack, template, plan, variant, live, prices, place, hours))
    if not found and not free:
        raise MmeError(
            f"the cloud assembly {folder} has no AWS::SageMaker::Endpoint with its endpoint config",
            hint="name another assembly: --assembly DIR",
        )
    return AssemblyCost(tuple(found), reader.failures, tuple(free))


@dataclass(frozen=True, slots=True)
class _Live:
    """A deployed endpoint, or that there is none; `bounds` are those of scaled variants."""

    state: EndpointState | None
    bounds: dict[str, Range]


class _Deployed:
    """Reads deployed endpoints. A place that can't be reached is asked once.

    Args:
        settings: How to reach AWS.
        connect: Returns the account for settings and a region.
    """

    def __init__(self, settings: Settings, connect: Connect) -> None:
        self._settings = settings.model_copy(update={"env": "aws"})  # not the local endpoint
        self._connect = connect
        self._accounts: dict[str | None, Account | str] = {}
        self.failures: dict[str, str] = {}

    def endpoint(self, stack: SynthesizedStack, plan: EndpointPlan) -> _Live | None:
        """Return the deployed endpoint of a stack; None if it can't be read.

        Args:
            stack: The stack.
            plan: The endpoint in its template.
        """
        account = self._account(stack.region)
        if isinstance(account, str):
            self.failures[stack.display_name] = account
            return None
        try:
            return self._read(account, stack, plan)
        except Exception as error:
            explained = error if isinstance(error, MmeError) else explain_aws_error(error)
            if explained is None:
                raise
            self.failures[stack.display_name] = explained.message
            return None

    def _account(self, region: str | None) -> Account | str:
        """Return the account, or why it can't be read."""
        if region not in self._accounts:
            try:
                account = self._connect(self._settings, region)
                account.id()
                self._accounts[region] = account
            except Exception as error:
                explained = error if isinstance(error, MmeError) else explain_aws_error(error)
                if explained is None:
                    raise
                self._accounts[region] = explained.message
        return self._accounts[region]

    def _read(self, account: Account, stack: SynthesizedStack, plan: EndpointPlan) -> _Live:
        if stack.account is not None and account.id() != stack.account:
            raise MmeError(f"the credentials are for account {account.id()}, not for {stack.account}")
        if plan.name is not None and is_known(plan.name):
            name = plan.name
        elif account.stack(stack.name) is None:
            return _Live(None, {})
        else:
            name = account.physical_name(stack.name, plan.logical_id)
        state = account.endpoint(name)
        scaling = account.scaling(state) if state else ()
        return _Live(state, {one.variant: Range(one.minimum, one.maximum) for one in scaling})


def _variant(
    stack: SynthesizedStack,
    template: StackTemplate,
    plan: EndpointPlan,
    variant: VariantPlan,
    live: _Live | None,
    prices: PriceList,
    region: str,
    hours: float,
) -> VariantCost:
    name = plan.name if plan.name is not None and is_known(plan.name) else plan.logical_id
    type = variant.instance_type if is_known(variant.instance_type) else None
    if type is not None:
        check_type(type)
    target = template.scalable_target(plan, name, variant.name)
    bounds = _count(variant.instance_count) if target is None else _bounds(target.properties)

    def capacity(type: str | None, instances: Range | None) -> Capacity | None:
        if not type or instances is None:
            return None
        price = prices.hourly(type, region)
        usd = None if price is None else instances * (price.usd_per_hour * hours)
        return Capacity(type, instances, usd)

    running = live.state.variant(variant.name) if live is not None and live.state is not None else None
    deployed = None
    if live is not None and running is not None:
        scaled = live.bounds.get(variant.name)
        deployed = capacity(running.instance_type, scaled or _count(running.instances))
    return VariantCost(
        stack=stack.display_name,
        endpoint=name,
        variant=variant.name,
        region=region,
        planned=capacity(type, bounds),
        deployed=deployed,
        compared=live is not None,
        price=prices.hourly(type, region) if type else None,
    )


def _bounds(target: Any) -> Range | None:
    least, most = (_number(target.get(name)) for name in ("MinCapacity", "MaxCapacity"))
    return None if least is None or most is None else Range(least, most)


def _count(count: int | None) -> Range | None:
    return None if count is None else Range(count, count)


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None


def _selected(
    stacks: tuple[SynthesizedStack, ...], settings: Settings, folder: Path
) -> list[SynthesizedStack]:
    """Return the stacks of the environment or stack that the settings name; all if they name none."""
    by_stack = settings.stack is not None
    if not by_stack and "env" not in settings.model_fields_set:
        return list(stacks)
    wanted = [
        one
        for one in stacks
        if one.name == settings.stack_name or (not by_stack and _stage(one) == settings.env)
    ]
    if not wanted:
        listed = ", ".join(dict.fromkeys(one.display_name for one in stacks)) or "none"
        what = f"stack {settings.stack}" if by_stack else f"stack of the environment {settings.env}"
        raise MmeError(
            f"the cloud assembly {folder} has no {what}; it has {listed}",
            hint="name another with --env or --stack, or leave both out for all",
        )
    return wanted


def _stage(stack: SynthesizedStack) -> str:
    return stack.display_name.partition("/")[0] if "/" in stack.display_name else ""
