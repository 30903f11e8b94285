"""Finding the archive that somebody means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from mme.errors import MmeError
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import SUFFIX, ModelName

_SUGGESTIONS: Final = 3
_CLOSE: Final = 0.6
_MAX_PAGES: Final = 10


def find_target(store: ModelStore, target_model: str) -> ModelRecord:
    """The archive of that name, with its metadata.

    Raises:
        MmeError: there is none; close names are in the hint.
    """
    found = store.describe(target_model) if target_model else None
    if found is None:
        raise unknown_target(store, target_model)
    return found


def unknown_target(store: ModelStore, target_model: str) -> MmeError:
    """The error for an archive that is not in the store, with the names it may have been meant to have."""
    # Of a very large store the names that begin alike are enough.
    listed = store.listed(max_pages=_MAX_PAGES)
    if listed is None:
        listed = store.listed(target_model[:3], max_pages=_MAX_PAGES) or []
    close = closest_targets(target_model, (record.target_model for record in listed))
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif listed:
        hint = "see what there is: mme models list"
    else:
        hint = "nothing is published there yet: mme models add PATH"
    return MmeError(f"there is no model {target_model!r} in {store.url}", hint=hint)


def closest_targets(wrong: str, present: Iterable[str]) -> list[str]:
    """At most three archives that a wrong name may stand for, the likeliest first.

    A bare name (`scale`), or one with the wrong version, stands for the highest version of that model.

    Args:
        wrong: what was asked for.
        present: the archives there are.
    """
    names: dict[str, list[str]] = {}
    for target in present:
        names.setdefault(_bare(target), []).append(target)
    bare = _bare(wrong)
    # Also without its folder: `scale_v0.tar.gz` for `tenant-a/scale_v0.tar.gz`.
    matches = [name for name in names if name == bare or name.rpartition("/")[2] == bare]
    matches += difflib.get_close_matches(bare, names, n=_SUGGESTIONS, cutoff=_CLOSE)
    ordered = list(dict.fromkeys(matches))[:_SUGGESTIONS]
    return [max(names[name], key=_version) for name in ordered]


def _bare(target: str) -> str:
    """The model's name in whatever form it was given: with version, suffix, both or neither."""
    for attempt in (target, target + SUFFIX):
        parsed = ModelName.parse(attempt)
        if parsed:
            return parsed.name
    return target.removesuffix(SUFFIX)


def _version(target: str) -> int:
    parsed = ModelName.parse(target)
    return parsed.version if parsed else -1
