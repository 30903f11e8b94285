"""Check each archive under the prefix by the container's rules, streamed from S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any, Final

from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.errors import MmeError
from mme.findings import Finding, Severity
from mme.operate.aws_errors import error_code
from mme.operate.doctor.bucket import objects
from mme.operate.doctor.context import DoctorContext
from mme.operate.endpoint_state import container_facts

Explain = Callable[..., Explanation]

_THREADS: Final = 8
_NAMED: Final = 3
"""Archives that a finding names; it counts the others."""
_REPORTED: Final = (Severity.ERROR, Severity.WARNING)


def check_archives(
    context: DoctorContext,
    on_progress: Callable[[int, int], object],
    *,
    most: int | None = None,
    stop: Event | None = None,
    explain: Explain = explain,
) -> Iterator[Finding]:
    """Yield a finding for each fault, with the archives that have it, and one that counts the good archives.

    Args:
        context: The deployment.
        on_progress: Called with the number of archives read and their total.
        most: Read only the newest so many. Default: all.
        stop: Once set, no further archive is read.
        explain: Reads an archive like the container.
    """
    listed = [one for one in objects(context) if one["Key"].endswith(".tar.gz")]
    if not listed:
        yield Finding.skipped("archives", "there are none")
        return
    chosen = sorted(listed, key=lambda one: one["LastModified"], reverse=True)[:most]
    container = container_facts(context.endpoint)
    stopped = stop or Event()
    good = 0
    names: dict[Finding, list[str]] = {}

    def read(key: str) -> tuple[str, list[Finding]]:
        return key, [] if stopped.is_set() else _read(context, key, container, explain)

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        try:
            for done, (key, faults) in enumerate(pool.map(read, [one["Key"] for one in chosen]), 1):
                for fault in dict.fromkeys(faults):
                    names.setdefault(fault, []).append(key.removeprefix(context.deployment.prefix))
                good += not any(fault.severity is Severity.ERROR for fault in faults)
                on_progress(done, len(chosen))
        except BaseException:
            stopped.set()
            raise
    for fault, having in names.items():
        more = f" and {len(having) - _NAMED:,} more" if len(having) > _NAMED else ""
        yield replace(fault, message=f"{', '.join(sorted(having)[:_NAMED])}{more}: {fault.message}")
    if skipped := len(listed) - len(chosen):
        yield Finding.skipped("archives", f"{skipped:,} older archives were not read")
    if good:
        have = "archive has" if good == 1 else "archives have"
        yield Finding.ok("archives", f"{good:,} {have} the right layout")


def _read(context: DoctorContext, key: str, container: dict[str, Any], explain: Explain) -> list[Finding]:
    from botocore.exceptions import ClientError

    name = key.removeprefix(context.deployment.prefix)
    try:
        with context.clients.s3.get_object(Bucket=context.deployment.bucket, Key=key)["Body"] as body:
            explanation = explain(body, name=name, **container)
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return []  # removed after it was listed
        raise
    except MmeError as error:
        return [Finding.error("archives", error.message.removeprefix(f"{name}: "), error.hint or "")]
    return [replace(fault, code="archives") for fault in explanation.findings if fault.severity in _REPORTED]
