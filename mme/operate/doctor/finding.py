"""What the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mme.aws.clients import AwsClients
from mme.operate.discovery import Deployment
from mme.operate.endpoint_state import EndpointState


class Severity(StrEnum):
    """How bad it is. Only an error means that something does not work."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, good or bad.

    Attributes:
        check: which check found it: `credentials`, `role`, ...
        severity: how bad it is.
        message: what, with the values that matter.
        next: the command or change that helps; empty where nothing needs to be done.
    """

    check: str
    severity: Severity
    message: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What a check may look at.

    Attributes:
        clients: of the account and region.
        deployment: where endpoint and models are.
        endpoint: as SageMaker describes it.
        role_arn: the execution role of its first model; empty where that can't be read.
        local: true for the environment on this machine, which pulls no image and has no quotas.
    """

    clients: AwsClients
    deployment: Deployment
    endpoint: EndpointState
    role_arn: str
    local: bool
