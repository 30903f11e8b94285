"""What published models are called: `NAME_vN.tar.gz`, N counting from 0, as is usual for MMEs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.catalog.limits import TARGET_MODEL_MAX_CHARS
from mme.errors import MmeError

SUFFIX: Final = ".tar.gz"

S3_KEY_MAX_BYTES: Final = 1024
"""Longest S3 key, in UTF-8. Source: S3 user guide, "Naming Amazon S3 objects"."""

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
# Without leading zeros: `x_v01` and `x_v1` would be two objects of one version.
_TARGET = re.compile(rf"(?P<name>{_PART}(/{_PART})*)_v(?P<version>0|[1-9][0-9]*)\.tar\.gz")


@dataclass(frozen=True, slots=True, order=True)
class ModelName:
    """One version of one model.

    Attributes:
        name: of letters, digits, dots, dashes and underscores; `/` makes folders: `tenant-a/add_sub`.
        version: 0 or more.
    """

    name: str
    version: int

    @property
    def target_model(self) -> str:
        """What InvokeEndpoint calls it: the key, relative to the models' prefix."""
        return f"{self.name}_v{self.version}{SUFFIX}"

    @classmethod
    def parse(cls, target_model: str) -> ModelName | None:
        """The name behind `NAME_vN.tar.gz`, or None for an archive that was named otherwise."""
        match = _TARGET.fullmatch(target_model)
        return cls(match["name"], int(match["version"])) if match else None


def check_name(name: str) -> str:
    """Returns the name if models may be published under it.

    Raises:
        MmeError: it holds what is awkward in a key or a command line.
    """
    if _NAME.fullmatch(name):
        return name
    raise MmeError(
        f"{name!r} can't be a model's name: use letters, digits, dots, dashes and underscores, "
        "starting with a letter or digit; / makes folders, as in tenant-a/add_sub",
        hint="rename the directory, or give another name with --name",
    )


def object_key(prefix: str, target_model: str) -> str:
    """The S3 key of a model.

    Raises:
        MmeError: SageMaker or S3 would refuse it as too long.
    """
    if len(target_model) > TARGET_MODEL_MAX_CHARS:
        raise MmeError(
            f"the model's name has {len(target_model)} characters as TargetModel, and SageMaker takes "
            f"{TARGET_MODEL_MAX_CHARS} at most: {target_model[:40]}...",
            hint="choose a shorter name",
        )
    key = prefix + target_model
    if len(key.encode()) > S3_KEY_MAX_BYTES:
        raise MmeError(
            f"the S3 key has {len(key.encode())} bytes with the prefix {prefix}, and S3 takes "
            f"{S3_KEY_MAX_BYTES} at most: {key[:60]}...",
            hint="choose a shorter name",
        )
    return key
