"""Find an archive by name, or suggest what the user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from mme.errors import MmeError
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import SUFFIX, ModelName

_SUGGESTIONS: Final = 3
_CUTOFF: Final = 0.6
_MAX_PAGES: Final = 10


def find_target(store: ModelStore, target_model: str) -> ModelRecord:
    """Return the archive of a name, with its metadata.

    Args:
        store: The store.
        target_model: The archive's name.

    Raises:
        MmeError: It does not exist; the hint has similar names.
    """
    found = store.describe(target_model) if target_model else None
    if found is None:
        raise unknown_target(store, target_model)
    return found


def unknown_target(store: ModelStore, target_model: str) -> MmeError:
    """Return the error for an archive that does not exist, with similar names.

    Args:
        store: The store.
        target_model: The wrong name.
    """
    # In a very large store, the names with the same first letters are enough.
    listed = store.listed(max_pages=_MAX_PAGES)
    if listed is None:
        listed = store.listed(target_model[:3], max_pages=_MAX_PAGES) or []
    close = closest_targets(target_model, (record.target_model for record in listed))
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif listed:
        hint = "list the models: mme models list"
    else:
        hint = "nothing is published there yet: mme models add PATH"
    return MmeError(f"there is no model {target_model!r} in {store.url}", hint=hint)


def closest_targets(wrong: str, present: Iterable[str]) -> list[str]:
    """Return at most three archives that a wrong name may mean, the likeliest first.

    A bare name (`scale`), or one with a wrong version, means the highest version of that model.

    Args:
        wrong: The wrong name.
        present: The archives that exist.
    """
    names: dict[str, list[str]] = {}
    for target in present:
        names.setdefault(_bare(target), []).append(target)
    bare = _bare(wrong)
    # Also without its folder: `scale_v0.tar.gz` for `tenant-a/scale_v0.tar.gz`.
    matches = [name for name in names if name == bare or name.rpartition("/")[2] == bare]
    matches += difflib.get_close_matches(bare, names, n=_SUGGESTIONS, cutoff=_CUTOFF)
    ordered = list(dict.fromkeys(matches))[:_SUGGESTIONS]
    return [max(names[name], key=_version) for name in ordered]


def _bare(target: str) -> str:
    """Return the model's name from any form: with version, suffix, both or neither."""
    for attempt in (target, target + SUFFIX):
        parsed = ModelName.parse(attempt)
        if parsed:
            return parsed.name
    return target.removesuffix(SUFFIX)


def _version(target: str) -> int:
    parsed = ModelName.parse(target)
    return parsed.version if parsed else -1
