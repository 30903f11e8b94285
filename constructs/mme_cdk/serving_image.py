"""The container image that serves the models."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Aws, CfnMapping, Stack, aws_iam
from constructs import Construct

from mme.catalog.images import (
    CatalogImage,
    ImageTraits,
    Processor,
    catalog_image,
    domain_suffix,
    parse_ecr_uri,
    traits_of,
)
from mme.errors import MmeError
from mme_cdk.acknowledgements import acknowledge_grant
from mme_cdk.validation import PropsError, known

if TYPE_CHECKING:
    from aws_cdk import aws_ecr, aws_ecr_assets

_PULL_ACTIONS = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class ServingImageConfig:
    """An image made fit for one model.

    Attributes:
        image_uri: the full uri, possibly with tokens.
    """

    image_uri: str


class ServingImage(ABC):
    """An image with a multi-model server in it.

    Attributes:
        traits: what is known of it before it runs; instance types are checked against it.
    """

    traits: ImageTraits

    @classmethod
    def triton(
        cls, version: str, *, processor: Processor = Processor.GPU, account: str | None = None
    ) -> ServingImage:
        """NVIDIA's Triton as AWS builds it for SageMaker: the one image that serves many models on a GPU.

        Versions before 26.03 follow model paths out of their folder, and warn at synth.

        Args:
            version: NVIDIA's release, such as `26.05`.
            processor: the build. Default: GPU.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("triton", version, account, processor)

    @classmethod
    def xgboost(cls, version: str, *, account: str | None = None) -> ServingImage:
        """AWS's XGBoost container. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `3.2-0`.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("xgboost", version, account)

    @classmethod
    def scikit_learn(cls, version: str, *, account: str | None = None) -> ServingImage:
        """AWS's scikit-learn container. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `1.9-0`.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("scikit-learn", version, account)

    @classmethod
    def knn(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """SageMaker's k-NN algorithm. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `1`. Default: `1`, the only one.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("knn", version, account)

    @classmethod
    def linear_learner(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """SageMaker's Linear Learner algorithm. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `1`. Default: `1`, the only one.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("linear-learner", version, account)

    @classmethod
    def random_cut_forest(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """SageMaker's Random Cut Forest algorithm. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `1`. Default: `1`, the only one.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("random-cut-forest", version, account)

    @classmethod
    def pytorch(cls, version: str, *, account: str | None = None) -> ServingImage:
        """AWS's PyTorch inference container. For GPUs, serve PyTorch models with Triton.

        Args:
            version: AWS's version, such as `2.6.0`.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("pytorch", version, account)

    @classmethod
    def tensorflow(cls, version: str, *, account: str | None = None) -> ServingImage:
        """AWS's TensorFlow inference container. For GPUs, serve TensorFlow models with Triton.

        Args:
            version: AWS's version, such as `2.20.0`.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("tensorflow", version, account)

    @classmethod
    def mxnet(cls, version: str, *, account: str | None = None) -> ServingImage:
        """AWS's MXNet inference container. It serves many models on CPU types only.

        Args:
            version: AWS's version, such as `1.9.0`.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, or an account without 12 digits.
        """
        return _catalog_serving_image("mxnet", version, account)

    @classmethod
    def from_ecr_repository(cls, repository: aws_ecr.IRepository, tag: str = "latest") -> ServingImage:
        """An image of your own. It needs the label `com.amazonaws.sagemaker.capabilities.multi-models=true`.

        Args:
            repository: owned or imported.
            tag: tag, or digest with its `sha256:`. Default: `latest`.
        """
        return _EcrServingImage(repository, tag)

    @classmethod
    def from_docker_asset(
        cls,
        directory: str | Path,
        *,
        file: str = "Dockerfile",
        target: str | None = None,
        build_args: Mapping[str, str] | None = None,
        platform: aws_ecr_assets.Platform | None = None,
    ) -> ServingImage:
        """An image that the CDK CLI builds and pushes with each deployment; that needs Docker.

        It needs the label `com.amazonaws.sagemaker.capabilities.multi-models=true`.

        Args:
            directory: the build context.
            file: the Dockerfile, relative to `directory`. Default: `Dockerfile`.
            target: the build stage to stop at. Default: the last.
            build_args: Docker's build arguments. Default: none.
            platform: what to build for. Default: `linux/amd64`, so that an image built on a laptop with
                an ARM processor runs on x86-64 instances.

        Raises:
            PropsError: no such directory, or no such Dockerfile in it.
        """
        return _DockerServingImage(Path(directory), file, target, build_args, platform)

    @classmethod
    def from_uri(cls, uri: str) -> ServingImage:
        """Any image in ECR by its full uri, AWS's own of other versions among them.

        Args:
            uri: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`. Pull rights are granted for it; a
                uri known only at deployment gets none, and a warning.

        Raises:
            PropsError: a uri outside ECR, which SageMaker can't pull from.
        """
        return _UriServingImage(uri)

    @abstractmethod
    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        """Let `role` pull the image and say its uri in the stack of `scope`."""


def _catalog_serving_image(
    framework: str, version: str, account: str | None, processor: Processor = Processor.CPU
) -> ServingImage:
    if known(account) and not re.fullmatch(r"\d{12}", str(account)):
        raise PropsError([f"account {account} is not valid: an AWS account has 12 digits"])
    try:
        return _CatalogServingImage(catalog_image(framework), version, processor, account)
    except MmeError as error:
        raise PropsError([error.message]) from None


class _CatalogServingImage(ServingImage):
    """One of AWS's own images, whose account depends on the region."""

    def __init__(self, image: CatalogImage, version: str, processor: Processor, account: str | None) -> None:
        self._image = image
        self._version = version
        self._account = account
        self._tag = image.tag(version, processor)
        self._repository = image.framework.repository
        self.traits = image.traits(version, processor)

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        stack = Stack.of(scope)
        account = self._account or self._account_in(stack, scope)
        # A known region's suffix comes from the catalog, so that the uri is plain text in the template.
        suffix = domain_suffix(stack.region) if known(stack.region) else Aws.URL_SUFFIX
        arn = stack.format_arn(
            service="ecr", account=account, resource="repository", resource_name=self._repository
        )
        _grant_pull(role, arn)
        registry = f"{account}.dkr.ecr.{stack.region}.{suffix}"
        return ServingImageConfig(image_uri=f"{registry}/{self._repository}:{self._tag}")

    def _account_in(self, stack: Stack, scope: Construct) -> str:
        if known(stack.region):
            try:
                self._image.require_region(self._version, stack.region)
            except MmeError as error:
                raise PropsError([error.message], path=scope.node.path) from None
            return self._image.accounts[stack.region]
        return self._account_mapping(stack).find_in_map(Aws.REGION, "Account")

    def _account_mapping(self, stack: Stack) -> CfnMapping:
        """One mapping a stack and version, however many endpoints use it."""
        # Mappings are named by letters and digits alone.
        id = re.sub(r"[^A-Za-z0-9]", "", f"{self._image.framework.name.title()}{self._version}Accounts")
        existing = stack.node.try_find_child(id)
        if isinstance(existing, CfnMapping):
            return existing
        rows = {
            region: {"Account": self._image.accounts[region]} for region in self._image.regions(self._version)
        }
        return CfnMapping(stack, id, mapping=rows)


class _EcrServingImage(ServingImage):
    """An image of a repository known to the app."""

    def __init__(self, repository: aws_ecr.IRepository, tag: str) -> None:
        self._repository = repository
        self._tag = tag
        name = repository.repository_name
        self.traits = traits_of(name if known(name) else "", tag, name=f"the image tagged {tag}")

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:  # noqa: ARG002
        self._repository.grant_pull(role)
        _acknowledge_authorization(role)
        return ServingImageConfig(image_uri=self._repository.repository_uri_for_tag_or_digest(self._tag))


class _DockerServingImage(ServingImage):
    """An image built from a directory."""

    def __init__(
        self,
        directory: Path,
        file: str,
        target: str | None,
        build_args: Mapping[str, str] | None,
        platform: aws_ecr_assets.Platform | None,
    ) -> None:
        if not directory.is_dir():
            raise PropsError([f"directory {directory} does not exist: give the folder of the Dockerfile"])
        if not (directory / file).is_file():
            raise PropsError([f"directory {directory} has no {file}: name the Dockerfile with file="])
        self._directory = directory
        self._file = file
        self._target = target
        self._build_args = build_args
        from aws_cdk import aws_ecr_assets

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
        _acknowledge_authorization(role)
        return ServingImageConfig(image_uri=asset.image_uri)


class _UriServingImage(ServingImage):
    """An image known by its uri alone."""

    def __init__(self, uri: str) -> None:
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
            _grant_pull(role, arn)
        return ServingImageConfig(image_uri=self._uri)


def _grant_pull(role: aws_iam.IRole, repository_arn: str) -> None:
    # AWS's repositories are not ours to import: a grant on the principal is all there is to do.
    aws_iam.Grant.add_to_principal(grantee=role, actions=_PULL_ACTIONS, resource_arns=[repository_arn])
    aws_iam.Grant.add_to_principal(grantee=role, actions=["ecr:GetAuthorizationToken"], resource_arns=["*"])
    _acknowledge_authorization(role)


def _acknowledge_authorization(role: aws_iam.IRole) -> None:
    acknowledge_grant(role, "ecr:GetAuthorizationToken takes no resource and reads nothing by itself", "*")
