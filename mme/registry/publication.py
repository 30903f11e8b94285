"""Publishing one model: packed, recognised if it is there already, else written as the next free version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mme.archives.errors import ArchiveError
from mme.archives.packing import (
    IN_MEMORY_BYTES,
    PackedArchive,
    digest_directory,
    pack_directory,
    tar_size,
    write_archive,
)
from mme.archives.triton.check import TritonModel
from mme.errors import MmeError
from mme.findings import Finding, Severity
from mme.registry.candidates import Candidate
from mme.registry.journal import Journal, Remembered
from mme.registry.model_store import DIGEST_KEY, SIGNATURE_KEY, UNPACKED_KEY, ModelRecord, ModelStore
from mme.registry.names import ModelName, check_name, object_key
from mme.registry.objects import NameTakenError
from mme.registry.outcome import OnProgress, Published
from mme.registry.removed_versions import RemovedVersions
from mme.registry.store_index import StoreIndex
from mme.registry.upload import NewObject

_MAX_TRIES: Final = 50


def publish(
    store: ModelStore,
    model: TritonModel,
    *,
    name: str | None = None,
    on_progress: OnProgress | None = None,
) -> Published:
    """Publishes a checked model directory as the next free `NAME_vN.tar.gz`.

    Content is compared with every version, not with the latest alone. Versions are never overwritten, so an
    older one with this content is as good as new: publishing it again would only make instances hold a model
    twice. To go back to it, invoke it, or point an alias at it.

    Args:
        store: where to.
        model: from `mme.archives.check_model`.
        name: default: the directory's name.
        on_progress: hears of progress.

    Raises:
        MmeError: the name or key can't be used, or the bucket refuses.
        ArchiveError: the directory changed while it was packed. Nothing was published then.
    """
    publication = Publication(store, Candidate.checked_already(model), name=name, on_progress=on_progress)
    outcome = publication.run()
    return publication.settled(outcome, RemovedVersions(store).of(outcome.name) if outcome.created else ())


class Publication:
    """One model on its way.

    Args:
        store: where to.
        candidate: what.
        name: default: the directory's name.
        index: what there is already. Default: asked for when it is needed.
        journal: what was published before. Default: nothing is remembered.
        on_progress: hears of progress.

    Attributes:
        tar_bytes: size of the uncompressed tar.

    Raises:
        MmeError: the name or key can't be used.
    """

    def __init__(
        self,
        store: ModelStore,
        candidate: Candidate,
        *,
        name: str | None = None,
        index: StoreIndex | None = None,
        journal: Journal | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._store = store
        self._candidate = candidate
        self._directory = candidate.directory
        self._name = check_name(candidate.directory.name if name is None else name)
        # Before any work: a key that is too long stays too long.
        object_key(store.prefix, ModelName(self._name, 0).target_model)
        self._index = index or StoreIndex(store, [self._name])
        self._journal = journal or Journal()
        self._on_progress = on_progress
        size = self.tar_bytes = tar_size(self._directory)
        self._small = size <= IN_MEMORY_BYTES
        # Large ones are read twice: the digest must be known before the first byte is sent, because S3 takes
        # an object's metadata at the start of an upload.
        self._work = size if self._small else 2 * size
        self._done = 0

    def run(self) -> Published:
        """Reads it, and publishes it if it is not there.

        Raises:
            MmeError: the bucket refuses.
            ArchiveError: the directory changed while it was packed. Nothing was published then.
        """
        mark = self._journal.look(self._directory)
        outcome = self._publish(self._candidate.recalled)
        if mark is not None:
            self._journal.remember(self._store, self._directory, mark, outcome)
        return outcome

    def settled(self, outcome: Published, removed: frozenset[int] | tuple[()]) -> Published:
        """Makes sure that a version just written was not one that others removed while this went on.

        That takes somebody who published and removed the same number between our listing and our writing. Our
        object then goes before anybody was told of it, and the next number is taken.

        Args:
            outcome: what `run` gave.
            removed: the model's removed versions, listed after `run`.
        """
        while outcome.created and outcome.version in removed:
            with self._store.explained():
                self._store.s3.delete_object(
                    Bucket=self._store.bucket, Key=object_key(self._store.prefix, outcome.target_model)
                )
            self._index = StoreIndex(self._store, [self._name])
            self._done = 0
            outcome = self._publish(None)
            removed = RemovedVersions(self._store).of(self._name)
        return outcome

    def unchanged(self) -> Published | None:
        """What is there already, where neither the directory nor the object changed since it was written.

        Raises:
            MmeError: the bucket refuses.
        """
        known = self._candidate.recalled
        if known is None:
            return None
        place = known.place_in(self._store)
        if place is None or place.name != self._name:
            return None
        versions = self._index.of(self._name)
        for record in versions.present:
            if (record.version, record.etag, record.size) == (place.version, place.etag, place.size):
                self._advance(self._work)
                packed = PackedArchive(known.digest, known.unpacked_bytes, 0)
                return self._found(packed, record, versions.next)
        return None

    def _publish(self, known: Remembered | None) -> Published:
        archive = b""
        if self._small:
            packed, archive = pack_directory(self._directory, self._advance)
        elif known:
            # What is sent is hashed again: a file that changed without a trace ends the upload.
            packed = PackedArchive(known.digest, known.unpacked_bytes, self.tar_bytes)
            self._advance(packed.tar_bytes)
        else:
            packed = digest_directory(self._directory, self._advance)
        after_digest = self._done
        for attempt in range(_MAX_TRIES):
            versions = self._index.of(self._name, fresh=attempt > 0)
            same = next(
                (one for one in reversed(versions.present) if self._digest(one) == packed.digest), None
            )
            if same is not None:
                return self._found(packed, same, versions.next)
            self._done = after_digest
            target = ModelName(self._name, versions.next)
            try:
                etag, size = self._write(target, packed, archive)
            except NameTakenError:
                continue  # another publisher was faster: look at what it wrote, then take the next number
            self._journal.remember_digest(target.target_model, etag, packed.digest)
            return self._outcome(packed, target, etag, size, created=True)
        raise MmeError(
            f"{_MAX_TRIES} versions of {self._name} were taken by others while this one was published",
            hint="try again when fewer publish at once",
        )

    def _digest(self, record: ModelRecord) -> str | None:
        known = self._journal.digest_of(record.target_model, record.etag)
        if known is None:
            described = self._store.describe(record.target_model)
            known = described.digest if described else None
            # Also that there is none: an archive that others put there keeps having none.
            self._journal.remember_digest(record.target_model, record.etag, known or "")
        return known

    def _write(self, target: ModelName, packed: PackedArchive, archive: bytes) -> tuple[str, int]:
        store = self._store
        key = object_key(store.prefix, target.target_model)
        metadata = {DIGEST_KEY: packed.digest, UNPACKED_KEY: str(packed.unpacked_bytes)}
        signature = self._candidate.checked().signature.to_metadata()
        if signature:
            metadata[SIGNATURE_KEY] = signature
        with store.explained():
            if self._small:
                return store.objects.put_new(key, archive, metadata), len(archive)
            return self._send(key, packed, metadata)

    def _send(self, key: str, packed: PackedArchive, metadata: Mapping[str, str]) -> tuple[str, int]:
        s3, bucket = self._store.s3, self._store.bucket
        sent = NewObject(s3, bucket, key, metadata, size_hint=packed.tar_bytes)
        note = self._journal.uploads.note(s3, bucket, key, sent.upload)
        try:
            with sent:
                written = write_archive(self._directory, sent, on_bytes=self._advance)
                if written.digest != packed.digest:
                    finding = Finding(
                        Severity.ERROR,
                        "changed-while-packed",
                        "its files changed between reading and sending them",
                        "let the program that writes them finish, then try again",
                    )
                    raise ArchiveError(self._directory.subject, [finding])
        finally:
            if note:
                note.close(upload_gone=sent.gone)
        return sent.etag, sent.size

    def _advance(self, count: int) -> None:
        self._done += count
        if self._on_progress:
            self._on_progress(self._done, self._work)

    def _found(self, packed: PackedArchive, record: ModelRecord, next_version: int) -> Published:
        target = ModelName(self._name, record.version or 0)
        return self._outcome(
            packed,
            target,
            record.etag,
            record.size,
            created=False,
            latest=target.version == next_version - 1,
        )

    def _outcome(
        self,
        packed: PackedArchive,
        target: ModelName,
        etag: str,
        size: int,
        *,
        created: bool,
        latest: bool = True,
    ) -> Published:
        return Published(
            target_model=target.target_model,
            name=self._name,
            version=target.version,
            digest=packed.digest,
            unpacked_bytes=packed.unpacked_bytes,
            created=created,
            latest=latest,
            size=size,
            etag=etag,
        )
