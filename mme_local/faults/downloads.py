"""Downloads of models that meet faults."""

from __future__ import annotations

import errno
import os

from mme_local.endpoint import errors
from mme_local.endpoint.archive import AbandonedError, Artifact
from mme_local.endpoint.archive_cache import Fetch, Order
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import FaultKind


def faulty_fetch(board: FaultBoard, model_data_url: str, fetch: Fetch) -> Fetch:
    """Wrap a download so that it meets faults.

    Args:
        board: the faults.
        model_data_url: S3 URL of the models, for error messages.
        fetch: the download.
    """
    bucket, _, prefix = model_data_url.removeprefix("s3://").partition("/")

    def fetch_or_fail(order: Order) -> Artifact:
        slow = board.take(FaultKind.S3_SLOW, order.model)
        if slow and order.abandoned.wait(slow.seconds):
            raise AbandonedError
        if board.take(FaultKind.S3_FAILING, order.model):
            raise errors.artifact_unavailable(bucket, prefix + order.model)
        if board.take(FaultKind.DISK_FULL, order.model):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fetch(order)

    return fetch_or_fail
