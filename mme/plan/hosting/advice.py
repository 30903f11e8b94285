"""Which hosting option fits a workload, which limit rules the others out, and what each costs.

The order of the decision is that of SageMaker AI's guide, `hosting-faqs`: batches, queues, then endpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mme.catalog.frameworks import frameworks
from mme.catalog.hosting_options import (
    HostingLimit,
    HostingOption,
    component_minimum,
    hosting_options,
    options_date,
)
from mme.catalog.prices import HOURS_PER_MONTH, PriceList
from mme.errors import MmeError
from mme.plan.cost.comparison import AVAILABLE_INSTANCES, Range, check_shared_type
from mme.plan.hosting.workload import CUSTOM, Traffic, Wait, Workload

MODEL_SHARE: Final = 3
"""A model larger than a third of an instance's memory leaves the multi-model endpoint: a rule of thumb."""
_RULE: Final = "rule of this project: docs/hosting.md"
_GPU_RULE: Final = "SageMaker AI guide, multi-model-support"


@dataclass(frozen=True, slots=True)
class Checked:
    """A limit, compared with the workload.

    Attributes:
        limit: The limit.
        need: The workload's need, for people.
        fits: Whether it is within the limit.
    """

    limit: HostingLimit
    need: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One option for a workload.

    Attributes:
        option: The option.
        checks: All its limits.
        instances: Instances that it runs; None if it runs none between calls or jobs.
        usd: USD a month; None if it is billed by use, or without a price.
        billing: What is billed, for people.
        reason: Why it is recommended; empty for the others.
    """

    option: HostingOption
    checks: tuple[Checked, ...]
    instances: Range | None
    usd: Range | None
    billing: str
    reason: str = ""

    @property
    def fits(self) -> bool:
        """Whether the workload is within all limits."""
        return self.decisive is None

    @property
    def decisive(self) -> Checked | None:
        """The first limit that the workload exceeds."""
        return next((one for one in self.checks if not one.fits), None)


@dataclass(frozen=True, slots=True)
class Advice:
    """The decision.

    Attributes:
        workload: What was decided about.
        recommended: The option to use; None if none fits.
        verdicts: Every option, in the order of the decision.
        notes: What to know about the recommended one.
    """

    workload: Workload
    recommended: Verdict | None
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]


def advise(workload: Workload, prices: PriceList, region: str) -> Advice:
    """Decide how to host models.

    Args:
        workload: What models and calls need.
        prices: The prices.
        region: Region of the prices.
    """
    verdicts = {
        name: _verdict(workload, option, prices, region) for name, option in hosting_options().items()
    }
    fitting = {name for name, one in verdicts.items() if one.fits}
    chosen = next(_choices(workload, fitting), None)
    if chosen is None:
        return Advice(workload, None, tuple(verdicts.values()), ())
    name, reason = chosen
    one = verdicts[name]
    verdicts[name] = Verdict(one.option, one.checks, one.instances, one.usd, one.billing, reason)
    notes = (*_notes(workload, name), *_if_calls_could_wait(verdicts["multi-model"]))
    return Advice(workload, verdicts[name], tuple(verdicts.values()), notes)


def _choices(workload: Workload, fitting: set[str]) -> Iterator[tuple[str, str]]:
    """Yield options that fit, the best first, with the reason."""
    several = workload.models > 1
    synchronous = fitting & {"real-time", "serial-pipeline"}
    rules: tuple[tuple[str, bool, str], ...] = (
        (
            "batch-transform",
            workload.traffic is Traffic.BATCH or workload.wait is Wait.HOURS,
            "the data comes at once and no caller waits, so instances run for the job only",
        ),
        ("asynchronous", not synchronous, "no endpoint answers such requests at once: they need a queue"),
        ("serial-pipeline", True, "each request passes through several containers"),
        (
            "asynchronous",
            workload.wait is Wait.MINUTES and not several,
            "callers wait minutes, so a queue absorbs peaks and instances scale to zero",
        ),
        (
            "hybrid",
            True,
            "hot models keep reserved resources, and the many others share instances",
        ),
        (
            "serverless",
            workload.traffic is Traffic.INTERMITTENT,
            "calls are intermittent and may wait for a start, so nothing runs between them",
        ),
        (
            "multi-container",
            len(workload.frameworks) > 1,
            "few models of several frameworks: a container each, all on one endpoint",
        ),
        (
            "multi-model",
            True,
            "many models share instances, and a call may wait for its model's load",
        ),
        (
            "inference-components",
            several,
            "several models share instances, and each keeps its own resources: no call waits for a load",
        ),
        ("real-time", True, "sustained calls that need consistent latency"),
    )
    for name, holds, reason in rules:
        if name in fitting and holds:
            yield name, reason


def _verdict(workload: Workload, option: HostingOption, prices: PriceList, region: str) -> Verdict:
    needs = workload.needs()
    checks = [
        Checked(limit, workload.need_text(limit.need), limit.fits(needs[limit.need]))
        for limit in option.limits
    ]
    checks += _own_rules(workload, option)
    instances, billing = _instances(workload, option.name)
    usd = None
    if instances is not None:
        price = prices.hourly(workload.type, region)
        if price is None:
            billing += f"; no price of {workload.type}"
        else:
            usd = instances * (price.usd_per_hour * HOURS_PER_MONTH)
    return Verdict(option, tuple(checks), instances, usd, billing)


def _own_rules(workload: Workload, option: HostingOption) -> Iterator[Checked]:
    """Yield limits that depend on the instance type or on several needs."""
    loads = option.name in ("multi-model", "hybrid")
    if option.name == "serial-pipeline" and workload.models > 1:
        yield _rule(
            "a multi-model container loads on demand",
            "SageMaker AI guide, multi-model-endpoints",
            workload.need_text("cold_starts"),
            workload.cold_starts,
        )
        loads = True
    if not loads:
        return
    if workload.gpu:
        able = {name for name, one in frameworks().items() if one.gpu}
        unfit = [name for name in workload.frameworks if name not in able]
        need = f"{', '.join(unfit)} on a GPU" if unfit else "Triton on a GPU"
        text = f"on GPUs, only the containers of {', '.join(sorted(able))} hold many models"
        yield _rule(text, _GPU_RULE, need, not unfit)
    try:
        check_shared_type(workload.type)
    except MmeError as error:
        yield _rule("CPU types, and types with one GPU", _GPU_RULE, error.message, False)
        return
    memory = workload.memory_bytes
    if memory is not None:
        yield _rule(
            f"a model of at most a third of {workload.type}'s memory",
            _RULE,
            workload.need_text("model_bytes"),
            workload.model_bytes * MODEL_SHARE <= memory,
        )


def _rule(text: str, source: str, need: str, fits: bool) -> Checked:
    return Checked(HostingLimit(need="", text=text, source=source, date=options_date()), need, fits)


def _instances(workload: Workload, name: str) -> tuple[Range | None, str]:
    """Return the instances that run all the time, and what is billed."""
    least = AVAILABLE_INSTANCES
    type = workload.type
    shared = Range(least, 2 * least)
    fixed: Mapping[str, tuple[Range | None, str]] = {
        "batch-transform": (None, f"{type} while the job runs"),
        "asynchronous": (Range(0, workload.models), f"0 to {workload.models:,} {type}"),
        "serverless": (None, "milliseconds of use and bytes of data"),
        "real-time": (
            Range(workload.models * least, workload.models * least),
            f"{workload.models * least:,} {type}, {least} an endpoint",
        ),
        "multi-container": (shared, f"{least} to {2 * least} {type}"),
        "serial-pipeline": (shared, f"{least} to {2 * least} {type}"),
    }
    if name in fixed:
        return fixed[name]
    endpoints = max(1, len(workload.frameworks))
    endpoint = Range(endpoints * least, 2 * endpoints * least)
    each = f"{endpoints} endpoints of {least} to {2 * least}" if endpoints > 1 else f"{least} to {2 * least}"
    if name == "multi-model":
        return endpoint, f"{each} {type}"
    components = _component_instances(workload, workload.hot_models if name == "hybrid" else workload.models)
    if components is None:
        return None, f"{type}; how many is not known"
    if name == "inference-components":
        return Range(components, 2 * components), f"at least {components:,} {type}, each model reserved"
    total = Range(endpoint.least + components, endpoint.most + 2 * components)
    return total, f"{each} {type}, and at least {components:,} for the hot models"


def _component_instances(workload: Workload, models: int) -> int | None:
    """Return how many instances the reservations of one copy of each model need at least."""
    kind = workload.instance
    if kind is None or workload.memory_bytes is None:
        return None
    gpus, memory = component_minimum()
    if workload.gpu:
        needed = math.ceil(models * gpus / kind.gpus)
    else:
        needed = math.ceil(models * max(memory, workload.model_bytes) / workload.memory_bytes)
    return max(AVAILABLE_INSTANCES, needed)


def _if_calls_could_wait(multi_model: Verdict) -> Iterator[str]:
    """Yield what a multi-model endpoint would cost if only its cold starts rule it out."""
    exceeded = [one.limit.need for one in multi_model.checks if not one.fits]
    if exceeded == ["cold_starts"] and multi_model.usd is not None:
        usd = multi_model.usd.text()
        yield f"if some calls may wait for a load (--cold-starts), a multi-model endpoint costs {usd} USD"


def _notes(workload: Workload, name: str) -> Iterator[str]:
    several = workload.models > 1
    if name in ("multi-model", "hybrid"):
        yield f"compare the costs: mme cost --models {workload.models} --type {workload.type}"
        yield "find how many instances are enough: mme plan --help"
        if len(workload.frameworks) > 1:
            yield f"one multi-model endpoint for each framework: {', '.join(workload.frameworks)}"
        if workload.gpu and not workload.frameworks:
            yield "on GPUs, use the Triton container"
        if CUSTOM in workload.frameworks:
            yield "your container needs the label com.amazonaws.sagemaker.capabilities.multi-models=true"
        if workload.wait is Wait.MINUTES:
            yield "add a queue: mme_cdk.AsyncInvocations, docs/asynchronous.md"
        if workload.wait is Wait.MILLISECONDS:
            yield "a call of a model that is not in memory takes seconds: warm it, docs/client.md"
    if name == "hybrid":
        yield "one alias for callers hides where a model runs"
        if workload.gpu:
            yield f"a component on a GPU reserves at least {component_minimum()[0]} GPU"
    if name == "asynchronous" and several:
        yield "asynchronous inference takes no target model: one endpoint for each model"
    if name == "inference-components" and workload.gpu:
        yield f"each component reserves at least {component_minimum()[0]} GPU"
