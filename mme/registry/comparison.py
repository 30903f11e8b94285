"""Compare two versions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.model_files.onnx_model import OnnxModel, OnnxTensor
from mme.archives.model_files.reading import ModelFile
from mme.archives.model_files.saved_model import SavedModel, Signature
from mme.archives.model_files.torch_script import TorchScript
from mme.archives.signature import TensorSignature
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.layout import read_triton
from mme.findings import Finding
from mme.registry.archive_contents import ArchiveContents, open_archive, read_contents
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.targets import find_target

_CONFIG_MAX_LINES: Final = 2000


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs.

    Attributes:
        path: Path in the archive.
        before: Size in the first version, in bytes, or None if it is new.
        after: Size in the second, in bytes, or None if it was removed.
    """

    path: str
    before: int | None
    after: int | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """The differences between two versions.

    Attributes:
        before: The first version.
        after: The second version.
        identical: Whether they are the same tar; nothing else was compared then.
        files: The files that differ, by path.
        unchanged: How many files do not differ.
        signature: What differs of the tensors that Triton serves and of what models' files state:
            `input X: FP32[4] -> FP32[8]`, `1/model.onnx: operator set: 13 -> 17`.
        config: A unified diff of config.pbtxt, line by line; empty if it has over 2,000 lines.
    """

    before: ModelRecord
    after: ModelRecord
    identical: bool
    files: tuple[FileChange, ...] = ()
    unchanged: int = 0
    signature: tuple[str, ...] = ()
    config: tuple[str, ...] = ()


def compare(store: ModelStore, before: str, after: str) -> VersionComparison:
    """Compare two archives by streaming each once, in constant memory and without the disk.

    Args:
        store: The store.
        before: The first archive.
        after: The second archive.

    Raises:
        MmeError: An archive does not exist or is damaged.
    """
    first, second = find_target(store, before), find_target(store, after)
    if first.target_model == second.target_model or (first.digest and first.digest == second.digest):
        return VersionComparison(first, second, identical=True)
    old, new = _read(store, first), _read(store, second)
    if old.digest == new.digest:
        return VersionComparison(first, second, identical=True)
    files = tuple(
        FileChange(path, _size(old, path), _size(new, path))
        for path in sorted(old.files.keys() | new.files.keys())
        if old.files.get(path) != new.files.get(path)
    )
    texts = _config_lines(old.contents), _config_lines(new.contents)
    names = f"{before}/config.pbtxt", f"{after}/config.pbtxt"
    # difflib's time grows with the square of the lines.
    short = max(map(len, texts)) <= _CONFIG_MAX_LINES
    config = difflib.unified_diff(texts[0], texts[1], *names, lineterm="") if short else ()
    return VersionComparison(
        first,
        second,
        identical=False,
        files=files,
        unchanged=len(old.files.keys() & new.files.keys()) - sum(one.kind == "changed" for one in files),
        signature=(
            *_changes(_served(old.contents), _served(new.contents)),
            *_model_changes(old.contents, new.contents),
        ),
        config=tuple(config),
    )


def _read(store: ModelStore, record: ModelRecord) -> ArchiveContents:
    with open_archive(store, record.target_model) as stream:
        return read_contents(stream, record.target_model)


def _size(contents: ArchiveContents, path: str) -> int | None:
    file = contents.files.get(path)
    return file.size if file else None


def _config_lines(contents: Contents) -> list[str]:
    return (contents.whole(CONFIG_FILE) or b"").decode("utf-8", "replace").splitlines()


def _changes(old: Mapping[str, str], new: Mapping[str, str], source: str = "") -> Iterator[str]:
    """Yield a line for each fact that differs."""
    start = f"{source}: " if source else ""
    for name in dict.fromkeys([*old, *new]):
        first, second = old.get(name), new.get(name)
        if first is None:
            yield f"{start}{name} added: {second}"
        elif second is None:
            yield f"{start}{name} removed: {first}"
        elif first != second:
            yield f"{start}{name}: {first} -> {second}"


def _served(contents: Contents) -> dict[str, str]:
    """Return what Triton serves: the configuration's tensors, completed from the model's file."""
    main = read_triton(contents, EndpointTraits()).main
    signature = main.signature if main else TensorSignature()
    return _tensors(signature) | {
        "max_batch_size": str(signature.max_batch_size),
        "platform": signature.platform or "-",
    }


def _tensors(signature: TensorSignature | Signature) -> dict[str, str]:
    return {
        f"{side} {spec.name}": f"{spec.datatype}{list(spec.dims)}{' optional' if spec.optional else ''}"
        for side, specs in (("input", signature.inputs), ("output", signature.outputs))
        for spec in specs
    }


def _model_changes(old: Contents, new: Contents) -> Iterator[str]:
    """Yield what differs in what the models' own files state; files that only one has are listed as files."""
    for path in sorted(old.model_files.keys() & new.model_files.keys()):
        yield from _changes(_facts(old.model_files[path]), _facts(new.model_files[path]), path)


def _facts(file: ModelFile | Finding) -> dict[str, str]:
    """Return what a model's file states, by name."""
    if isinstance(file, Finding):
        return {"fault": file.message}
    if isinstance(file, SavedModel):
        return _tensors(file.serving) if file.serving else {}
    if isinstance(file, OnnxModel):
        tensors = [
            *((f"input {one.name}", one) for one in file.inputs),
            *((f"optional input {one.name}", one) for one in file.overridable),
            *((f"output {one.name}", one) for one in file.outputs),
        ]
        opsets = {f"operator set {domain}".rstrip(): str(number) for domain, number in file.opsets.items()}
        return {name: _shown(one) for name, one in tensors} | opsets | {"IR version": str(file.ir_version)}
    if isinstance(file, TorchScript):
        arguments = ", ".join(f"{name}: {kind}" for name, kind in file.arguments)
        return {"arguments of forward": arguments, "answer of forward": ", ".join(file.returns)}
    return {"booster": file.text}


def _shown(tensor: OnnxTensor) -> str:
    if tensor.kind != "tensor":
        return tensor.kind
    return f"{tensor.datatype or '?'}{'[?]' if tensor.dims is None else list(tensor.dims)}"
