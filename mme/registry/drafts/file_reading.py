"""Read a model file on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mme.archives.file_kind import is_lfs_pointer
from mme.archives.framework_archive import lfs_pointer
from mme.archives.model_files.content_stream import FileStream
from mme.archives.model_files.reading import ModelFile, read_model_file
from mme.errors import MmeError
from mme.findings import Finding

SUPPORTED: Final = (
    "ONNX (.onnx), TorchScript (.pt, .pth), a SavedModel's directory, XGBoost (.json, .ubj), "
    "LightGBM (.txt), scikit-learn (.joblib, .pkl, .skops), or a directory with MLmodel"
)
"""What a new model is made from, for messages."""

_HEAD_BYTES: Final = 600
_FOREIGN: Final = "model-file-foreign"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Explain that a file can't be read.

    Raises:
        MmeError: Reading it raised an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MmeError(f"{path} can't be read: {reason}", hint="give the path of a model file") from error


def read_start(path: Path) -> bytes:
    """Return the first bytes of a model file.

    Raises:
        MmeError: It can't be read, or is a Git LFS pointer.
    """
    with readable(path), path.open("rb", buffering=0) as file:
        start = file.read(_HEAD_BYTES)
    if is_lfs_pointer(start):
        raise MmeError(lfs_pointer(str(path)).message, hint="run git lfs pull")
    return start


def read_source(path: Path, ending: str | None = None) -> ModelFile:
    """Return what a model file says of itself.

    Args:
        path: The file.
        ending: Of the kind of file that it is. Default: its name's.

    Raises:
        MmeError: It can't be read, or is something else.
    """
    start = read_start(path)
    with readable(path), path.open("rb", buffering=0) as file:
        read = read_model_file(str(path), path.stat().st_size, start, FileStream(file), ending)
    if isinstance(read, Finding):
        hint = f"--from takes {SUPPORTED}" if read.code == _FOREIGN else read.hint
        raise MmeError(read.message, hint=hint)
    return read
