"""Whether the container will be able to load each archive: read from S3 as streams, several at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.catalog.images import Processor, parse_ecr_uri, traits_of
from mme.errors import MmeError
from mme.operate.doctor.finding import Finding, Patient, Severity

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Explain = Callable[..., Explanation]
OnArchive = Callable[[int, int], object]
"""Is told how many archives of how many are read."""

_AT_ONCE: Final = 8
_SEVERITIES: Final = {"error": Severity.ERROR, "warning": Severity.WARNING}


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What decides how an archive is read, beside itself."""

    framework: str | None
    processor: Processor | None
    instance_type: str | None
    image_version: str | None


def check_archives(
    patient: Patient,
    on_archive: OnArchive,
    *,
    most: int | None = None,
    stop: Event | None = None,
    explain: Explain = explain,
) -> list[Finding]:
    """A finding for each fault of each archive, and one that counts the good ones.

    Args:
        patient: whose models.
        on_archive: is told how far it is.
        most: read only so many, the newest. Default: all.
        stop: once it is set, no further archive is read.
        explain: replays how the container reads an archive.
    """
    s3, deployment = patient.clients.s3, patient.deployment
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=deployment.bucket, Prefix=deployment.prefix)
    found: list[Any] = [
        one for page in pages for one in page.get("Contents", []) if one["Key"].endswith(".tar.gz")
    ]
    chosen = sorted(found, key=lambda one: one["LastModified"], reverse=True)[:most]
    surroundings = _surroundings(patient)
    findings: list[Finding] = []
    good = done = 0
    halted = stop or Event()

    def read(key: str) -> list[Finding]:
        if halted.is_set():
            return []
        return _read(s3, deployment.bucket, deployment.prefix, key, surroundings, explain)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        try:
            for faults in pool.map(read, [one["Key"] for one in chosen]):
                findings += faults
                good += not any(fault.severity is Severity.ERROR for fault in faults)
                done += 1
                on_archive(done, len(chosen))
        except BaseException:
            halted.set()
            raise
    left = len(found) - len(chosen)
    if left:
        findings.append(Finding("archives", Severity.SKIPPED, f"{left:,} older archives were not read"))
    if good:
        plural = "" if good == 1 else "s"
        findings.append(Finding("archives", Severity.OK, f"{good:,} archive{plural} can be loaded"))
    return findings or [Finding("archives", Severity.SKIPPED, "there are none")]


def _surroundings(patient: Patient) -> _Surroundings:
    variant = next(iter(patient.endpoint.variants), None)
    images = variant.images if variant else ()
    for image in filter(None, map(parse_ecr_uri, images)):
        traits = traits_of(image.repository, image.tag, name=image.repository)
        if traits.framework is not None:
            return _Surroundings(
                traits.framework.name,
                traits.processor,
                (variant and variant.instance_type) or None,
                traits.version,
            )
    return _Surroundings(None, None, variant.instance_type or None if variant else None, None)


def _read(
    s3: S3Client, bucket: str, prefix: str, key: str, around: _Surroundings, explain: Explain
) -> list[Finding]:
    from botocore.exceptions import ClientError

    name = key.removeprefix(prefix)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        with body:
            explained = explain(
                body,
                name=name,
                framework=around.framework,
                processor=around.processor,
                instance_type=around.instance_type,
                image_version=around.image_version,
            )
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return []  # It was removed since it was listed.
        raise
    except MmeError as error:
        return [Finding("archives", Severity.ERROR, f"{name}: {error.message}", error.hint or "")]
    return [
        Finding("archives", _SEVERITIES[fault.severity], f"{name}: {fault.message}", fault.hint)
        for fault in explained.findings
        if fault.severity in _SEVERITIES
    ]
