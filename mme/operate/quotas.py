"""The account's quotas for instances of endpoints, and how many instances its endpoints have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mme.operate.endpoint_state import find_endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_service_quotas import ServiceQuotasClient

QUOTA: Final = "{} for endpoint usage"
"""Name of the Service Quota that limits the instances of a type for endpoints."""


@dataclass(frozen=True)
class Quota:
    """The limit on the instances of one type.

    Attributes:
        instances: The most that all endpoints of the account and region may have.
        code: Of Service Quotas.
    """

    instances: float
    code: str

    def increase(self, wanted: int) -> str:
        """Return a hint that requests more."""
        return (
            "request more: aws service-quotas request-service-quota-increase --service-code sagemaker "
            f"--quota-code {self.code} --desired-value {wanted}"
        )


def endpoint_quotas(client: ServiceQuotasClient, instance_types: Collection[str]) -> dict[str, Quota]:
    """Return the quota of each instance type that has one.

    Args:
        client: Service Quotas.
        instance_types: Such as `ml.g5.xlarge`.
    """
    names = {QUOTA.format(kind): kind for kind in instance_types}
    found: dict[str, Quota] = {}
    for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota.get("QuotaName") in names:
                found[names[quota["QuotaName"]]] = Quota(quota["Value"], quota["QuotaCode"])
        if len(found) == len(names):
            break
    return found


def instances_of_others(sagemaker: SageMakerClient, endpoint: str) -> Counter[str]:
    """Return the number of instances of each type that other endpoints of the account and region have.

    Args:
        sagemaker: SageMaker.
        endpoint: Name of the endpoint that does not count.
    """
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    names = (one["EndpointName"] for page in pages for one in page["Endpoints"])
    found: Counter[str] = Counter()
    for other in (find_endpoint(sagemaker, name) for name in names if name != endpoint):
        for variant in other.variants if other else ():
            found[variant.instance_type] += variant.instances
    return found
