"""Custom images: of a repository, and built from a directory with each deployment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import aws_iam
from constructs import Construct

from mme.catalog.images import ImageTraits, traits_of
from mme_cdk._internal.validation import PropsError, known
from mme_cdk.model.image_pull import acknowledge_authorization, require_region

if TYPE_CHECKING:
    from aws_cdk import aws_ecr, aws_ecr_assets

_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}


class EcrSource:
    """An image of a repository that the app knows; made by `ServingImage.from_ecr_repository`."""

    def __init__(self, repository: aws_ecr.IRepository, tag: str) -> None:
        """Take the image.

        Args:
            repository: Owned or imported.
            tag: Tag, or digest with its `sha256:`.
        """
        self._repository = repository
        self._tag = tag
        name = repository.repository_name
        account = repository.env.account
        self.traits = traits_of(
            name if known(name) else "",
            tag,
            name=f"the image tagged {tag}",
            account=account if known(account) else "",
        )

    def bind(self, scope: Construct, role: aws_iam.IRole) -> str:
        """Allow a role to pull the image, and return its URI.

        Args:
            scope: A construct of the stack that uses the image.
            role: Role of the containers.
        """
        require_region(scope, self._repository.env.region, "the repository")
        self._repository.grant_pull(role)
        acknowledge_authorization(role)
        return self._repository.repository_uri_for_tag_or_digest(self._tag)


class DockerSource:
    """An image that is built from a directory; made by `ServingImage.from_docker_asset`."""

    def __init__(
        self,
        directory: Path,
        file: str,
        target: str | None,
        build_args: Mapping[str, str] | None,
        platform: aws_ecr_assets.Platform | None,
    ) -> None:
        """Take the build context; see `ServingImage.from_docker_asset`.

        Args:
            directory: Build context.
            file: Dockerfile, relative to it.
            target: Build stage.
            build_args: Docker's build arguments.
            platform: Platform to build for.

        Raises:
            PropsError: No such directory, or no such Dockerfile in it.
        """
        from aws_cdk import aws_ecr_assets

        if not directory.is_dir():
            raise PropsError([f"directory {directory} does not exist: give the folder of the Dockerfile"])
        if not (directory / file).is_file():
            raise PropsError([f"directory {directory} has no {file}: name the Dockerfile with file="])
        self._directory = directory
        self._file = file
        self._target = target
        self._build_args = build_args
        self._platform = platform or aws_ecr_assets.Platform.LINUX_AMD64
        arch = _ARCHITECTURES.get(self._platform.platform)
        self.traits = ImageTraits(name=f"the image of {directory.name or directory}", arch=arch)

    def bind(self, scope: Construct, role: aws_iam.IRole) -> str:
        """Allow a role to pull the image, and return its URI.

        Args:
            scope: A construct of the stack that uses the image.
            role: Role of the containers.
        """
        from aws_cdk import aws_ecr_assets

        asset = aws_ecr_assets.DockerImageAsset(
            scope,
            "AssetImage",
            directory=str(self._directory),
            file=self._file,
            target=self._target,
            build_args=self._build_args,
            platform=self._platform,
        )
        asset.repository.grant_pull(role)
        acknowledge_authorization(role)
        return asset.image_uri
