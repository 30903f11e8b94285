"""Replays offline how the container will read an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from mme.archives.archive_file import combined, read_archive
from mme.archives.contents import Contents, contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.explanation import Explanation, Kind, ModelSummary
from mme.archives.framework_archive import read_framework
from mme.archives.framework_detection import TRITON, UNKNOWN, detect_frameworks, known_framework
from mme.archives.gzip_stream import Limits
from mme.archives.model_directory import survey_directory
from mme.archives.triton.layout import read_triton
from mme.catalog.frameworks import frameworks
from mme.catalog.images import Processor
from mme.catalog.instances import instance_types
from mme.errors import MmeError
from mme.findings import Finding, Severity

_ORDER: Final = tuple(Severity)
_LARGEST_SHOWN: Final = 3
_GIB: Final = 2**30


def explain(
    source: str | Path | IO[bytes],
    *,
    name: str | None = None,
    framework: str | None = None,
    processor: Processor | None = None,
    instance_type: str | None = None,
    image_version: str | None = None,
    limits: Limits | None = None,
) -> Explanation:
    """Says how a multi-model container will read an archive, and what is wrong with it.

    Args:
        source: a path of a tar.gz or of a model's directory (read as it would be packed, without what tools
            leave behind), or an open binary stream of a tar.gz, which is read once, never sought.
        name: what messages call a stream.
        framework: whose container reads it, where the contents shall not decide.
        processor: what the endpoint computes on, if known.
        instance_type: of the endpoint, such as `ml.g5.xlarge`; decides the processor too.
        image_version: of the container's image, such as `26.05`.
        limits: where reading an archive stops.

    Raises:
        MmeError: there is no such file, it can't be read, or an argument names nothing known.
    """
    endpoint = EndpointTraits.of(processor, instance_type, image_version)
    told = known_framework(framework) if framework else None
    if not isinstance(source, str | Path):
        return _explain_stream(source, name or "the archive", told, endpoint, limits)
    if Path(source).is_dir():
        return _explain_directory(source, told, endpoint)
    try:
        with Path(source).open("rb") as stream:
            return _explain_stream(stream, str(source), told, endpoint, limits)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MmeError(
            f"{os.fspath(source)!r} can't be read: {reason}",
            hint="give the path of a model.tar.gz or of a model's directory",
        ) from error


def _explain_directory(source: str | Path, told: str | None, endpoint: EndpointTraits) -> Explanation:
    directory, faults = survey_directory(source)
    try:
        contents = contents_of(directory)
    except ArchiveError as error:
        faults = [*faults, *error.findings]
        contents = Contents(directory.members, {})
    return _explanation(str(source), "directory", contents, faults, told, endpoint)


def _explain_stream(
    stream: IO[bytes], name: str, told: str | None, endpoint: EndpointTraits, limits: Limits | None
) -> Explanation:
    archive = read_archive(stream, limits)
    return _explanation(
        name,
        "archive",
        archive.contents,
        list(archive.findings),
        told,
        endpoint,
        packed_bytes=archive.packed_bytes,
        complete=archive.complete,
    )


def _explanation(
    source: str,
    kind: Kind,
    contents: Contents,
    faults: list[Finding],
    told: str | None,
    endpoint: EndpointTraits,
    *,
    packed_bytes: int | None = None,
    complete: bool = True,
) -> Explanation:
    likely = detect_frameworks(contents)
    framework = told or (likely[0] if likely else UNKNOWN)
    layout = "unknown"
    models: tuple[ModelSummary, ...] = ()
    findings = list(faults)
    if not complete:
        # Half of an archive would be judged for what the other half holds.
        layout = "unreadable"
    elif contents.files:
        findings += _framework_findings(contents, told, likely)
        if framework == TRITON:
            triton = read_triton(contents, endpoint)
            layout, models = triton.layout, triton.models
            findings += triton.findings
        elif framework != UNKNOWN:
            own = read_framework(contents, framework)
            layout, models = own.layout, own.models
            findings += own.findings
        findings += _weight(contents.unpacked_bytes, endpoint)
    files = contents.files
    largest = sorted(files, key=lambda member: (-member.size, member.path))[:_LARGEST_SHOWN]
    return Explanation(
        source=source,
        kind=kind,
        framework=framework,
        layout=layout,
        findings=tuple(sorted(combined(dict.fromkeys(findings)), key=lambda one: _ORDER.index(one.severity))),
        unpacked_bytes=contents.unpacked_bytes,
        packed_bytes=packed_bytes,
        files=len(files),
        largest=tuple(largest),
        models=tuple(models),
        complete=complete,
    )


def _framework_findings(contents: Contents, told: str | None, likely: list[str]) -> Iterator[Finding]:
    titles = {known: spec.title for known, spec in frameworks().items()}
    if told is None and not likely:
        shown = ", ".join(member.path for member in contents.files[:3])
        text = f"nothing in it tells which container could read it; it holds {shown}"
        yield Finding.error(
            "framework-unknown", text, "Triton needs a config.pbtxt; for another container say --framework"
        )
    elif told is None and len(likely) > 1:
        text = f"it looks like a model of {' or of '.join(titles[one] for one in likely)}"
        yield Finding.warning("framework-unclear", text, "say which container it is for: --framework")
    elif told and likely and told not in likely and told in ("triton", "tensorflow", "mxnet"):
        text = f"it is an archive for {titles[likely[0]]}, not for {titles[told]}"
        yield Finding.error(
            "framework-mismatch", text, f"repack it, or serve it with {titles[likely[0]]}'s container"
        )


def _weight(unpacked_bytes: int, endpoint: EndpointTraits) -> Iterator[Finding]:
    if endpoint.instance:
        kind = endpoint.instance
        room = kind.gpu_memory_gib * _GIB if kind.gpus else int(kind.memory_gib * _GIB)
        where = f"{'the GPU' if kind.gpus else 'the memory'} of {kind.name}"
    else:
        room = max(kind.gpu_memory_gib for kind in instance_types().values() if kind.mme_listed) * _GIB
        where = "any GPU that AWS lists for multi-model endpoints"
    if unpacked_bytes > room:
        text = f"it unpacks to {unpacked_bytes / _GIB:.1f} GiB; {where} has {room / _GIB:.0f} GiB"
        yield Finding.warning("huge", text, "serve it on an endpoint of its own, or make the model smaller")
