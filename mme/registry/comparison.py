"""Compare two versions."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from mme.archives.signature import TensorSignature
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
        signature: The tensors that differ, one line each: `input X FP32[4] -> FP32[8]`.
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
    texts = old.config_text.splitlines(), new.config_text.splitlines()
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
        signature=tuple(_signature_lines(_signature(old), _signature(new))),
        config=tuple(config),
    )


def _read(store: ModelStore, record: ModelRecord) -> ArchiveContents:
    with open_archive(store, record.target_model) as stream:
        return read_contents(stream, record.target_model)


def _size(contents: ArchiveContents, path: str) -> int | None:
    file = contents.files.get(path)
    return file.size if file else None


def _signature(contents: ArchiveContents) -> TensorSignature:
    config = contents.config
    return config.signature if config else TensorSignature()


def _signature_lines(old: TensorSignature, new: TensorSignature) -> list[str]:
    lines = []
    for kind, before, after in (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs)):
        specs = [
            {spec.name: f"{spec.datatype}{list(spec.dims)}" for spec in side} for side in (before, after)
        ]
        for name in dict.fromkeys([*specs[0], *specs[1]]):
            first, second = specs[0].get(name), specs[1].get(name)
            if first is None:
                lines.append(f"{kind} {name} added: {second}")
            elif second is None:
                lines.append(f"{kind} {name} removed: {first}")
            elif first != second:
                lines.append(f"{kind} {name}: {first} -> {second}")
    if old.max_batch_size != new.max_batch_size:
        lines.append(f"max_batch_size: {old.max_batch_size} -> {new.max_batch_size}")
    if old.platform != new.platform:
        lines.append(f"platform: {old.platform or '-'} -> {new.platform or '-'}")
    return lines
