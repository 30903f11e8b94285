"""A model directory that is to be written."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mme.archives.check import check_model
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.names import check_name

Content = bytes | Path | None
"""A file's bytes, or the file to copy; None makes a directory."""


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """What the user says about a model, in addition to its file.

    Attributes:
        gpu: Whether it runs on a GPU; None if that is not said, which is no.
        max_batch_size: Largest batch; 0 if shapes have no batch dimension, None to find out.
        inputs: Tensors that the file does not state; dims without the batch.
        outputs: As inputs.
        convert_to: `onnx` to convert it; empty to serve it as it is.
    """

    gpu: bool | None = None
    max_batch_size: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    convert_to: str = ""

    def refuse(self, path: Path, reason: str, *, tensors_only: bool = False) -> None:
        """Refuse options that have no meaning for a model.

        Args:
            path: Of the model.
            reason: Why they have none.
            tensors_only: Refuse inputs and outputs alone, else what only Triton's models have.

        Raises:
            MmeError: One was given.
        """
        given = {"--input": bool(self.inputs), "--output": bool(self.outputs)}
        if not tensors_only:
            given |= {"--max-batch-size": self.max_batch_size is not None, "--kind": self.gpu is not None}
        names = " and ".join(name for name, value in given.items() if value)
        if names:
            raise MmeError(f"{names} can't be given for {path}; {reason}", hint=f"leave out {names}")


@dataclass(frozen=True, slots=True)
class Draft:
    """A model directory that is to be written.

    Attributes:
        files: Content by path in the directory.
        beside: Content by name, of files next to the directory.
        facts: What was found out about the model, a line each.
        request: The path in `files` of an example request; empty if there is none.
        next_step: A command to run before the model can be published; empty if it is ready.
    """

    files: Mapping[str, Content]
    beside: Mapping[str, Content] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    request: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model directory that was written.

    Attributes:
        directory: The model's directory.
        files: All files that were written.
        facts: What was found out about the model, a line each.
        request: An example request; None if there is none.
        next_step: A command to run before the model can be published; empty if it is ready.
    """

    directory: Path
    files: tuple[Path, ...]
    facts: tuple[str, ...] = ()
    request: Path | None = None
    next_step: str = ""


def check_new_name(name: str) -> str:
    """Return the name if a new model's directory may have it.

    Raises:
        MmeError: It can't be a model's name, or has a folder.
    """
    check_name(name)
    if "/" in name:
        raise MmeError(
            f"{name} has a folder; a model's directory has the name only",
            hint=f"create {name.rpartition('/')[2]}, and publish it with --name {name}",
        )
    return name


def write_draft(draft: Draft, directory: Path) -> NewModel:
    """Write a model directory, all of it or nothing.

    It is written under another name, checked as `mme models add` checks it, and renamed.

    Args:
        draft: What to write.
        directory: Where; it must not exist.

    Raises:
        MmeError: Something of that name exists, it can't be written, or the container would not serve it.
    """
    beside = {directory.parent / name: content for name, content in draft.beside.items()}
    for target in (directory, *beside):
        if os.path.lexists(target):
            raise MmeError(f"{target} exists already", hint="choose another name or another --in")
    new_parents = [one for one in directory.parents if not one.exists()]
    scratch = directory.parent / f".{directory.name[:40]}-{secrets.token_hex(4)}"
    try:
        _write_all(draft, scratch / directory.name, beside)
        (scratch / directory.name).rename(directory)
    except BaseException as error:
        for path in (scratch, *beside, *new_parents):
            _remove(path)
        if not isinstance(error, OSError):
            raise
        reason = "not a directory" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise MmeError(
            f"{directory} can't be written: {reason.lower()}", hint="choose another place: --in PATH"
        ) from error
    _remove(scratch)
    return NewModel(
        directory,
        (*(directory / path for path, content in draft.files.items() if content is not None), *beside),
        draft.facts,
        directory / draft.request if draft.request else None,
        draft.next_step,
    )


def _write_all(draft: Draft, directory: Path, beside: Mapping[Path, Content]) -> None:
    """Write the files of a draft; the directory's name is the model's, which messages name."""
    directory.mkdir(parents=True)
    for path, content in draft.files.items():
        _write(directory / path, content)
    if not draft.next_step:
        check_model(directory)
    for target, content in beside.items():
        _write(target, content)


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)


def _remove(path: Path) -> None:
    """Remove a file or directory that was made; a directory with other files stays."""
    if path.name.startswith("."):
        shutil.rmtree(path, ignore_errors=True)
    elif path.is_dir():
        with contextlib.suppress(OSError):
            path.rmdir()
    else:
        path.unlink(missing_ok=True)
