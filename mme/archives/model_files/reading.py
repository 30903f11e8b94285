"""Which of an archive's files are read as models, and what each says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from mme.archives.file_kind import file_kind
from mme.archives.model_files.booster import Booster, read_lightgbm, read_xgboost
from mme.archives.model_files.content_stream import ContentStream
from mme.archives.model_files.onnx_model import OnnxModel, read_onnx
from mme.archives.model_files.saved_model import SavedModel, read_saved_model
from mme.archives.model_files.wire import WireError
from mme.findings import Finding

ModelFile: TypeAlias = OnnxModel | SavedModel | Booster
"""What a model's file says of itself."""

_ORT_FORMAT: Final = b"ORTM"
_READERS: Final[dict[str, tuple[str, Callable[[ContentStream, int], ModelFile]]]] = {
    ".onnx": ("an ONNX model", read_onnx),
    "saved_model.pb": ("a SavedModel", read_saved_model),
    ".ubj": ("an XGBoost model", read_xgboost),
    ".json": ("an XGBoost model in JSON", read_xgboost),
    ".txt": ("a LightGBM model", read_lightgbm),
}
"""What a file with this ending should be, and its reader."""

_GRAPHS: Final = {".onnx": 7, ".pb": 2}
_BY_NAME: Final = (".onnx", "saved_model.pb", ".ubj")
_XGBOOST_JSON: Final = re.compile(rb'\s*\{\s*"learner"')


def reads(path: str, start: bytes) -> bool:
    """Return whether a file is read as a model, by its name and, as for JSON, by its first bytes.

    Args:
        path: Of the file.
        start: Its first bytes.
    """
    return path.endswith(_BY_NAME) or (path.endswith(".json") and _XGBOOST_JSON.match(start) is not None)


def read_model_file(
    path: str, size: int, start: bytes, stream: ContentStream, ending: str | None = None
) -> ModelFile | Finding:
    """Read a model's file; return what it says, or what is wrong with it.

    Args:
        path: Of the file, for messages.
        size: Of the file, in bytes.
        start: Its first bytes.
        stream: All of it.
        ending: Of the kind of file that it is. Default: the one of its name, of which `reads` is true.
    """
    what, read = next(reader for known, reader in _READERS.items() if (ending or path).endswith(known))
    try:
        return read(stream, size)
    except WireError as error:
        # The graph is by far the largest part: nothing else ends beyond a file that was cut off.
        if error.missing and error.field == _GRAPHS.get(ending or path[path.rfind(".") :]):
            text = f"{path} ends in the middle: {error.missing:,} bytes are missing"
            hint = "a download or a copy was cut off: get the file again"
            return Finding.error("model-file-truncated", text, hint)
    if not size:
        return Finding.error("model-file-empty", f"{path} is an empty file", "save the model again")
    kind = file_kind(start) or ("in ONNX Runtime's own format" if start[4:8] == _ORT_FORMAT else None)
    text = f"{path} is {kind}, not {what}" if kind else f"{path} is not {what}; it starts with {start[:8]!r}"
    return Finding.error("model-file-foreign", text, f"put {what} there, as its exporter wrote it")
