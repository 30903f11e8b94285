"""Requests and answers as files, for the command line and for scripts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from mme.client.datatypes import Array, datatype_of
from mme.client.errors import TensorError
from mme.client.forms import CSV, JSON, JSON_LINES, NPY
from mme.errors import MmeError

STANDARD_INPUT: Final = Path("-")

_CONTENT_TYPES: Final = {
    ".csv": CSV,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".jsonlines": JSON_LINES,
    ".npy": NPY,
    ".txt": "text/plain",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_OUTPUT_FORMS: Final = (".npz", ".npy", ".json")


def read_bytes(path: Path) -> bytes:
    """A file's content, or that of standard input for `-`.

    Raises:
        TensorError: it can't be read.
    """
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise TensorError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from error


def content_type_of(path: Path) -> str:
    """What a file's ending says it is.

    Raises:
        MmeError: it says nothing.
    """
    found = _CONTENT_TYPES.get(path.suffix.lower())
    if found is None:
        what = "standard input" if path == STANDARD_INPUT else f"{path}'s ending"
        raise MmeError(
            f"{what} does not tell what the body is", hint="say it: --content-type text/csv, for instance"
        )
    return found


def check_outputs_path(path: Path) -> Path:
    """Returns the path if outputs can be saved there, before anything is called.

    Raises:
        MmeError: its ending is none that outputs can have, or its directory is missing.
    """
    if path.suffix.lower() not in _OUTPUT_FORMS:
        raise MmeError(
            f"{path} does not say how to save tensors", hint=f"end it in {', '.join(_OUTPUT_FORMS)}"
        )
    return check_directory(path)


def check_directory(path: Path) -> Path:
    """Returns the path if there is a directory for it.

    Raises:
        MmeError: there is none.
    """
    if not path.parent.is_dir() or path.is_dir():
        what = "is a directory" if path.is_dir() else "can't be written: there is no such directory"
        raise MmeError(f"{path} {what}", hint="choose a file in a directory that exists")
    return path


def save_outputs(path: Path, outputs: dict[str, Array]) -> None:
    """Saves a model's outputs: all as .npz or .json, the only one as .npy.

    Strings are numpy's byte strings there, and text in JSON.

    Raises:
        MmeError: the file can't be written, or can't hold these outputs.
    """
    check_outputs_path(path)
    form = path.suffix.lower()
    if form == ".npy" and len(outputs) != 1:
        raise MmeError(
            f"a .npy file holds one array, and the model has {len(outputs)} outputs: {', '.join(outputs)}",
            hint="end it in .npz, or choose one: --only NAME",
        )
    try:
        if form == ".json":
            text = json.dumps(outputs_json(outputs), indent=2, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
            return
        plain = {name: _without_objects(name, array) for name, array in outputs.items()}
        with path.open("wb") as file:
            if form == ".npy":
                (array,) = plain.values()
                np.save(file, array, allow_pickle=False)
            else:
                np.savez(file, **plain)
    except OSError as error:
        raise MmeError(f"{path} can't be written: {(error.strerror or str(error)).lower()}") from error


def outputs_json(outputs: dict[str, Array]) -> dict[str, Any]:
    """Outputs with their types and shapes, as JSON has them: BYTES as UTF-8, with what is none replaced."""
    return {
        name: {"datatype": datatype_of(array), "shape": list(array.shape), "data": _data(array)}
        for name, array in outputs.items()
    }


def _data(array: Array) -> Any:
    if array.dtype.kind != "O":
        return array.tolist()
    decoded = array.copy()
    decoded.reshape(-1)[:] = [
        item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.reshape(-1)
    ]
    return decoded.tolist()


def _without_objects(name: str, array: Array) -> Array:
    """Strings as numpy's own: objects in a file would have to be unpickled, which runs what it says."""
    if array.dtype.kind != "O":
        return array
    if any(bytes(item).endswith(b"\0") for item in array.reshape(-1)):
        raise TensorError(
            f"output {name} has strings that end in a zero byte, which numpy's files lose",
            hint="save it as .json",
        )
    return array.astype("S")
