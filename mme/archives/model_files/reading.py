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
from mme.archives.model_files.torch_script import TorchScript
from mme.archives.model_files.wire import WireError
from mme.findings import Finding

ModelFile: TypeAlias = OnnxModel | SavedModel | Booster | TorchScript
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

_GRAPHS: Final = {".onnx": 7, "saved_model.pb": 2}
_BY_NAME: Final = (".onnx", "saved_model.pb", ".ubj")
_XGBOOST: Final = {".json": re.compile(rb'\s*\{\s*"learner"'), ".ubj": re.compile(rb"\{L\x00{7}\x07learner")}
"""How boosters begin: AWS's own are called `xgboost-model`, without an ending."""


def kind_of(path: str, start: bytes) -> str | None:
    """Return the kind of a model's file as an ending, such as `.onnx`; None if it is not read as a model.

    Args:
        path: Of the file.
        start: Its first bytes.
    """
    by_name = next((ending for ending in _BY_NAME if path.endswith(ending)), None)
    return by_name or next((ending for ending, begins in _XGBOOST.items() if begins.match(start)), None)


def read_model_file(
    path: str, size: int, start: bytes, stream: ContentStream, ending: str | None = None
) -> ModelFile | Finding:
    """Read a model's file; return what it says, or what is wrong with it.

    Args:
        path: Of the file, for messages.
        size: Of the file, in bytes.
        start: Its first bytes.
        stream: All of it.
        ending: Of the kind of file that it is, from `kind_of`. Default: the one of its name.
    """
    kind = next(known for known in _READERS if (ending or path).endswith(known))
    what, read = _READERS[kind]
    try:
        return read(stream, size)
    except WireError as error:
        # The graph is by far the largest part: nothing else ends beyond a file that was cut off.
        if error.missing and error.field == _GRAPHS.get(kind):
            text = f"{path} ends in the middle: {error.missing:,} bytes are missing"
            hint = "a download or a copy was cut off: get the file again"
            return Finding.error("model-file-truncated", text, hint)
    if not size:
        return Finding.error("model-file-empty", f"{path} is an empty file", "save the model again")
    found = file_kind(start) or ("in ONNX Runtime's own format" if start[4:8] == _ORT_FORMAT else None)
    text = (
        f"{path} is {found}, not {what}" if found else f"{path} is not {what}; it starts with {start[:8]!r}"
    )
    return Finding.error("model-file-foreign", text, f"put {what} there, as its exporter wrote it")
