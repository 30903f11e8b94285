"""Pack a model into a file on this machine. A failure leaves no file."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mme.archives.check import check_model
from mme.archives.packing import tar_size, write_archive
from mme.errors import MmeError
from mme.registry.names import SUFFIX
from mme.registry.publishing import OnProgress


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A packed model.

    Attributes:
        path: The archive.
        size: Size of the archive, in bytes.
        unpacked_bytes: Bytes on the container's disk.
        digest: SHA-256 of the uncompressed tar.
    """

    path: Path
    size: int
    unpacked_bytes: int
    digest: str


def pack_to_file(
    directory: str | Path,
    output: str | Path | None = None,
    *,
    replace: bool = False,
    follow_links: bool = False,
    on_progress: OnProgress | None = None,
) -> PackedFile:
    """Check a model's directory and pack it, in constant memory.

    Args:
        directory: The model's directory.
        output: The archive. Default: the directory's name with `.tar.gz`, in the working directory.
        replace: Replace an existing file.
        follow_links: Pack what a symbolic link points at, if that is in the directory too.
        on_progress: Receives progress.

    Raises:
        ArchiveError: The directory has a fault, or changed while it was packed.
        MmeError: The file can't be written, or exists.
    """
    model = check_model(directory, follow_links=follow_links)
    path = Path(output) if output is not None else Path(model.directory.name + SUFFIX)
    # Not Path.is_dir(): it raises for a path that is too long.
    if os.path.isdir(path):  # noqa: PTH112
        raise MmeError(
            f"{path} is a directory", hint=f"name the archive: -o {path / model.directory.name}{SUFFIX}"
        )
    exists = os.path.exists(path)  # noqa: PTH110
    if exists and not path.is_file():
        raise MmeError(f"{path} is a device or a pipe, not a file", hint="name another file with -o")
    if exists and not replace:
        raise MmeError(f"{path} exists already", hint="give --force to replace it, or another name with -o")
    if path.absolute().is_relative_to(model.directory.root):
        raise MmeError(f"{path} is in the model's directory", hint="write it elsewhere with -o")
    total = tar_size(model.directory)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if on_progress:
            on_progress(done, total)

    temporary: Path | None = None
    try:
        # In the directory of the output, so that the rename is atomic.
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            packed = write_archive(model.directory, file, on_bytes=advance)
            size = file.tell()
        # mkstemp makes files that other users can't read.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MmeError(f"{path} can't be written: {reason}", hint="write it elsewhere with -o") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return PackedFile(path, size, packed.unpacked_bytes, packed.digest)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
