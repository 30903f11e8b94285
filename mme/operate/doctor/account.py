"""Check the credentials and the account's quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mme.aws.clients import AwsClients
from mme.findings import Finding
from mme.operate.doctor.context import DoctorContext
from mme.operate.quotas import QUOTA, Quota, endpoint_quotas, instances_of_others
from mme.operate.scaling_state import scalable_targets


def check_credentials(clients: AwsClients) -> Finding:
    """Report the caller's identity."""
    caller = clients.sts.get_caller_identity()
    return Finding.ok("credentials", f"{caller['Arn']} in account {caller['Account']}, {clients.region}")


def check_quotas(context: DoctorContext) -> Iterator[Finding]:
    """Check that the quotas allow the maximum instance count next to other endpoints, twice for an update."""
    if context.local:
        yield Finding.skipped("quotas", "the local endpoint has no quotas")
        return
    endpoint = context.endpoint
    targets = scalable_targets(context.clients.scaling, endpoint)
    needed: Counter[str] = Counter()
    for variant in endpoint.variants:
        if variant.instance_type:
            maximum = targets.get(variant.name, {}).get("MaxCapacity", 0)
            needed[variant.instance_type] += max(variant.desired or 0, variant.current or 0, maximum)
    quotas = endpoint_quotas(context.clients.quotas, set(needed))
    others = instances_of_others(context.clients.sagemaker, endpoint.name)
    for kind, count in sorted(needed.items()):
        yield _compare(kind, count, others[kind], quotas.get(kind))


def _compare(kind: str, count: int, others: int, quota: Quota | None) -> Finding:
    if quota is None:
        hint = f'aws service-quotas list-service-quotas --service-code sagemaker: "{QUOTA.format(kind)}"'
        return Finding.skipped("quotas", f"Service Quotas has no limit on {kind} for endpoints", hint)
    limit = quota.instances
    also = f", and other endpoints have {others}" if others else ""
    if 2 * count + others <= limit:
        return Finding.ok("quotas", f"{count} {kind}{also}, of {limit:.0f} in the account")
    hint = quota.increase(2 * count + others)
    if count + others > limit:
        message = f"the endpoint may scale to {count} {kind}{also}, but the account's quota is {limit:.0f}"
        return Finding.error("quotas", message, hint)
    message = (
        f"the account's {limit:.0f} {kind} are enough for {count}{also}, but not for a blue/green update"
    )
    return Finding.warning("quotas", message, hint)
