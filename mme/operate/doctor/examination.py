"""Run all checks, independent ones concurrently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from threading import Event
from typing import Final, Protocol

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.findings import Finding, Severity
from mme.operate.aws_errors import DENIED, error_code, explain_aws_error
from mme.operate.discovery import Deployment
from mme.operate.doctor.account import check_credentials, check_quotas
from mme.operate.doctor.archives import check_archives
from mme.operate.doctor.bucket import check_bucket
from mme.operate.doctor.context import DoctorContext
from mme.operate.doctor.deployment import check_endpoint, check_stack
from mme.operate.doctor.image import check_image
from mme.operate.doctor.recent_errors import check_recent_errors
from mme.operate.doctor.role import check_role
from mme.operate.endpoint_state import read_endpoint, unless_missing

_Check = Callable[[DoctorContext], Iterable[Finding]]
_CHECKS: Final[dict[str, _Check]] = {
    "stack": check_stack,
    "endpoint": check_endpoint,
    "bucket": check_bucket,
    "role": check_role,
    "image": check_image,
    "quotas": check_quotas,
    "log": check_recent_errors,
}
CHECKS: Final = ("credentials", *_CHECKS, "archives")
"""Every check, in the order of the report."""


class ExaminationListener(Protocol):
    """Receives the progress of an examination."""

    def finished(self, check: str, findings: list[Finding]) -> None:
        """A check is done; called in the thread of `examine`.

        Args:
            check: One of `CHECKS`.
            findings: Of this check.
        """

    def advanced(self, done: int, total: int) -> None:
        """Archives were read; called in any thread.

        Args:
            done: Number of archives read so far.
            total: Number of archives to read.
        """


def examine(
    clients: AwsClients,
    discover: Callable[[], Deployment],
    listener: ExaminationListener,
    *,
    most_archives: int | None = None,
) -> list[Finding]:
    """Run every check.

    Args:
        clients: Clients of the deployment's account and region.
        discover: Returns the deployment; an exception from it becomes a finding.
        listener: Receives the progress.
        most_archives: Read only the newest so many archives; 0 for none. Default: all.

    Returns:
        The findings in the order of `CHECKS`.
    """
    found: dict[str, list[Finding]] = {}

    def report(check: str, findings: list[Finding]) -> None:
        found[check] = findings
        listener.finished(check, findings)

    report("credentials", _guarded("credentials", lambda: [check_credentials(clients)]))
    if found["credentials"][0].severity is not Severity.ERROR:
        try:
            context = _context(clients, discover())
        except Exception as error:
            report("stack", [_failure("stack", error)])
        else:
            _run_all(context, listener, most_archives, report)
    for check in CHECKS:
        if check not in found:
            report(check, [Finding.skipped(check, "not checked: what it needs is missing")])
    return [finding for check in CHECKS for finding in found[check]]


def _run_all(
    context: DoctorContext,
    listener: ExaminationListener,
    most_archives: int | None,
    report: Callable[[str, list[Finding]], object],
) -> None:
    stop = Event()
    archives = partial(check_archives, on_progress=listener.advanced, most=most_archives, stop=stop)
    checks: dict[str, _Check] = {**_CHECKS, "archives": archives}
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        futures = {
            pool.submit(_guarded, name, partial(check, context)): name for name, check in checks.items()
        }
        try:
            for future in as_completed(futures):
                report(futures[future], future.result())
        except BaseException:
            stop.set()  # don't wait for a thousand archives after Ctrl-C
            raise


def _context(clients: AwsClients, deployment: Deployment) -> DoctorContext:
    endpoint = read_endpoint(clients.sagemaker, deployment.endpoint_name)
    models = (
        unless_missing(partial(clients.sagemaker.describe_model, ModelName=variant.model))
        for variant in endpoint.variants
        if variant.model
    )
    role = next((str(model["ExecutionRoleArn"]) for model in models if model is not None), "")
    return DoctorContext(clients, deployment, endpoint, role, clients.settings.on_this_machine)


def _guarded(check: str, run: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(run())
    except Exception as error:
        return [_failure(check, error)]


def _failure(check: str, error: Exception) -> Finding:
    """Turn an error of a check into a finding: skipped if the caller lacks rights, an error otherwise."""
    explained = error if isinstance(error, MmeError) else explain_aws_error(error)
    if explained is None:
        raise error
    denied = error is not explained and (
        check == "quotas" or (check != "credentials" and error_code(error) in DENIED)
    )
    severity = Severity.SKIPPED if denied else Severity.ERROR
    return Finding(severity, check, explained.message, explained.hint or "")
