"""Read an archive offline as the multi-model container will."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from mme.archives.archive_file import ArchiveFile, combined, read_archive
from mme.archives.contents import Contents, contents_of
from mme.archives.detection import detect_frameworks, framework_archive, mismatch
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.explanation import Explanation, ModelSummary
from mme.archives.framework_archive import FrameworkArchive
from mme.archives.gzip_stream import Digest, Limits
from mme.archives.model_directory import IGNORE_FILE, survey_directory
from mme.archives.model_files.booster import Booster
from mme.archives.model_files.torch_script import TorchScript
from mme.catalog.frameworks import find_framework, frameworks
from mme.catalog.images import Processor
from mme.catalog.instances import instance_types
from mme.errors import MmeError
from mme.findings import Finding, Severity

_ORDER: Final = tuple(Severity)
_LARGEST_SHOWN: Final = 3
_GIB: Final = 2**30
_TEXT_MAX_CHARS: Final = 500


def explain(
    source: str | Path | IO[bytes],
    *,
    name: str | None = None,
    framework: str | None = None,
    processor: Processor | None = None,
    instance_type: str | None = None,
    image_version: str | None = None,
    limits: Limits | None = None,
    digest: Digest | None = None,
) -> Explanation:
    """Explain how a multi-model container will read an archive, and what is wrong with it.

    Args:
        source: Path of a tar.gz or of a model's directory (read as it would be packed), or an open binary
            stream of a tar.gz, which is read once and never sought.
        name: What messages call a stream.
        framework: Whose container reads it. Default: what the contents look like.
        processor: What the endpoint computes on, if known.
        instance_type: Of the endpoint, such as `ml.g5.xlarge`; decides the processor too.
        image_version: Of the container's image, such as `26.05`.
        limits: When reading an archive stops.
        digest: Receives the bytes of an archive's uncompressed tar; `hashlib.sha256()` gives its identity.

    Raises:
        MmeError: There is no such file, it can't be read, or an argument is unknown.
    """
    endpoint = EndpointTraits.of(processor, instance_type, image_version)
    given = find_framework(framework).name if framework else None
    if not isinstance(source, str | Path):
        return _explanation(name or "the archive", read_archive(source, limits, digest), given, endpoint)
    if os.path.isdir(source):  # noqa: PTH112 (Path.is_dir raises for a path that is too long)
        return _explanation(str(source), _read_directory(source), given, endpoint)
    try:
        with Path(source).open("rb") as stream:
            return _explanation(str(source), read_archive(stream, limits, digest), given, endpoint)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", error)).lower()
        raise MmeError(
            f"{os.fspath(source)!r} can't be read: {reason}",
            hint="give the path of a model.tar.gz or of a model's directory",
        ) from error


def _read_directory(source: str | Path) -> ArchiveFile:
    directory, findings = survey_directory(source)
    if directory.left_out:
        text = f"left out: {directory.left_out_text}"
        findings = [
            *findings,
            Finding.note("left-out", text, f"{IGNORE_FILE} can name more files to leave out"),
        ]
    try:
        contents = contents_of(directory)
    except ArchiveError as error:
        findings = [*findings, *error.findings]
        contents = Contents(directory.members)
    return ArchiveFile(contents, tuple(findings), packed_bytes=None, complete=True)


def _explanation(
    source: str, archive: ArchiveFile, given_name: str | None, endpoint: EndpointTraits
) -> Explanation:
    contents = archive.contents
    likely = detect_frameworks(contents, endpoint)
    given = framework_archive(given_name, contents, endpoint) if given_name else None
    framework = given or next(iter(likely), None)
    layout = "unknown"
    models: tuple[ModelSummary, ...] = ()
    findings = list(archive.findings)
    if not archive.complete:
        # The findings would be about what the unread half may hold.
        layout = "unreadable"
    elif contents.files:
        findings += _framework_findings(contents, given, likely)
        if framework:
            reading = framework.read()
            layout, models = reading.layout, reading.models
            findings += reading.findings
        findings += _size_findings(contents.unpacked_bytes, endpoint)
    files = contents.files
    largest = sorted(files, key=lambda member: (-member.size, member.path))[:_LARGEST_SHOWN]
    return Explanation(
        source=source,
        kind="directory" if archive.packed_bytes is None else "archive",
        framework=framework.name if framework else "unknown",
        layout=layout,
        findings=tuple(sorted(combined(dict.fromkeys(findings)), key=lambda one: _ORDER.index(one.severity))),
        unpacked_bytes=contents.unpacked_bytes,
        packed_bytes=archive.packed_bytes,
        files=len(files),
        largest=tuple(largest),
        models=models,
        model_files={
            path: read.text[:_TEXT_MAX_CHARS]
            for path, read in contents.model_files.items()
            if isinstance(read, Booster | TorchScript)
        },
        complete=archive.complete,
    )


def _framework_findings(
    contents: Contents, given: FrameworkArchive | None, likely: list[FrameworkArchive]
) -> Iterator[Finding]:
    titles = [frameworks()[framework.name].title for framework in likely]
    if given is None and not likely:
        shown = ", ".join(member.path for member in contents.files[:3])
        text = f"no container is known that reads these files: {shown}"
        hint = "Triton needs a config.pbtxt; for another container say --framework"
        yield Finding.error("framework-unknown", text, hint)
    elif given is None and len(likely) > 1:
        text = f"it looks like a model of {' or of '.join(titles)}"
        yield Finding.warning("framework-unclear", text, "say which container it is for: --framework")
    elif given and (finding := mismatch(given, [one.name for one in likely])):
        yield finding


def _size_findings(unpacked_bytes: int, endpoint: EndpointTraits) -> Iterator[Finding]:
    kind = endpoint.instance
    if kind:
        memory_gib = kind.gpu_memory_gib if kind.gpus else kind.memory_gib
        owner = f"{'the GPU' if kind.gpus else 'the memory'} of {kind.name}"
    else:
        memory_gib = max(kind.gpu_memory_gib for kind in instance_types().values() if kind.mme_listed)
        owner = "any GPU that AWS lists for multi-model endpoints"
    if unpacked_bytes > memory_gib * _GIB:
        text = f"it unpacks to {unpacked_bytes / _GIB:.1f} GiB; {owner} has {memory_gib:.0f} GiB"
        hint = "serve it on an endpoint of its own, or make the model smaller"
        yield Finding.warning("huge", text, hint)
