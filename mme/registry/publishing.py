"""Publish models: pack each, compare it with the published versions, upload it as the next free version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from mme.archives.check import CheckedModel
from mme.archives.errors import ArchiveError
from mme.archives.packing import (
    IN_MEMORY_BYTES,
    PackedArchive,
    digest_directory,
    pack_directory,
    tar_size,
    write_archive,
)
from mme.errors import MmeError
from mme.findings import Finding
from mme.registry.model_store import (
    DIGEST_KEY,
    SIGNATURE_KEY,
    UNPACKED_KEY,
    ModelRecord,
    ModelStore,
    NameTakenError,
    helpers_metadata,
)
from mme.registry.names import ModelName, check_name, object_key
from mme.registry.upload import NewArchive
from mme.registry.versions import RemovedVersions, VersionIndex

PARALLEL: Final = 16
"""Models in progress at once: most of them wait for S3."""

MEMORY_BYTES: Final = 96 * 1024 * 1024
"""Memory for all models in progress, at most."""

_LARGE_BYTES: Final = 48 * 1024 * 1024
"""Memory of an upload in parts: four parts of 8 MiB in flight, one being filled, and the packer's own."""

_MAX_TRIES: Final = 50

OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes to do."""


@dataclass(frozen=True, slots=True)
class Published:
    """The result of publishing one model.

    Attributes:
        target_model: The archive to invoke.
        name: The model's name.
        version: The version with this content.
        digest: SHA-256 of the uncompressed tar.
        unpacked_bytes: Bytes on the container's disk.
        created: False if a version with this content existed; nothing was written then.
        latest: False if this content is in a version that is not the highest.
        size: Size of the archive in S3, in bytes.
    """

    target_model: str
    name: str
    version: int
    digest: str
    unpacked_bytes: int
    created: bool
    latest: bool = True
    size: int = 0


class PublishListener(Protocol):
    """Receives progress, from the publishing threads."""

    def advanced(self, model: str, done: int, total: int) -> None:
        """Some work on one model is done.

        Args:
            model: Its directory's name.
            done: Bytes done.
            total: Bytes to do.
        """

    def finished(self, published: Published) -> None:
        """One model is published or was found unchanged."""

    def retried(self, reason: str) -> None:
        """A request to S3 failed for a transient reason and is retried."""


def publish(
    store: ModelStore,
    model: CheckedModel,
    *,
    name: str | None = None,
    on_progress: OnProgress | None = None,
) -> Published:
    """Publish a checked model directory as the next free `NAME_vN.tar.gz`, unless its content is published.

    Content is compared with every version, not only the latest. An older version with this content is as good
    as a new one, and a second copy would make instances load the model twice.

    Args:
        store: Where to publish.
        model: From `mme.archives.check`.
        name: Default: the directory's name.
        on_progress: Receives progress.

    Raises:
        MmeError: The name or key can't be used, the bucket does not exist or access is denied.
        ArchiveError: The directory changed while it was packed. Nothing was published.
    """
    return publish_all(store, [model], _Quiet(on_progress), name=name)[0]


def publish_all(
    store: ModelStore,
    models: Sequence[CheckedModel],
    listener: PublishListener | None = None,
    *,
    name: str | None = None,
) -> list[Published]:
    """Publish checked models, many at a time, in bounded memory.

    The first failure stops the others and aborts their uploads. Models that were finished by then stay
    published; the same call again finds them unchanged and publishes the rest.

    Args:
        store: Where to publish.
        models: From `find_models`.
        listener: Receives progress.
        name: The model's name, if there is only one. Default: its directory's name.

    Returns:
        One result per model, in the order given.

    Raises:
        MmeError: As `publish` does.
        ArchiveError: As `publish` does.
    """
    if name is not None and len(models) != 1:
        raise MmeError(
            f"{len(models)} models can't all be called {name}", hint="give --name with one model's directory"
        )
    return _Batch(store, models, listener or _Quiet(), name).run() if models else []


class _StoppedError(Exception):
    """Another model failed, or the user pressed Ctrl-C."""


class _Quiet:
    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._on_progress = on_progress

    def advanced(self, model: str, done: int, total: int) -> None:  # noqa: ARG002
        if self._on_progress:
            self._on_progress(done, total)

    def finished(self, published: Published) -> None:
        """Do nothing."""

    def retried(self, reason: str) -> None:
        """Do nothing."""


class _Publication:
    """The publishing of one model. It ends at the next block once `stop` is set."""

    def __init__(
        self,
        store: ModelStore,
        model: CheckedModel,
        name: str,
        index: VersionIndex,
        on_progress: OnProgress,
        stop: threading.Event,
    ) -> None:
        self._store = store
        self._model = model
        self._directory = model.directory
        self._name = check_name(name)
        # Before any work: a key that is too long stays too long.
        object_key(store.prefix, ModelName(name, 0).target_model)
        self._index = index
        self._on_progress = on_progress
        self._stop = stop
        tar_bytes = tar_size(self._directory)
        self._small = tar_bytes <= IN_MEMORY_BYTES
        # Large ones are read twice: S3 takes an object's metadata, and so the digest, before its first byte.
        self._work = tar_bytes if self._small else 2 * tar_bytes
        self._done = 0
        # Of a small one: the tar and its archive.
        self.memory_bytes = 2 * tar_bytes if self._small else _LARGE_BYTES

    def run(self) -> Published:
        """Pack the model, and publish it if no version has its content."""
        archive = b""
        if self._small:
            packed, archive = pack_directory(self._directory, self._advance)
        else:
            packed = digest_directory(self._directory, self._advance)
        after_digest = self._done
        for attempt in range(_MAX_TRIES):
            versions = self._index.of(self._name, fresh=attempt > 0)
            same = self._find(packed.digest, versions.present)
            if same is not None:
                latest = same.version == versions.next - 1
                return self._published(packed, same.version or 0, same.size, created=False, latest=latest)
            self._done = after_digest
            try:
                size = self._write(ModelName(self._name, versions.next).target_model, packed, archive)
            except NameTakenError:
                continue  # another publisher was faster: compare with its version, then try the next number
            return self._published(packed, versions.next, size, created=True)
        raise MmeError(
            f"other publishers took {_MAX_TRIES} versions of {self._name} during this publish",
            hint="try again when fewer publish at once",
        )

    def avoid_removed(self, published: Published, removed: frozenset[int]) -> Published:
        """Publish again as another version if another user removed the new version's number meanwhile.

        This happens if someone publishes and removes the same number between our listing and our write. No
        caller knows our object yet, so it is deleted and the next number is used.
        """
        while published.created and published.version in removed:
            self._store.delete(published.target_model)
            self._index = VersionIndex(self._store, [self._name])
            self._done = 0
            published = self.run()
            removed = RemovedVersions(self._store).of(self._name)
        return published

    def _find(self, digest: str, versions: Sequence[ModelRecord]) -> ModelRecord | None:
        for record in reversed(versions):
            described = self._store.describe(record.target_model)
            if described is not None and described.digest == digest:
                return described
        return None

    def _write(self, target_model: str, packed: PackedArchive, archive: bytes) -> int:
        metadata = {DIGEST_KEY: packed.digest, UNPACKED_KEY: str(packed.unpacked_bytes)}
        metadata |= helpers_metadata(self._model.helpers)
        signature = self._model.signature.to_metadata()
        if signature:
            metadata[SIGNATURE_KEY] = signature
        if self._small:
            self._store.put_new(target_model, archive, metadata)
            return len(archive)
        with (
            self._store.explained(),
            NewArchive(self._store, target_model, metadata, size_hint=packed.tar_bytes) as upload,
        ):
            written = write_archive(self._directory, upload, on_bytes=self._advance)
            if written.digest != packed.digest:
                finding = Finding.error(
                    "changed-while-packed",
                    "its files changed between reading and sending them",
                    "let the program that writes them finish, then try again",
                )
                raise ArchiveError(self._directory.subject, [finding])
        return upload.size

    def _advance(self, count: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._done += count
        self._on_progress(self._done, self._work)

    def _published(
        self, packed: PackedArchive, version: int, size: int, *, created: bool, latest: bool = True
    ) -> Published:
        return Published(
            target_model=ModelName(self._name, version).target_model,
            name=self._name,
            version=version,
            digest=packed.digest,
            unpacked_bytes=packed.unpacked_bytes,
            created=created,
            latest=latest,
            size=size,
        )


class _Batch:
    def __init__(
        self, store: ModelStore, models: Sequence[CheckedModel], listener: PublishListener, name: str | None
    ) -> None:
        self._store = store
        self._listener = listener
        self._stop = threading.Event()
        self._memory = _MemoryBudget(MEMORY_BYTES)
        names = [name or model.directory.name for model in models]
        index = VersionIndex(store, names)
        self._publications = [
            _Publication(
                store, model, one, index, partial(listener.advanced, model.directory.name), self._stop
            )
            for one, model in zip(names, models, strict=True)
        ]

    def run(self) -> list[Published]:
        with self._store.reporting_retries(self._retried):
            results = self._run_all()
            created = {one.name for one in results if one.created}
            removed = RemovedVersions(self._store).of_each(created) if created else {}
            return [
                publication.avoid_removed(published, removed.get(published.name, frozenset()))
                for publication, published in zip(self._publications, results, strict=True)
            ]

    def _run_all(self) -> list[Published]:
        pool = ThreadPoolExecutor(min(PARALLEL, len(self._publications)))
        futures: list[Future[Published]] = []
        try:
            futures = [pool.submit(self._run_one, publication) for publication in self._publications]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Also on Ctrl-C: the threads then end at their next block and abort their uploads.
            if not all(future.done() and not future.exception() for future in futures):
                self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        for future in futures:
            error = None if future.cancelled() else future.exception()
            if error and not isinstance(error, _StoppedError):
                raise error
        return [future.result() for future in futures]

    def _run_one(self, publication: _Publication) -> Published:
        with self._memory.share(publication.memory_bytes):
            if self._stop.is_set():
                raise _StoppedError
            published = publication.run()
        self._listener.finished(published)
        return published

    def _retried(self, reason: str) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._listener.retried(reason)


class _MemoryBudget:
    """Delays work until the memory that it needs is free."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def share(self, wanted: int) -> Iterator[None]:
        """Wait for `wanted` bytes, or for the whole budget if that is less."""
        wanted = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
