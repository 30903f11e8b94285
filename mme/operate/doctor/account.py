"""Who asks, and whether the account has room."""

from __future__ import annotations

from collections import Counter
from typing import Final

from mme.aws.clients import AwsClients
from mme.operate.doctor.finding import Finding, Patient, Severity
from mme.operate.scaling_state import read_scaling

_QUOTA: Final = "{} for endpoint usage"
"""What Service Quotas calls, among those of `sagemaker`, the most instances of a type for endpoints."""


def check_credentials(clients: AwsClients) -> Finding:
    """Whose credentials these are. What AWS says of bad ones is raised as it is."""
    caller = clients.sts.get_caller_identity()
    return Finding(
        "credentials", Severity.OK, f"{caller['Arn']} in account {caller['Account']}, {clients.region}"
    )


def check_quotas(patient: Patient) -> list[Finding]:
    """Whether the endpoint may grow to its most instances, and be replaced blue/green meanwhile."""
    if patient.local:
        return [Finding("quotas", Severity.SKIPPED, "the local runtime has no quotas")]
    endpoint = patient.endpoint
    most = {variant.name: max(variant.desired or 0, variant.current or 0) for variant in endpoint.variants}
    for scaling in read_scaling(patient.clients.scaling, endpoint.name, list(most)):
        most[scaling.variant] = max(scaling.maximum, most.get(scaling.variant, 0))
    wanted: Counter[str] = Counter()
    for variant in endpoint.variants:
        if variant.instance_type:
            wanted[variant.instance_type] += most[variant.name]
    limits = _limits(patient, set(wanted))
    return [_judged(kind, count, limits.get(kind)) for kind, count in sorted(wanted.items())]


def _limits(patient: Patient, kinds: set[str]) -> dict[str, tuple[float, str]]:
    """By instance type the account's limit and the quota's code."""
    names = {_QUOTA.format(kind): kind for kind in kinds}
    found: dict[str, tuple[float, str]] = {}
    for page in patient.clients.quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota.get("QuotaName") in names:
                found[names[quota["QuotaName"]]] = (quota["Value"], quota["QuotaCode"])
        if len(found) == len(kinds):
            break
    return found


def _judged(kind: str, count: int, quota: tuple[float, str] | None) -> Finding:
    if quota is None:
        return Finding(
            "quotas",
            Severity.SKIPPED,
            f"Service Quotas names no limit on {kind} for endpoints",
            f'aws service-quotas list-service-quotas --service-code sagemaker: "{_QUOTA.format(kind)}"',
        )
    limit, code = quota
    ask = (
        "ask for more: aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {code} --desired-value {2 * count}"
    )
    if count > limit:
        return Finding(
            "quotas",
            Severity.ERROR,
            f"the endpoint may grow to {count} {kind}, and the account may have {limit:.0f}",
            ask,
        )
    if 2 * count > limit:
        return Finding(
            "quotas",
            Severity.WARNING,
            f"{count} {kind} fit into the account's {limit:.0f}, but not twice as a blue/green update needs",
            ask,
        )
    return Finding("quotas", Severity.OK, f"{count} {kind}, of {limit:.0f} in the account")
