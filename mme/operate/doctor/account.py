"""Check the credentials and the account's quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mme.aws.clients import AwsClients
from mme.findings import Finding
from mme.operate.doctor.context import DoctorContext
from mme.operate.endpoint_state import find_endpoint
from mme.operate.scaling_state import scalable_targets

_QUOTA: Final = "{} for endpoint usage"
"""Name of the Service Quota that limits the instances of a type for endpoints."""


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
    quotas = _quotas(context, set(needed))
    others = _others(context)
    for kind, count in sorted(needed.items()):
        yield _compare(kind, count, others[kind], quotas.get(kind))


def _others(context: DoctorContext) -> Counter[str]:
    """Return the number of instances of each type that other endpoints of the account and region have."""
    sagemaker = context.clients.sagemaker
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    names = (one["EndpointName"] for page in pages for one in page["Endpoints"])
    found: Counter[str] = Counter()
    for endpoint in (find_endpoint(sagemaker, name) for name in names if name != context.endpoint.name):
        for variant in endpoint.variants if endpoint else ():
            found[variant.instance_type] += variant.instances
    return found


def _quotas(context: DoctorContext, instance_types: set[str]) -> dict[str, tuple[float, str]]:
    """Return value and code of the quota of each instance type."""
    names = {_QUOTA.format(kind): kind for kind in instance_types}
    found: dict[str, tuple[float, str]] = {}
    for page in context.clients.quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota.get("QuotaName") in names:
                found[names[quota["QuotaName"]]] = (quota["Value"], quota["QuotaCode"])
        if len(found) == len(instance_types):
            break
    return found


def _compare(kind: str, count: int, others: int, quota: tuple[float, str] | None) -> Finding:
    if quota is None:
        hint = f'aws service-quotas list-service-quotas --service-code sagemaker: "{_QUOTA.format(kind)}"'
        return Finding.skipped("quotas", f"Service Quotas has no limit on {kind} for endpoints", hint)
    limit, code = quota
    also = f", and other endpoints have {others}" if others else ""
    if 2 * count + others <= limit:
        return Finding.ok("quotas", f"{count} {kind}{also}, of {limit:.0f} in the account")
    hint = (
        "request more: aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {code} --desired-value {2 * count + others}"
    )
    if count + others > limit:
        message = f"the endpoint may scale to {count} {kind}{also}, but the account's quota is {limit:.0f}"
        return Finding.error("quotas", message, hint)
    message = (
        f"the account's {limit:.0f} {kind} are enough for {count}{also}, but not for a blue/green update"
    )
    return Finding.warning("quotas", message, hint)
