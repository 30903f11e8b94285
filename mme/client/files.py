"""Read requests from files and save answers to files."""

from __future__ import annotations

import json
import sys
import zipfile
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
    """Return the content of a file, or of standard input for `-`.

    Raises:
        TensorError: It can't be read.
    """
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise TensorError(
            f"{path} can't be read: {(error.strerror or str(error)).lower()}",
            hint="give the path of a file, or - for standard input",
        ) from error


def read_body(path: Path, content_type: str | None = None) -> tuple[bytes, str]:
    """Return the bytes of a request and their content type.

    Args:
        path: As in `read_bytes`.
        content_type: Default: by the file's extension.

    Raises:
        MmeError: The file can't be read, or its extension has no known content type.
    """
    sent_as = content_type or content_type_of(path)
    return read_bytes(path), sent_as


def content_type_of(path: Path) -> str:
    """Return the content type for a file's extension.

    Raises:
        MmeError: The extension has no known content type.
    """
    found = _CONTENT_TYPES.get(path.suffix.lower())
    if found is None:
        what = "standard input" if path == STANDARD_INPUT else f"the extension of {path}"
        raise MmeError(
            f"{what} does not tell the content type", hint="set it, for example --content-type text/csv"
        )
    return found


def check_outputs_path(path: Path) -> Path:
    """Return the path if outputs can be saved there.

    Raises:
        MmeError: The extension is not supported, or the directory does not exist.
    """
    if path.suffix.lower() not in _OUTPUT_FORMS:
        raise MmeError(
            f"the extension of {path} does not tell how to save tensors",
            hint=f"use {', '.join(_OUTPUT_FORMS)}",
        )
    return check_directory(path)


def check_directory(path: Path) -> Path:
    """Return the path if its directory exists.

    Raises:
        MmeError: It does not.
    """
    if not path.parent.is_dir() or path.is_dir():
        what = "is a directory" if path.is_dir() else "can't be written: its directory does not exist"
        raise MmeError(f"{path} {what}", hint="choose a file in an existing directory")
    return path


def save_outputs(path: Path, outputs: dict[str, Array]) -> None:
    """Save outputs: all of them as .npz or .json, a single one as .npy.

    Strings are numpy byte strings in .npz and .npy, and text in JSON.

    Args:
        path: File to write.
        outputs: Output name to array.

    Raises:
        MmeError: The file can't be written, or can't hold these outputs.
    """
    check_outputs_path(path)
    form = path.suffix.lower()
    if form == ".npy" and len(outputs) != 1:
        raise MmeError(
            f"a .npy file holds one array; the model has {len(outputs)} outputs: {', '.join(outputs)}",
            hint="use .npz, or select one output: --only NAME",
        )
    try:
        if form == ".json":
            text = json.dumps(outputs_json(outputs), indent=2, ensure_ascii=False, allow_nan=False)
            path.write_text(text + "\n", encoding="utf-8")
            return
        plain = {name: _without_objects(name, array) for name, array in outputs.items()}
        if form == ".npy":
            (array,) = plain.values()
            with path.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            return
        # numpy.savez has parameters of its own, whose names an output may have.
        with zipfile.ZipFile(path, "w") as archive:
            for name, array in plain.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.save(member, array, allow_pickle=False)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> MmeError:
    """Return the error for an answer that can't be saved.

    Args:
        path: The file.
        error: What writing it raised.
    """
    reason = (error.strerror or str(error)).lower()
    return MmeError(f"{path} can't be written: {reason}", hint="choose another file: --output FILE")


def outputs_json(outputs: dict[str, Array]) -> dict[str, Any]:
    """Return outputs with data types and shapes for JSON, as `--json-input` reads them.

    NaN and infinities become strings; invalid UTF-8 in BYTES is replaced.
    """
    return {
        name: {"datatype": datatype_of(array), "shape": list(array.shape), "data": _data(array)}
        for name, array in outputs.items()
    }


def _data(array: Array) -> Any:
    decoded = array.astype(object)
    if array.dtype.kind == "f":
        for text, unwanted in (("NaN", np.isnan), ("Infinity", np.isposinf), ("-Infinity", np.isneginf)):
            decoded[unwanted(array)] = text
    if array.dtype.kind != "O":
        return decoded.tolist()
    decoded.reshape(-1)[:] = [
        item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.reshape(-1)
    ]
    return decoded.tolist()


def _without_objects(name: str, array: Array) -> Array:
    """Return strings as numpy byte strings: reading objects from a file means unpickling, which runs code."""
    if array.dtype.kind != "O":
        return array
    if any(bytes(item).endswith(b"\0") for item in array.reshape(-1)):
        raise TensorError(
            f"output {name} has strings that end in a zero byte, which .npz and .npy drop",
            hint="save it as .json",
        )
    return array.astype("S")
