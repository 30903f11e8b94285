"""Publishing one model: packed, recognised if it is there already, else written as the next free version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mme.archives import (
    ArchiveError,
    Finding,
    ModelDirectory,
    PackedArchive,
    TensorSignature,
    TritonModel,
    digest_directory,
    pack_directory,
    tar_size,
    write_archive,
)
from mme.archives.packing import IN_MEMORY_BYTES
from mme.errors import MmeError
from mme.registry.model_store import DIGEST_KEY, SIGNATURE_KEY, UNPACKED_KEY, ModelRecord, ModelStore
from mme.registry.names import ModelName, check_name, object_key
from mme.registry.upload import NameTakenError, NewObject, put_new

_MAX_TRIES: Final = 50


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
    """

    target_model: str
    name: str
    version: int
    digest: str
    unpacked_bytes: int
    created: bool
    latest: bool = True


OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes to do. What it raises stops the publishing."""


def publish(
    store: ModelStore, model: TritonModel, *, name: str | None = None, on_progress: OnProgress | None = None
) -> Published:
    """Publishes a checked model directory as the next free `NAME_vN.tar.gz`.

    Content is compared with every version, not with the latest alone. Versions are never overwritten, so an
    older one with this content is as good as new: publishing it again would only make instances hold a model
    twice. To go back to it, invoke it.

    Args:
        store: where to.
        model: from `mme.archives.check_model`.
        name: default: the directory's name.
        on_progress: hears of progress.

    Raises:
        MmeError: the name or key can't be used, or the bucket refuses.
        ArchiveError: the directory changed while it was packed. Nothing was published then.
    """
    directory = model.directory
    name = check_name(directory.name if name is None else name)
    # Before any work: a key that is too long stays too long.
    object_key(store.prefix, ModelName(name, 0).target_model)
    return _Publication(store, directory, model.signature, name, on_progress).run()


class _Publication:
    def __init__(
        self,
        store: ModelStore,
        directory: ModelDirectory,
        signature: TensorSignature,
        name: str,
        on_progress: OnProgress | None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._signature = signature
        self._name = name
        self._on_progress = on_progress
        size = tar_size(directory)
        self._small = size <= IN_MEMORY_BYTES
        # Large ones are read twice: the digest must be known before the first byte is sent, because S3 takes
        # an object's metadata at the start of an upload.
        self._work = size if self._small else 2 * size
        self._done = 0

    def run(self) -> Published:
        if self._small:
            packed, archive = pack_directory(self._directory, self._advance)
        else:
            packed, archive = digest_directory(self._directory, self._advance), b""
        after_digest = self._done
        digests: dict[int, str | None] = {}
        for _ in range(_MAX_TRIES):
            versions = self._store.versions(self._name)
            same = self._same_content(versions, packed.digest, digests)
            highest = max((record.version or 0 for record in versions), default=-1)
            if same is not None:
                return self._outcome(packed, same, created=False, latest=same == highest)
            self._done = after_digest
            try:
                self._write(ModelName(self._name, highest + 1), packed, archive)
            except NameTakenError:
                continue  # another publisher was faster: look at what it wrote, then take the next number
            return self._outcome(packed, highest + 1, created=True, latest=True)
        raise MmeError(
            f"{_MAX_TRIES} versions of {self._name} were taken by others while this one was published",
            hint="try again when fewer publish at once",
        )

    def _same_content(
        self, versions: Iterable[ModelRecord], digest: str, known: dict[int, str | None]
    ) -> int | None:
        # Newest first: publishing the same thing again is the common case.
        for record in reversed(list(versions)):
            version = record.version or 0
            if version not in known:
                described = self._store.describe(record.target_model)
                known[version] = described.digest if described else None
            if known[version] == digest:
                return version
        return None

    def _write(self, target: ModelName, packed: PackedArchive, archive: bytes) -> None:
        store = self._store
        key = object_key(store.prefix, target.target_model)
        metadata = {DIGEST_KEY: packed.digest, UNPACKED_KEY: str(packed.unpacked_bytes)}
        signature = self._signature.to_metadata()
        if signature:
            metadata[SIGNATURE_KEY] = signature
        with store.explained():
            if self._small:
                put_new(store.s3, store.bucket, key, archive, metadata)
                return
            with NewObject(
                store.s3, store.bucket, key, metadata, size_hint=packed.tar_bytes
            ) as target_object:
                sent = write_archive(self._directory, target_object, on_bytes=self._advance)
                if sent.digest != packed.digest:
                    finding = Finding(
                        "changed-while-packed",
                        "its files changed between reading and sending them",
                        "let the program that writes them finish, then try again",
                    )
                    raise ArchiveError(self._directory.subject, [finding])

    def _advance(self, count: int) -> None:
        self._done += count
        if self._on_progress:
            self._on_progress(self._done, self._work)

    def _outcome(self, packed: PackedArchive, version: int, *, created: bool, latest: bool) -> Published:
        return Published(
            target_model=ModelName(self._name, version).target_model,
            name=self._name,
            version=version,
            digest=packed.digest,
            unpacked_bytes=packed.unpacked_bytes,
            created=created,
            latest=latest,
        )
