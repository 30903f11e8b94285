"""How large a request may be."""

from __future__ import annotations

import warnings

from mme.catalog.limits import PAYLOAD_MAX_BYTES, PAYLOAD_WARN_BYTES
from mme.client.errors import PayloadTooLargeError


class LargePayloadWarning(UserWarning):
    """The request is larger than SageMaker's API model says, though not than its documentation."""


def check_payload(body: bytes | bytearray) -> bytes | bytearray:
    """Returns the body if SageMaker takes it, with a LargePayloadWarning above 6 MiB.

    Raises:
        PayloadTooLargeError: it has more than 25 MB.
    """
    size = len(body)
    if size > PAYLOAD_MAX_BYTES:
        raise PayloadTooLargeError(
            f"the request has {size / 1e6:.1f} MB, and SageMaker takes {PAYLOAD_MAX_BYTES / 1e6:.0f} MB",
            hint="send a smaller batch",
        )
    if size > PAYLOAD_WARN_BYTES:
        warnings.warn(
            f"a request of {size / 1e6:.1f} MB: above {PAYLOAD_WARN_BYTES / 1e6:.1f} MB it may be refused",
            LargePayloadWarning,
            stacklevel=4,
        )
    return body
