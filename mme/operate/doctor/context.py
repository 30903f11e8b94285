"""What the doctor's checks read."""

from __future__ import annotations

from dataclasses import dataclass

from mme.aws.clients import AwsClients
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """What a check may read.

    Attributes:
        role_arn: Execution role of the endpoint's first model; empty if that was deleted.
        local: Whether this is the local endpoint, which pulls no images and has no quotas.
    """

    clients: AwsClients
    deployment: Deployment
    endpoint: EndpointState
    role_arn: str
    local: bool
