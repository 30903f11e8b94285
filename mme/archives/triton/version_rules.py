"""Which version directories Triton loads, and which it stumbles over.

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
    """Whether Triton loads a directory of this name as a version."""
    return bool(_VERSION.fullmatch(name)) and int(name) <= _LARGEST if len(name) < 20 else False


@dataclass(frozen=True, slots=True)
class Versions:
    """A model's version directories.

    Attributes:
        served: those that Triton loads, all of them present.
        findings: what is wrong with them.
    """

    served: tuple[int, ...]
    findings: tuple[Finding, ...]


def read_versions(folders: Sequence[str], config: TritonConfig | None, where: str) -> Versions:
    """Sorts a model's directories into versions and others.

    Args:
        folders: the names of its directories.
        config: None where it can't be read: the highest version is assumed.
        where: the model's directory in the archive for messages, empty or with a slash at its end.
    """
    findings: list[Finding] = []
    named = [name for name in folders if is_version(name)]
    odd = {name: value for name in folders if (value := _odd_number(name)) is not None}
    present = sorted({int(name) for name in named})
    for name, value in odd.items():
        if abs(value) > _LARGEST:
            text = f"{where}{name}/ is a version number beyond 64 bits: Triton ends when it reads it"
            findings.append(Finding.error("version-overflow", text, "rename it, e.g. to 1/"))
    values = sorted({*present, *(value for value in odd.values() if abs(value) <= _LARGEST)})
    chosen = config.served_versions(values) if config else values[-1:]
    served = tuple(version for version in chosen if version in present)
    for name, value in odd.items():
        if value in chosen and value not in present:
            text = f"Triton takes {where}{name}/ for version {value} and then finds no directory {value}/"
            findings.append(
                Finding.error("version-odd", text, f"rename {name}/: a version is a whole number, such as 1")
            )
    absent = [version for version in chosen if version not in values]
    if served and absent:
        for version in absent:
            text = f"version_policy asks for version {version}, but there are only: {_listed(present)}"
            hint = f"add the directory {where}{version}/ or change version_policy in {where}{CONFIG_FILE}"
            findings.append(Finding.warning("version-absent", text, hint))
    if not served and not findings:
        findings.append(_none_served(folders, present, absent, where))
    elif served:
        findings += _ignored(folders, where)
    return Versions(served, tuple(findings))


def _odd_number(name: str) -> int | None:
    """The number that Triton reads in a name that is none; None where it reads none."""
    if is_version(name) or name in _NOT_VERSIONS or (len(name) > 1 and name.startswith("0")):
        return None
    match = _NUMBER_AT_START.match(name[:400])
    return int(match[1]) if match else None


def _none_served(
    folders: Sequence[str], present: Sequence[int], absent: Sequence[int], where: str
) -> Finding:
    config_file = f"{where}{CONFIG_FILE}"
    if absent and present:
        version = absent[0]
        return Finding.error(
            "version-missing",
            f"version_policy asks for version {version}, but there are only: {_listed(present)}",
            f"add the directory {where}{version}/ or change version_policy in {config_file}",
        )
    if present:
        hint = "write version_policy: { latest: { num_versions: 1 } } or leave it out"
        return Finding.error("version-none", f"version_policy in {config_file} selects no version", hint)
    odd = next((name for name in folders if _MEANT_AS_VERSION.fullmatch(name)), None)
    if odd:
        return Finding.error(
            "version-name",
            f"{where}{odd}/ is no version directory for Triton: its name must be a whole number without "
            "leading zeros",
            f"rename {where}{odd}/ to {where}1/",
        )
    within = f" in {where}" if where else ""
    return Finding.error(
        "version-missing",
        f"there is no version directory{within}: Triton loads nothing without one",
        f"put the model's files in a directory named {where}1",
    )


def _ignored(folders: Sequence[str], where: str) -> Iterator[Finding]:
    for name in folders:
        if _MEANT_AS_VERSION.fullmatch(name) and not is_version(name) and _odd_number(name) is None:
            text = f"{where}{name}/ looks like a version, but Triton ignores it"
            yield Finding.warning(
                "version-ignored", text, "rename it to a whole number without leading zeros"
            )


def _listed(versions: Sequence[int]) -> str:
    return ", ".join(str(version) for version in versions)
