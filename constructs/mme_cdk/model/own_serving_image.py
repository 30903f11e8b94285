"""Images that the catalog does not list: of a repository, a directory, or a uri."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack, aws_iam
from constructs import Construct

from mme.catalog.images import ImageTraits, parse_ecr_uri, traits_of
from mme_cdk._internal.cdk_kinds import REPOSITORY
from mme_cdk._internal.expectations import TEXT, Kind, expect, expect_texts, kind_of
from mme_cdk._internal.validation import PropsError, known, require
from mme_cdk.model.image_pull import acknowledge_authorization, grant_pull
from mme_cdk.model.serving_image import ServingImage, ServingImageConfig

if TYPE_CHECKING:
    from aws_cdk import aws_ecr, aws_ecr_assets

_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}


class EcrServingImage(ServingImage):
    """An image of a repository known to the app."""

    def __init__(self, repository: aws_ecr.IRepository, tag: str) -> None:
        require(expect("repository", repository, REPOSITORY), expect("tag", tag, TEXT))
        self._repository = repository
        self._tag = tag
        name = repository.repository_name
        self.traits = traits_of(name if known(name) else "", tag, name=f"the image tagged {tag}")

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:  # noqa: ARG002
        self._repository.grant_pull(role)
        acknowledge_authorization(role)
        return ServingImageConfig(image_uri=self._repository.repository_uri_for_tag_or_digest(self._tag))


_FOLDER = kind_of(str, Path, noun="a folder's path", way_out="give the folder of the Dockerfile")


def _platform(platform: type) -> Kind:
    return kind_of(platform, noun="a Platform", way_out="use aws_ecr_assets.Platform.LINUX_ARM64, say")


class DockerServingImage(ServingImage):
    """An image built from a directory."""

    def __init__(
        self,
        directory: str | Path,
        file: str,
        target: str | None,
        build_args: Mapping[str, str] | None,
        platform: aws_ecr_assets.Platform | None,
    ) -> None:
        from aws_cdk import aws_ecr_assets

        require(
            expect("directory", directory, _FOLDER),
            expect("file", file, TEXT),
            expect("target", target, TEXT, optional=True),
            *(() if build_args is None else expect_texts("build_args", build_args)),
            expect("platform", platform, _platform(aws_ecr_assets.Platform), optional=True),
        )
        directory = Path(directory)
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

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
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
        return ServingImageConfig(image_uri=asset.image_uri)


class UriServingImage(ServingImage):
    """An image known by its uri alone."""

    def __init__(self, uri: str) -> None:
        require(expect("uri", uri, TEXT))
        self._uri = uri
        self._parts = parse_ecr_uri(uri) if known(uri) else None
        if self._parts is None and known(uri):
            raise PropsError(
                [
                    f"{uri} is not an ECR image uri, and SageMaker pulls from ECR: "
                    "copy the image there, as ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG"
                ]
            )
        repository, tag = (self._parts.repository, self._parts.tag) if self._parts else ("", "")
        self.traits = traits_of(repository, tag, name=f"{repository}:{tag}" if repository else "the image")

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        if self._parts is None:
            Annotations.of(scope).add_warning_v2(
                "mme:imageUriUnknown",
                "the image's uri is known only at deployment, so no pull rights were granted: "
                "grant them on its repository, or use ServingImage.from_ecr_repository",
            )
        else:
            arn = Stack.of(scope).format_arn(
                service="ecr",
                account=self._parts.account,
                region=self._parts.region,
                resource="repository",
                resource_name=self._parts.repository,
            )
            grant_pull(role, arn)
        return ServingImageConfig(image_uri=self._uri)
