"""Which server of this machine serves in place of an image."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from mme.catalog.frameworks import framework_of_repository
from mme.catalog.images import parse_ecr_uri
from mme.errors import MmeError
from mme_local.settings import ServerKind

_BY_FRAMEWORK: Final = {
    "triton": ServerKind.TRITON,
    "xgboost": ServerKind.XGBOOST,
    "scikit-learn": ServerKind.SCIKIT_LEARN,
}
_HUGGING_FACE: Final = ("huggingface-pytorch-inference", "huggingface-tensorflow-inference")
_NOT_HERE: Final = {
    "pytorch": "it runs TorchServe",
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
        if framework.name in _BY_FRAMEWORK:
            return _BY_FRAMEWORK[framework.name]
        what = f"the {framework.title} image {image}"
        reason = _NOT_HERE.get(framework.name, _CLOSED)
        raise MmeError(f"{what} is served under Docker only: {reason}", hint=_docker(image))
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
