"""Read a model file on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mme.archives.file_kind import is_lfs_pointer
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


def read_source(path: Path, ending: str | None = None) -> ModelFile:
    """Return what a model file says of itself.

    Args:
        path: The file.
        ending: Of the kind of file that it is. Default: its name's.

    Raises:
        MmeError: It can't be read, or is something else.
    """
    try:
        with path.open("rb", buffering=0) as file:
            start = file.read(_HEAD_BYTES)
            if is_lfs_pointer(start):
                raise MmeError(
                    f"{path} is a Git LFS pointer, not the file it points to", hint="run git lfs pull"
                )
            file.seek(0)
            size = path.stat().st_size
            read = read_model_file(str(path), size, start, FileStream(file), ending)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MmeError(f"{path} can't be read: {reason}", hint="give the path of a model file") from error
    if isinstance(read, Finding):
        hint = f"--from takes {SUPPORTED}" if read.code == _FOREIGN else read.hint
        raise MmeError(read.message, hint=hint)
    return read
