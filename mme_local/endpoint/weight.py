"""The memory that a model's budget is charged with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mme.archives.triton.config import CONFIG_FILE, DEFAULT_MODEL_FILES, TritonConfig, parse_config
from mme_local.endpoint.archive_cache import UnpackedArchive
from mme_local.settings import LocalSettings


def weigh(archive: UnpackedArchive, settings: LocalSettings) -> int:
    """Return the bytes that are reserved for a model: those of its files, or its backends' floors if more.

    Args:
        archive: Its files.
        settings: With factor and floors.
    """
    floors = settings.floor_bytes
    least = sum(floors.get(backend, 0) for backend in _backends(archive.path)) if floors else 0
    return max(least, int(archive.unpacked_bytes * settings.weight_factor))


def _backends(path: Path) -> Iterator[str]:
    """Yield the backend of each model of an archive: one, or each step of an ensemble."""
    folders = [path] if (path / CONFIG_FILE).is_file() else [each for each in path.iterdir() if each.is_dir()]
    for folder in folders:
        backend = ""
        try:
            config = parse_config((folder / CONFIG_FILE).read_bytes())
            backend = config.backend if isinstance(config, TritonConfig) else ""
        except OSError:
            pass
        if backend := backend or _guessed(folder, DEFAULT_MODEL_FILES):
            yield backend


def _guessed(folder: Path, files: Mapping[str, str]) -> str:
    """Return the backend whose file a version directory has, as Triton guesses; empty if there is none."""
    return next((name for name, file in files.items() if any(folder.glob(f"*/{file}"))), "")
