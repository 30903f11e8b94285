"""Find models of one name inside two archives: code that calls one by its name fails once both are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mme.archives.check import CheckedModel
from mme.errors import MmeError
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.publishing import Published

_MAX_PAGES: Final = 2
"""Of 1000 archives, whose metadata takes a request each; a larger store is not compared."""


def shared_names(
    store: ModelStore, models: Sequence[CheckedModel], published: Sequence[Published]
) -> list[str]:
    """Return a warning for each name of a model inside a published archive that another archive has too.

    Ensembles find their steps by archive. Code that calls a model by its name (business logic scripting) does
    not: with two loaded archives that have one of that name, it fails in both.

    Args:
        store: Where they were published.
        models: That were published.
        published: The results, in the same order.
    """
    try:
        listed = store.listed(max_pages=_MAX_PAGES)
        if listed is None:
            return [
                f"names of models inside were not compared; {store.url} has over {_MAX_PAGES},000 archives"
            ]
        others = [record for record in store.with_metadata(listed) if record.helpers]
    except MmeError as error:  # a publisher of one tenant may not read the others' archives
        return [f"names of models inside were not compared; {error.message}"]
    pairs = zip(models, published, strict=True)
    return [text for model, result in pairs for text in _warnings(model, result.target_model, others)]


def _warnings(model: CheckedModel, target: str, others: Sequence[ModelRecord]) -> Iterator[str]:
    for name, called in sorted(model.helpers.items()):
        found = [
            record.target_model
            for record in others
            if name in record.helpers and record.target_model != target and (called or record.helpers[name])
        ]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield (
                f"{target} and {found[0]}{more} have a model {name} inside, which code calls by its name; "
                "while both are loaded, the call fails in both: give it a name that no other archive has"
            )
