"""Replays offline how the container will read an archive."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from mme.archives.explanation import Explanation, ModelSummary
from mme.archives.findings import ArchiveError
from mme.archives.triton_layout import check_model
from mme.catalog.images import Processor


def explain(
    source: str | Path | IO[bytes],
    *,
    name: str | None = None,
    framework: str | None = None,
    processor: Processor | None = None,
    instance_type: str | None = None,
    image_version: str | None = None,
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

    Raises:
        MmeError: there is no such file, it can't be read, or an argument names nothing known.
    """
    if not isinstance(source, str | Path):
        raise NotImplementedError
    try:
        model = check_model(source)
    except ArchiveError as error:
        return Explanation(str(source), "directory", "triton", "unknown", error.findings)
    summary = ModelSummary("", "model", model.signature.platform, (), model.signature)
    return Explanation(
        str(source),
        "directory",
        "triton",
        "flat",
        unpacked_bytes=model.directory.unpacked_bytes,
        models=(summary,),
    )
