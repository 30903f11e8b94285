"""A model directory for AWS's TensorFlow image from a SavedModel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from mme.archives.model_directory import is_junk
from mme.archives.model_files.saved_model import SERVING_SIGNATURE, SavedModel
from mme.errors import MmeError
from mme.registry.drafts.draft import Content, Draft, DraftOptions
from mme.registry.drafts.file_reading import read_source
from mme.registry.drafts.triton_config import REQUEST_FILE, TritonModel

SAVED_MODEL_FILE: Final = "saved_model.pb"


def saved_model_draft(path: Path, options: DraftOptions) -> Draft:
    """Return the model directory of a SavedModel, for TensorFlow Serving: the SavedModel as its version 1.

    Args:
        path: The directory that holds saved_model.pb.
        options: What the user says about it.

    Raises:
        MmeError: It is not a SavedModel, or has no signature to serve.
    """
    model = read_source(path / SAVED_MODEL_FILE)
    signature = model.serving if isinstance(model, SavedModel) else None
    if not isinstance(model, SavedModel) or signature is None:
        names = [name for name in getattr(model, "signatures", {}) if not name.startswith("__")]
        known = ", ".join(sorted(names)) or "none"
        raise MmeError(
            f"{path} has no signature {SERVING_SIGNATURE}; it has: {known}",
            hint="save it with signatures=..., or model.export(PATH)",
        )
    options.refuse(
        path, "AWS's TensorFlow image serves it, with the file's tensors, on what its instance has"
    )
    described = TritonModel((), signature.inputs, signature.outputs, max_batch_size=0)
    files: dict[str, Content] = {
        f"1/{file.relative_to(path).as_posix()}": file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(is_junk(part) for part in file.relative_to(path).parts)
    }
    files[REQUEST_FILE] = _request(described)
    files[".mmeignore"] = f"{REQUEST_FILE}\n".encode()
    facts = (
        f"TensorFlow SavedModel, signature {SERVING_SIGNATURE}",
        *described.lines(),
        "served by AWS's TensorFlow image; Triton's images from 25.04 on have no TensorFlow",
    )
    return Draft(files, facts=facts, request=REQUEST_FILE)


def _request(model: TritonModel) -> bytes:
    """Return a request of TensorFlow Serving's REST interface, in columns."""
    tensors = json.loads(model.request())["inputs"]
    return json.dumps(
        {"inputs": {one["name"]: _nested(one["data"], one["shape"]) for one in tensors}}
    ).encode()


def _nested(data: list[object], shape: list[int]) -> object:
    if not shape:
        return data[0]
    if len(shape) == 1:
        return data
    step = len(data) // shape[0]
    return [_nested(data[start : start + step], shape[1:]) for start in range(0, len(data), step or 1)]
