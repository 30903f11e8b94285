"""What an alias looks like, and where what is known of models lies outside the models' prefix."""

from __future__ import annotations

import re
from typing import Final

from mme.errors import MmeError

STATE: Final = ".mme/"
"""First part of the keys of everything that is about models but is none."""

_ARCHIVE_SUFFIX = ".tar.gz"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ALIAS = re.compile(rf"(?P<name>{_PART}(/{_PART})*)@(?P<label>{_PART})")
_ALIAS_MAX_CHARS = 512


def is_alias(target: str) -> bool:
    """True for what must be resolved before it can be invoked: it holds an `@` and is no archive's name."""
    return "@" in target and not target.endswith(_ARCHIVE_SUFFIX)


def check_alias(alias: str) -> tuple[str, str]:
    """The two halves of `NAME@LABEL`.

    Raises:
        MmeError: it is not of that form.
    """
    match = _ALIAS.fullmatch(alias)
    if match and len(alias) <= _ALIAS_MAX_CHARS:
        return match["name"], match["label"]
    raise MmeError(
        f"{alias!r} can't be an alias: it is a model's name, @ and a label of letters, digits, dots, dashes "
        "and underscores",
        hint="such as add_sub@prod or tenant-a/add_sub@prod",
    )


def state_prefix(model_prefix: str, kind: str) -> str:
    """Where one kind of state lies: `.mme/models/@aliases/` for the models under `models/`.

    It is beside the models, never among them: `GetObject` on the models' prefix reaches none of it, and no
    archive can be there. `@` begins no part of a model's name, so stores whose prefixes lie within each other
    share nothing. Only where the whole bucket is the models' prefix there is no outside; then it lies among
    the models, where only `*.tar.gz` counts as one.

    Args:
        model_prefix: the models' own, ending in `/`, or empty.
        kind: `aliases`, `removed`.

    Raises:
        MmeError: the models' prefix lies in the place of the state.
    """
    if model_prefix.startswith(STATE):
        raise MmeError(
            f"the models' prefix {model_prefix} lies under {STATE}, where aliases are kept",
            hint="keep models under another prefix, such as models/",
        )
    return f"{STATE}{model_prefix}@{kind}/"
