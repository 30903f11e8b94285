"""glibc's allocator, told to keep what payloads take: fetching it anew can cost more than all else of a call.

Source: mallopt(3). A buffer over its threshold is mapped by itself and unmapped when it is freed, and the top
of the heap goes back as soon as it is free: then every page of each payload is faulted in again.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_MAPPED_FROM_BYTES: Final = 8 * 1024 * 1024
_KEPT_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> None:
    """Have each arena of this process keep up to 32 MiB that was freed, for buffers of up to 8 MiB.

    Without glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
