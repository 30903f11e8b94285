"""Which version directories Triton loads, and which it fails on.

Source: triton-inference-server/core, `src/model_repository_manager/model_lifecycle.cc`; tried on Triton 2.51:
a directory whose name merely starts with a number makes the load hang, one beyond 64 bits ends the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mme.archives.triton.config import CONFIG_FILE, TritonConfig
from mme.findings import Finding

_VERSION: Final = re.compile(r"0|[1-9][0-9]*")
_NUMBER_AT_START: Final = re.compile(r"\s*([+-]?[0-9]+)")
_MEANT_AS_VERSION: Final = re.compile(r"v?\d+(\.\d+)*")
_LARGEST: Final = 2**63 - 1
_NOT_VERSIONS: Final = ("configs", "initial_state", "warmup")


def is_version(name: str) -> bool:
    """Return whether Triton loads a directory of this name as a version."""
    return len(name) < 20 and bool(_VERSION.fullmatch(name)) and int(name) <= _LARGEST


@dataclass(frozen=True, slots=True)
class Versions:
    """A model's version directories.

    Attributes:
        served: Those that Triton loads, all of them present.
        findings: What is wrong with them.
    """

    served: tuple[int, ...]
    findings: tuple[Finding, ...]


def read_versions(folders: Sequence[str], config: TritonConfig | None, prefix: str) -> Versions:
    """Find the versions among a model's directories.

    Args:
        folders: The names of its directories.
        config: None if it can't be read: the highest version is assumed.
        prefix: The model's directory in the archive for messages, empty or with a slash at its end.
    """
    findings: list[Finding] = []
    present = sorted({int(name) for name in folders if is_version(name)})
    odd = {name: number for name in folders if (number := _odd_number(name)) is not None}
    for name, number in odd.items():
        if abs(number) > _LARGEST:
            text = f"{prefix}{name}/ is a version number beyond 64 bits; Triton ends when it reads it"
            findings.append(Finding.error("version-overflow", text, "rename it, e.g. to 1/"))
    numbers = sorted({*present, *(number for number in odd.values() if abs(number) <= _LARGEST)})
    chosen = config.served_versions(numbers) if config else numbers[-1:]
    served = tuple(version for version in chosen if version in present)
    for name, number in odd.items():
        if number in chosen and number not in present:
            text = f"Triton takes {prefix}{name}/ for version {number} and then finds no directory {number}/"
            hint = f"rename {name}/: a version is a whole number, such as 1"
            findings.append(Finding.error("version-odd", text, hint))
    absent = [version for version in chosen if version not in numbers]
    if served:
        for version in absent:
            findings.append(Finding.warning("version-absent", *_absent(version, present, prefix)))
        findings += _ignored(folders, prefix)
    elif not findings:
        findings.append(_none_served(folders, present, absent, prefix))
    return Versions(served, tuple(findings))


def _odd_number(name: str) -> int | None:
    """Return the number that Triton reads in a name that is not a version; None if it reads none."""
    if is_version(name) or name in _NOT_VERSIONS or (len(name) > 1 and name.startswith("0")):
        return None
    match = _NUMBER_AT_START.match(name[:400])
    return int(match[1]) if match else None


def _absent(version: int, present: Sequence[int], prefix: str) -> tuple[str, str]:
    listed = ", ".join(str(version) for version in present)
    return (
        f"version_policy asks for version {version}, but there are only: {listed}",
        f"add the directory {prefix}{version}/ or change version_policy in {prefix}{CONFIG_FILE}",
    )


def _none_served(
    folders: Sequence[str], present: Sequence[int], absent: Sequence[int], prefix: str
) -> Finding:
    if absent and present:
        return Finding.error("version-missing", *_absent(absent[0], present, prefix))
    if present:
        text = f"version_policy in {prefix}{CONFIG_FILE} selects no version"
        hint = "write version_policy: { latest: { num_versions: 1 } } or remove it"
        return Finding.error("version-none", text, hint)
    odd = next((name for name in folders if _MEANT_AS_VERSION.fullmatch(name)), None)
    if odd:
        text = (
            f"{prefix}{odd}/ is not a version directory for Triton; its name must be a whole number without "
        )
        return Finding.error("version-name", text + "leading zeros", f"rename {prefix}{odd}/ to {prefix}1/")
    text = (
        f"there is no version directory{f' in {prefix}' if prefix else ''}; Triton loads nothing without one"
    )
    return Finding.error("version-missing", text, f"put the model's files in a directory named {prefix}1")


def _ignored(folders: Sequence[str], prefix: str) -> Iterator[Finding]:
    for name in folders:
        if _MEANT_AS_VERSION.fullmatch(name) and not is_version(name) and _odd_number(name) is None:
            text = f"{prefix}{name}/ looks like a version, but Triton ignores it"
            yield Finding.warning(
                "version-ignored", text, "rename it to a whole number without leading zeros"
            )
