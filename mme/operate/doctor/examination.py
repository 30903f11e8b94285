"""All checks, those that need nothing of each other at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from threading import Event
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from mme.aws.clients import AwsClients
from mme.aws.settings import THIS_MACHINE
from mme.errors import MmeError
from mme.operate.aws_failures import explain_aws_error
from mme.operate.discovery import Deployment
from mme.operate.doctor.account import check_credentials, check_quotas
from mme.operate.doctor.archive_check import check_archives
from mme.operate.doctor.bucket import check_bucket
from mme.operate.doctor.deployment_check import check_endpoint, check_stack
from mme.operate.doctor.finding import Finding, Patient, Severity
from mme.operate.doctor.image import check_image
from mme.operate.doctor.recent_errors import check_recent_errors
from mme.operate.doctor.role import check_role
from mme.operate.endpoint_state import EndpointState, is_not_found, read_endpoint

CHECKS: Final = ("credentials", "stack", "endpoint", "bucket", "role", "image", "quotas", "log", "archives")
"""Every check, in the order they are shown."""

_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")


class ExaminationListener(Protocol):
    """Is told how an examination goes, in the calling thread but for `advanced`."""

    def finished(self, check: str, findings: list[Finding]) -> None:
        """A check is done."""

    def advanced(self, done: int, total: int) -> None:
        """So many archives of so many are read."""


def examine(
    clients: AwsClients,
    discover: Callable[[], Deployment],
    listener: ExaminationListener,
    *,
    most_archives: int | None = None,
) -> list[Finding]:
    """Checks everything that can be checked.

    Args:
        clients: of the account and region.
        discover: reads the stack's outputs; what it raises becomes a finding.
        listener: is told how it goes.
        most_archives: read only so many archives, the newest; 0 for none. Default: all.

    Returns:
        the findings, in the order of `CHECKS`.
    """
    found: dict[str, list[Finding]] = {}

    def keep(check: str, findings: list[Finding]) -> None:
        found[check] = findings
        listener.finished(check, findings)

    keep("credentials", _guarded("credentials", lambda: [check_credentials(clients)]))
    patient: list[Patient] = []
    if not _bad(found["credentials"]):
        first = _guarded("stack", lambda: _admit(clients, discover, patient))
        if first:
            keep("stack", first)
    if patient:
        _run_all(patient[0], listener, most_archives, keep)
    for check in CHECKS:
        if check not in found:
            keep(check, [Finding(check, Severity.SKIPPED, "not checked: what it needs is missing")])
    return [finding for check in CHECKS for finding in found[check]]


def _run_all(
    patient: Patient,
    listener: ExaminationListener,
    most_archives: int | None,
    keep: Callable[[str, list[Finding]], object],
) -> None:
    stop = Event()
    checks: dict[str, Callable[[Patient], list[Finding]]] = {
        "stack": check_stack,
        "endpoint": check_endpoint,
        "bucket": check_bucket,
        "role": check_role,
        "image": check_image,
        "quotas": check_quotas,
        "log": check_recent_errors,
        "archives": partial(check_archives, on_archive=listener.advanced, most=most_archives, stop=stop),
    }
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        futures = {
            pool.submit(_guarded, name, partial(check, patient)): name for name, check in checks.items()
        }
        try:
            for future in as_completed(futures):
                keep(futures[future], future.result())
        except BaseException:
            stop.set()  # Ctrl-C must not wait for a thousand archives.
            raise


def _admit(clients: AwsClients, discover: Callable[[], Deployment], patient: list[Patient]) -> list[Finding]:
    """Finds the deployment and its endpoint; a finding only where that fails."""
    deployment = discover()
    endpoint = read_endpoint(clients.sagemaker, deployment.endpoint_name)
    host = urlsplit(clients.settings.aws_url or "").hostname
    local = clients.settings.is_local or host in THIS_MACHINE
    patient.append(Patient(clients, deployment, endpoint, _role_arn(clients, endpoint), local))
    return []


def _role_arn(clients: AwsClients, endpoint: EndpointState) -> str:
    from botocore.exceptions import ClientError

    for variant in endpoint.variants:
        if variant.model:
            try:
                return str(clients.sagemaker.describe_model(ModelName=variant.model)["ExecutionRoleArn"])
            except ClientError as error:
                if not is_not_found(error):
                    raise
    return ""


def _guarded(check: str, run: Callable[[], list[Finding]]) -> list[Finding]:
    """A check that can't be made is a finding too: skipped where it is denied, an error otherwise."""
    try:
        return run()
    except MmeError as error:
        return [Finding(check, Severity.ERROR, error.message, error.hint or "")]
    except Exception as error:
        explained = explain_aws_error(error)
        if explained is None:
            raise
        return [Finding(check, _how_bad(check, error), explained.message, explained.hint or "")]


def _how_bad(check: str, error: Any) -> Severity:
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    unanswered = check == "quotas" or code in _DENIED
    return Severity.SKIPPED if unanswered and check != "credentials" else Severity.ERROR


def _bad(findings: list[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)
