"""Names of published models, `NAME_vN.tar.gz` with N from 0, and of aliases, `NAME@LABEL`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.catalog.limits import TARGET_MODEL_MAX_CHARS, TARGET_MODEL_PATTERN
from mme.errors import MmeError

SUFFIX: Final = ".tar.gz"

STATE: Final = ".mme/"
"""Start of the keys of everything about models that is not a model: aliases, removed versions."""

S3_KEY_MAX_BYTES: Final = 1024
"""Longest S3 key, in UTF-8. Source: S3 user guide, "Naming Amazon S3 objects"."""

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
# Without leading zeros: `x_v01` and `x_v1` would be two objects of one version.
_TARGET = re.compile(rf"(?P<name>{_PART}(/{_PART})*)_v(?P<version>0|[1-9][0-9]{{0,14}})\.tar\.gz")
_ALIAS = re.compile(rf"(?P<name>{_PART}(/{_PART})*)@(?P<label>{_PART})")
_ALIAS_MAX_CHARS = 512
_SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class ModelName:
    """One version of one model.

    Attributes:
        name: Letters, digits, dots, dashes and underscores; `/` makes folders: `tenant-a/add_sub`.
        version: 0 or more.
    """

    name: str
    version: int

    @property
    def target_model(self) -> str:
        """The TargetModel of InvokeEndpoint: the key, relative to the models' prefix."""
        return f"{self.name}_v{self.version}{SUFFIX}"

    @classmethod
    def parse(cls, target_model: str) -> ModelName | None:
        """Return the parts of `NAME_vN.tar.gz`, or None if an archive is named otherwise."""
        match = _TARGET.fullmatch(target_model)
        return cls(match["name"], int(match["version"])) if match else None


def check_name(name: str) -> str:
    """Return the name if models may be published under it.

    Raises:
        MmeError: It has characters that are awkward in a key or a command line.
    """
    if name.endswith(SUFFIX):
        model = model_of(name)
        raise MmeError(
            f"{name!r} can't be a model's name; the version and {SUFFIX} are added to it",
            hint=f"give the model's name only: {model}",
        )
    if _NAME.fullmatch(name):
        return name
    raise MmeError(
        f"{name!r} can't be a model's name: use letters, digits, dots, dashes and underscores, "
        "starting with a letter or digit; / makes folders, as in tenant-a/add_sub",
        hint="rename the directory, or give another name with --name",
    )


def model_of(target_model: str) -> str:
    """Return the model's name: all before `_vN.tar.gz`, or before `.tar.gz` if it is named otherwise."""
    parsed = ModelName.parse(target_model)
    return parsed.name if parsed else target_model.removesuffix(SUFFIX)


def is_unusable_key(target_model: str) -> bool:
    """Return whether a key can't be a TargetModel that every client and server reads alike.

    It has characters other than printable ASCII, a space at the start, or an empty part, `.` or `..` between
    slashes.
    """
    parts = target_model.removesuffix(SUFFIX).split("/")
    return not re.fullmatch(TARGET_MODEL_PATTERN, target_model) or not {"", ".", ".."}.isdisjoint(parts)


def excerpt(text: str) -> str:
    """Return a name from outside for a message, cut if it is very long."""
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def is_alias(target: str) -> bool:
    """Return whether a target must be resolved before it is invoked: it has an `@` and is not an archive."""
    return "@" in target and not target.endswith(SUFFIX)


def check_alias(alias: str) -> tuple[str, str]:
    """Return the two halves of `NAME@LABEL`.

    Raises:
        MmeError: It does not have this form.
    """
    match = _ALIAS.fullmatch(alias)
    if match and len(alias) <= _ALIAS_MAX_CHARS:
        return match["name"], match["label"]
    raise MmeError(
        f"{alias!r} can't be an alias: use a model's name, @ and a label of letters, digits, dots, dashes "
        "and underscores",
        hint="such as add_sub@prod or tenant-a/add_sub@prod",
    )


def object_key(prefix: str, target_model: str) -> str:
    """Return the S3 key of a model.

    Args:
        prefix: The models' prefix.
        target_model: The archive.

    Raises:
        MmeError: It is too long for SageMaker or S3.
    """
    if len(target_model) > TARGET_MODEL_MAX_CHARS:
        raise MmeError(
            f"the TargetModel {target_model[:40]}... has {len(target_model)} characters; SageMaker takes "
            f"{TARGET_MODEL_MAX_CHARS} at most",
            hint="choose a shorter name",
        )
    key = prefix + target_model
    if len(key.encode()) > S3_KEY_MAX_BYTES:
        raise MmeError(
            f"the S3 key {key[:60]}... has {len(key.encode())} bytes; S3 takes {S3_KEY_MAX_BYTES} at most",
            hint="choose a shorter name",
        )
    return key


def state_prefix(model_prefix: str, kind: str) -> str:
    """Return the prefix of one kind of state: `.mme/models/@aliases/` for the models under `models/`.

    It is outside the models' prefix, so that the container's role can't read it and no archive is in it. A
    model's name never contains `@`, so stores with nested prefixes share no state. Only if the whole bucket
    is the models' prefix is it among the models; they end in `.tar.gz`, state does not.

    Args:
        model_prefix: The models' prefix, ending in `/`, or empty.
        kind: `aliases` or `removed`.

    Raises:
        MmeError: The models' prefix is inside the prefix of the state.
    """
    if model_prefix.startswith(STATE):
        raise MmeError(
            f"the models' prefix {model_prefix} is under {STATE}, which is reserved for aliases",
            hint="use another prefix for models, such as models/",
        )
    return f"{STATE}{model_prefix}@{kind}/"
