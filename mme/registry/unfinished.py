"""Uploads in parts that this machine began: so that one whose process was killed is cleared away by the next.

Whoever is interrupted clears up by itself. Whoever is killed (`kill -9`, power, out of memory) can't, and S3
keeps, and bills, the parts it was sent. So each upload has a note on this machine while it lasts. The note's
file is locked by its process, and the system lets go of a lock when its process ends, in whatever way: a note
that can be locked by another belongs to nobody any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

try:
    import fcntl
except ImportError:  # Windows has no such locks: there the bucket's lifecycle rule does it all
    fcntl = None  # type: ignore[assignment]

_GONE = ("NoSuchUpload", "404", "NoSuchBucket")


class Note:
    """One upload's note. Nothing in it may fail an upload.

    Args:
        path: its file.
        handle: of the file, which holds the lock.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle

    def close(self, *, upload_gone: bool) -> None:
        """Ends it with its upload.

        Args:
            upload_gone: False where parts may be left: then the note stays, for the next to come.
        """
        with contextlib.suppress(OSError):
            if upload_gone:
                self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(self._handle)


class UnfinishedUploads:
    """The notes of one user on one machine.

    Args:
        folder: where they lie. Default: none are made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if fcntl else None

    def note(self, s3: S3Client, bucket: str, key: str, upload: str) -> Note | None:
        """Makes a note of an upload just begun; None where that can't be.

        Args:
            s3: the client that began it.
            bucket: where to.
            key: the object to be.
            upload: S3's id of it.
        """
        if self._folder is None:
            return None
        content = {"url": s3.meta.endpoint_url, "bucket": bucket, "key": key, "upload": upload}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".")
            try:
                # Before it has the name by which others find it.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(handle, json.dumps(content).encode())
                path = self._folder / f"{hashlib.sha256(upload.encode()).hexdigest()[:32]}.json"
                Path(name).rename(path)
            except OSError:
                os.close(handle)
                Path(name).unlink(missing_ok=True)
                return None
        except OSError:
            return None
        return Note(path, handle)

    def abort_abandoned(self, s3: S3Client, bucket: str) -> list[str]:
        """Aborts what ended processes left in a bucket, and returns the keys.

        What can't be aborted keeps its note.

        Args:
            s3: a client of that bucket.
            bucket: the bucket.
        """
        if self._folder is None or not self._folder.is_dir():
            return []
        with contextlib.suppress(OSError):
            found = sorted(self._folder.glob("*.json"))
            return [key for path in found if (key := _abort(path, s3, bucket))]
        return []


def _abort(path: Path, s3: S3Client, bucket: str) -> str | None:
    """The key of the upload that was aborted, or None where it is not for us to abort."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        note: Any = json.loads(path.read_bytes())
        if (note["url"], note["bucket"]) != (s3.meta.endpoint_url, bucket):
            return None
        try:
            s3.abort_multipart_upload(Bucket=bucket, Key=note["key"], UploadId=note["upload"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                return None
        path.unlink(missing_ok=True)
        return str(note["key"])
    except (ValueError, KeyError, TypeError):
        path.unlink(missing_ok=True)  # cut short when it was written
        return None
    except (OSError, BotoCoreError):
        return None  # somebody lives who holds it, or S3 can't be reached
    finally:
        os.close(handle)
