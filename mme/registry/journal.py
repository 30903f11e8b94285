"""What this machine published before, so that it needs not be read, checked and asked for again.

As git's index does, it knows a directory again by what the file system tells of its files: sizes, times and
inodes. It is a memory, not a truth: without it, everything is slower and comes out the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from mme.archives.model_directory import ModelDirectory
from mme.registry.model_store import ModelStore
from mme.registry.outcome import Published
from mme.registry.unfinished import UnfinishedUploads

_FORMAT: Final = 1
_MAX_ENTRIES: Final = 20_000

_UNSURE_NS: Final = 2_000_000_000
"""A file changed this shortly before it was looked at may change again within one tick of its file system's
clock, unseen: two seconds are the coarsest there is (FAT). git calls it racy."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a directory's content lies in one store.

    Attributes:
        name: what it was published as.
        version: the version with this content.
        etag: of that object.
        size: of that object.
    """

    name: str
    version: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a directory that has not changed since.

    Attributes:
        digest: SHA-256 of its uncompressed tar.
        unpacked_bytes: sum of its files' contents.
        places: where it was published, by store.
    """

    digest: str
    unpacked_bytes: int
    places: dict[str, Place]

    def place_in(self, store: ModelStore) -> Place | None:
        """Where it lies in a store, as far as is known."""
        return self.places.get(_key(store))


class Journal:
    """The memory of publishing. Threads may share it.

    Args:
        path: its file. Default: nothing is read or written.
        unsure_ns: how old a change must be to be sure that none came after it.

    Attributes:
        uploads: in parts, that are under way from this machine; noted beside the file.
    """

    def __init__(self, path: Path | None = None, *, unsure_ns: int = _UNSURE_NS) -> None:
        self._path = path
        self._unsure_ns = unsure_ns
        self.uploads = UnfinishedUploads(path.parent / "uploads" if path else None)
        self._lock = threading.Lock()
        self._changed = False
        self._entries: dict[str, dict[str, Any]] = {}
        self._digests: dict[str, str] = {}
        self._code = _code_version()
        if path is not None:
            self._read(path)

    @classmethod
    def of_user(cls) -> Journal:
        """The one of this user: in XDG_CACHE_HOME, else ~/.cache."""
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        try:
            return cls(Path(caches).expanduser() / "mme" / "published.json")
        except RuntimeError:
            return cls()  # a user without a home

    def recall(self, directory: ModelDirectory) -> Remembered | None:
        """What is known of a directory, if nothing in it has changed."""
        entry = self._entries.get(str(directory.root))
        if entry is None:
            return None
        try:
            mark, _ = self._fingerprint(directory)
            if entry["mark"] != mark:
                return None
            places = {key: Place(**place) for key, place in entry["places"].items()}
            return Remembered(entry["digest"], entry["unpacked_bytes"], places)
        except (OSError, KeyError, TypeError, AttributeError):
            return None

    def look(self, directory: ModelDirectory) -> str | None:
        """What the file system tells of a directory now: to be handed to `remember` once it was published.

        None where it changed too lately to be known again.
        """
        try:
            mark, newest = self._fingerprint(directory)
        except OSError:
            return None
        return mark if newest < time.time_ns() - self._unsure_ns else None

    def remember(self, store: ModelStore, directory: ModelDirectory, mark: str, outcome: Published) -> None:
        """Keeps what came of publishing a directory.

        Args:
            store: where to.
            directory: what was published.
            mark: of before it was read. A change since then makes another one, so it will not be known again.
            outcome: what came of it.
        """
        place = asdict(Place(outcome.name, outcome.version, outcome.etag, outcome.size))
        with self._lock:
            before = self._entries.pop(str(directory.root), {})
            places = before.get("places", {}) if before.get("mark") == mark else {}
            self._entries[str(directory.root)] = {
                "mark": mark,
                "digest": outcome.digest,
                "unpacked_bytes": outcome.unpacked_bytes,
                "places": places | {_key(store): place},
            }
            self._changed = True

    def digest_of(self, target_model: str, etag: str) -> str | None:
        """The digest of an object seen before: an object of one key and ETag has one content."""
        return self._digests.get(f"{target_model} {etag}")

    def remember_digest(self, target_model: str, etag: str, digest: str) -> None:
        """Keeps an object's digest, which only a request of its own tells."""
        with self._lock:
            self._digests[f"{target_model} {etag}"] = digest
            self._changed = True

    def save(self) -> None:
        """Writes the file, whole or not at all. A cache that can't be written is none, and no error."""
        if self._path is None or not self._changed:
            return
        with self._lock:
            content = {
                "format": _FORMAT,
                "entries": dict(list(self._entries.items())[-_MAX_ENTRIES:]),
                "digests": dict(list(self._digests.items())[-_MAX_ENTRIES:]),
            }
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
            Path(temporary).replace(self._path)

    def _read(self, path: Path) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            if content["format"] == _FORMAT:
                self._entries, self._digests = dict(content["entries"]), dict(content["digests"])

    def _fingerprint(self, directory: ModelDirectory) -> tuple[str, int]:
        newest = 0
        # Another version of the toolkit may check or pack otherwise.
        facts: list[object] = [self._code]
        for member in directory.members:
            status = (directory.root / member.path).lstat()
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
            facts.append((member.path, status.st_mode, status.st_size, status.st_ino))
            facts.append((status.st_mtime_ns, status.st_ctime_ns))
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest(), newest


def _key(store: ModelStore) -> str:
    return f"{store.s3.meta.endpoint_url} {store.url}"


def _code_version() -> str:
    try:
        return version("sagemaker-mme")
    except PackageNotFoundError:
        return ""
