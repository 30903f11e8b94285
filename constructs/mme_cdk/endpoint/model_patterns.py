"""Patterns of `TargetModel` in IAM policies: what they can't match, and what they match in addition."""

from __future__ import annotations

import re

from mme.catalog.limits import TARGET_MODEL_MAX_CHARS
from mme_cdk._internal.validation import known

_ARCHIVE = ".tar.gz"
# IAM replaces a variable, such as `${aws:PrincipalTag/team}`, with plain text of the principal.
_WILD = re.compile(r"[*?]")
_VARIABLE = re.compile(r"\$\{[^}]*\}")


def pattern_fault(pattern: str) -> str | None:
    """Return why a pattern is not one; None if it is."""
    if not known(pattern):
        return None
    if not pattern or len(pattern) > TARGET_MODEL_MAX_CHARS:
        return f"pattern has {len(pattern)} characters; must be 1 to {TARGET_MODEL_MAX_CHARS}"
    if pattern.startswith(("/", "s3:")):
        return f"pattern {pattern} matches no model: write it relative to the models' prefix, as tenant-a/*"
    return None


def pattern_warning(pattern: str, prefix: str | None) -> str | None:
    """Return what a pattern probably does not mean; None if nothing looks wrong.

    Args:
        pattern: Matched with `TargetModel`, the key of an archive relative to the models' prefix.
        prefix: The models' prefix, if known.
    """
    if not known(pattern):
        return None
    plain = _VARIABLE.sub("V", pattern)
    literal, *_, tail = ("", plain) if not _WILD.search(plain) else _WILD.split(plain)
    wild = tail != plain
    nothing = None
    if plain != plain.strip() or not plain.isprintable():
        nothing = "it has white space at an end or a control character"
    elif {"", ".", ".."} & set(plain.removesuffix("/").split("/")):
        nothing = "keys have no empty folders, and no . or .. in them"
    elif prefix is not None and known(prefix) and plain.startswith(prefix):
        rest = pattern.removeprefix(prefix) or "*"
        nothing = f"TargetModel leaves the models' prefix {prefix} out: use {rest}"
    elif not tail.endswith(_ARCHIVE) and not (wild and _ARCHIVE.endswith(tail)):
        stem = pattern.removesuffix(".tgz").removesuffix(".gz").removesuffix(".tar")
        rest = f"{pattern}*" if pattern.endswith("/") else f"{stem}{_ARCHIVE}"
        nothing = f"archives end in {_ARCHIVE}: use {rest}"
    if nothing:
        return f"pattern {pattern!r} matches no model; {nothing}"
    if not wild or "/" in literal or literal.endswith("_v"):
        return None
    name = literal.rstrip("-_.")
    rest = f"{name}/* for a folder, {name}_v*.tar.gz for the versions of a model, or " if name else ""
    return (
        f"pattern {pattern!r} also matches models of other folders, as * and ? match / too: use {rest}"
        "grant_invoke for all models"
    )
