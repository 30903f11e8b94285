"""What has to be on the disk before something else may rely on it."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(path: Path) -> None:
    """Have the disk know of a folder's entries; a file's own ``fsync`` is of its content only."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
