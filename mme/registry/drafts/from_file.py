"""Which kind of model a path is, and its model directory."""

from __future__ import annotations

import os
from pathlib import Path

from mme.errors import MmeError
from mme.registry.drafts.draft import Draft, DraftOptions, NewModel, check_new_name, write_draft
from mme.registry.drafts.onnx_draft import onnx_draft

SUPPORTED = "a .onnx file"
"""What `draft_from` takes, for messages."""


def model_from_file(
    name: str, source: str | Path, options: DraftOptions, parent: str | Path = "."
) -> NewModel:
    """Write the model directory of a model that a framework saved.

    Args:
        name: The name of the model and of its directory.
        source: The file or directory.
        options: What the user says about it.
        parent: Where to create the directory.

    Raises:
        MmeError: The name is invalid, the directory exists, or the model can't be served. Nothing is written.
    """
    check_new_name(name)
    directory = Path(parent) / name
    if os.path.lexists(directory):
        raise MmeError(f"{directory} exists already", hint="choose another name or another --in")
    return write_draft(draft_from(source, options), directory)


def draft_from(source: str | Path, options: DraftOptions) -> Draft:
    """Return the model directory of a model that a framework saved.

    Args:
        source: The file or directory.
        options: What the user says about it.

    Raises:
        MmeError: There is none, its kind is not known, or it can't be served.
    """
    path = Path(source)
    if not os.path.lexists(path):
        raise MmeError(f"there is no {path}", hint=f"--from takes {SUPPORTED}")
    if path.suffix == ".onnx":
        return onnx_draft(path, options)
    raise MmeError(f"{path} is not a model file of a known kind", hint=f"--from takes {SUPPORTED}")
