"""What came of publishing one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes to do. What it raises stops the publishing."""


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing one model.

    Attributes:
        target_model: what to invoke now.
        name: the model's name.
        version: the version that holds this content.
        digest: SHA-256 of the uncompressed tar.
        unpacked_bytes: what it takes on the container's disk.
        created: False when this content was there already: nothing was written then.
        latest: False when the content was found in a version that is not the highest.
        size: of the archive in S3, in bytes.
        etag: S3's name of the archive's content.
    """

    target_model: str
    name: str
    version: int
    digest: str
    unpacked_bytes: int
    created: bool
    latest: bool = True
    size: int = 0
    etag: str = ""
