"""Which server of this machine serves in place of an image."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from mme.catalog.frameworks import framework_of_repository
from mme.catalog.images import parse_ecr_uri
from mme.errors import MmeError
from mme_local.containers.mms.installation import TORCHSERVE, has
from mme_local.settings import ServerKind

_BY_FRAMEWORK: Final = {
    "triton": ServerKind.TRITON,
    "xgboost": ServerKind.XGBOOST,
    "scikit-learn": ServerKind.SCIKIT_LEARN,
    "pytorch": ServerKind.PYTORCH,
}
_HUGGING_FACE: Final = ("huggingface-pytorch-inference", "huggingface-tensorflow-inference")
_NOT_HERE: Final = {
    "pytorch": "it runs TorchServe, and torch or torchserve is not installed",
    "tensorflow": "it runs TensorFlow Serving",
    "mxnet": "MXNet is not maintained any more",
}
_CLOSED: Final = "its code is not published"


def repository_of(image: str) -> str:
    """Return the repository of an image, without registry, tag and digest."""
    parsed = parse_ecr_uri(image)
    if parsed:
        return parsed.repository
    path = image.partition("@")[0]
    registry, slash, rest = path.partition("/")
    if slash and ("." in registry or ":" in registry or registry == "localhost"):
        path = rest
    return path.partition(":")[0]


def server_kind(image: str, environment: Mapping[str, str], images: Mapping[str, ServerKind]) -> ServerKind:
    """Return the kind of server for an image.

    The setting decides first, then AWS's repositories, then a repository with ``triton`` in its name, then
    the variables that an image with SageMaker's inference toolkit takes.

    Args:
        image: URI of the deployed image.
        environment: Variables of the deployed model.
        images: Kind by pattern of the repository, from the setting.

    Raises:
        MmeError: Nothing on this machine serves in its place.
    """
    repository = repository_of(image)
    for pattern, kind in images.items():
        if fnmatchcase(repository, pattern):
            return kind
    if framework := framework_of_repository(repository):
        served_by = _BY_FRAMEWORK.get(framework.name)
        if served_by and (served_by is not ServerKind.PYTORCH or (has("torch") and has(TORCHSERVE.module))):
            return served_by
        what = f"the {framework.title} image {image}"
        reason = _NOT_HERE.get(framework.name, _CLOSED)
        hint = f"{TORCHSERVE.install}; or {_docker(image)}" if served_by else _docker(image)
        raise MmeError(f"{what} is served under Docker only: {reason}", hint=hint)
    if repository in _HUGGING_FACE:
        return ServerKind.HUGGING_FACE
    if "triton" in repository:
        return ServerKind.TRITON
    if environment.get("SAGEMAKER_HANDLER") or environment.get("SAGEMAKER_PROGRAM"):
        return ServerKind.TOOLKIT
    raise MmeError(
        f"the image {image} is unknown; no server of this machine is like it",
        hint=f"{_docker(image)}; or name the server that it is like: MME_LOCAL_IMAGES={repository}=toolkit "
        f"({', '.join(ServerKind)})",
    )


def _docker(image: str) -> str:
    return f"docker pull {image}, then mme local up --containers docker"
