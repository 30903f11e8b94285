"""Downloads of models that meet faults."""

from __future__ import annotations

import errno
import os

from mme_local.endpoint import errors
from mme_local.endpoint.archive_cache import AbandonedError, Download, Fetch, UnpackedArchive
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FaultType


def faulty_fetch(board: FaultBoard, model_data_url: str, fetch: Fetch) -> Fetch:
    """Wrap a download so that it meets faults.

    Args:
        board: the faults.
        model_data_url: S3 URL of the models, for error messages.
        fetch: the download.
    """
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def fetch_or_fail(download: Download) -> UnpackedArchive:
        slow = board.take(FaultType.S3_SLOW, download.model)
        if slow and download.abandoned.wait(slow.seconds):
            raise AbandonedError
        if board.take(FaultType.S3_FAILING, download.model):
            raise errors.artifact_unavailable(bucket, prefix + download.model)
        if board.take(FaultType.DISK_FULL, download.model):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fetch(download)

    return fetch_or_fail
