"""Check whether the account's quotas allow a deployment: pure.

Source: SageMaker AI developer guide, `deployment-guardrails-blue-green` (a second fleet runs next to the
first) and `deployment-guardrails-rolling` (a batch of it does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mme.operate.endpoint_state import EndpointState
from mme.operate.preflight.findings import Effect, PreflightFinding, finding
from mme.operate.preflight.template import EndpointPlan
from mme.operate.quotas import Quota


@dataclass(frozen=True)
class QuotaRoom:
    """The quota of an instance type and what other endpoints use of it.

    Attributes:
        quota: Of the account and region.
        others: Instances of other endpoints.
    """

    quota: Quota
    others: int


def new_instances(plan: EndpointPlan, live: EndpointState | None) -> Counter[str]:
    """Return the instances by type that a deployment starts next to those that run.

    Args:
        plan: The endpoint in the new template.
        live: As it runs; None if it is created.
    """
    found: Counter[str] = Counter()
    for variant in plan.variants.values():
        running = live.variant(variant.name) if live and plan.keeps_counts else None
        count = running.instances if running else variant.instance_count
        if variant.instance_type and count:
            # A rolling deployment starts at least one instance more; its batch may be larger.
            found[variant.instance_type] += 1 if live and plan.strategy == "ROLLING" else count
    return found


def check_quotas(
    name: str, plan: EndpointPlan, live: EndpointState | None, room: Mapping[str, QuotaRoom]
) -> Iterator[PreflightFinding]:
    """Check that old and new fleet together fit the quotas, next to the account's other endpoints.

    Args:
        name: Name of the endpoint.
        plan: The endpoint in the new template.
        live: As it runs; None if it is created.
        room: By instance type; types without a known quota are not checked.
    """
    running = Counter[str]()
    for variant in live.variants if live else ():
        running[variant.instance_type] += variant.instances
    for kind, count in sorted(new_instances(plan, live).items()):
        if kind not in room:
            continue
        quota, others = room[kind].quota, room[kind].others
        needed = count + running[kind] + others
        if needed <= quota.instances:
            continue
        parts = [
            f"{count} new",
            *([f"{running[kind]} that serve until the update is done"] if running[kind] else []),
            *([f"{others} of other endpoints"] if others else []),
        ]
        yield finding(
            Effect.FAILS,
            "quota",
            name,
            f"the deployment needs {needed} {kind} at a time ({', '.join(parts)}); the account's quota is "
            f"{quota.instances:.0f}",
            "SageMaker starts the new fleet before it stops the old one",
            quota.increase(needed)
            + ("\nor update in batches: DeploymentStrategy.rolling()" if running[kind] else ""),
        )
