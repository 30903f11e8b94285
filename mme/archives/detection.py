"""Which framework's container an archive was made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.framework_archive import FrameworkArchive
from mme.archives.mxnet import MXNet
from mme.archives.pytorch import PyTorch
from mme.archives.scikit_learn import ScikitLearn
from mme.archives.tensorflow import TensorFlow
from mme.archives.triton.archive import Triton
from mme.archives.xgboost import XGBoost
from mme.catalog.frameworks import frameworks
from mme.findings import Finding

_RULES: Final[dict[str, type[FrameworkArchive]]] = {
    "triton": Triton,
    "tensorflow": TensorFlow,
    "mxnet": MXNet,
    "pytorch": PyTorch,
    "xgboost": XGBoost,
    "scikit-learn": ScikitLearn,
}
"""By the framework's short name in the catalog, the likeliest first."""


def framework_archive(name: str, contents: Contents, endpoint: EndpointTraits) -> FrameworkArchive:
    """Return an archive as one framework's container reads it.

    Args:
        name: The framework's short name in the catalog.
        contents: The archive's files.
        endpoint: Where it is to be served.
    """
    return _RULES.get(name, FrameworkArchive)(name, contents, endpoint)


def detect_frameworks(contents: Contents, endpoint: EndpointTraits) -> list[FrameworkArchive]:
    """Return what an archive looks like, the likeliest framework first.

    Args:
        contents: The archive's files.
        endpoint: Where it is to be served.
    """
    archives = [framework_archive(name, contents, endpoint) for name in _RULES]
    likely = {archive.name: archive for archive in archives if archive.matches()}
    if "triton" in likely:
        # Files of the other frameworks are what Triton's models consist of.
        return [likely["triton"]]
    if "xgboost" in likely:
        likely.pop("scikit-learn", None)  # the pickle is the booster
    return list(likely.values())


def mismatch(given: FrameworkArchive, likely: Sequence[str]) -> Finding | None:
    """Return what is wrong if an archive is surely not one of the container that is to read it.

    Args:
        given: The archive, as that container reads it.
        likely: The frameworks that it looks like, by their short names in the catalog, the likeliest first.
    """
    if not given.unmistakable or not likely or given.name in likely:
        return None
    title = frameworks()[likely[0]].title
    text = f"it is an archive for {title}, not for {frameworks()[given.name].title}"
    return Finding.error("framework-mismatch", text, f"repack it, or serve it with {title}'s container")
