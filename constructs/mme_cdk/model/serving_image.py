"""The container image that serves the models."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import aws_iam
from constructs import Construct

from mme.catalog.images import ImageTraits, Processor, catalog_image
from mme.errors import MmeError
from mme_cdk._internal.expectations import TEXT, expect, kind_of
from mme_cdk._internal.validation import PropsError, known, require

if TYPE_CHECKING:
    from aws_cdk import aws_ecr, aws_ecr_assets


@dataclass(frozen=True, kw_only=True)
class ServingImageConfig:
    """An image made fit for one model.

    Attributes:
        image_uri: the full uri, possibly with tokens.
    """

    image_uri: str


class ServingImage(ABC):
    """An image with a multi-model server in it.

    The factories named after frameworks give AWS's own x86-64 images. For Graviton types, AWS's arm64 images
    and those of your own come by `from_uri`, `from_ecr_repository` or `from_docker_asset`.

    Attributes:
        traits: what is known of it before it runs; instance types are checked against it.
    """

    traits: ImageTraits

    @classmethod
    def triton(
        cls, version: str, *, processor: Processor | str = Processor.GPU, account: str | None = None
    ) -> ServingImage:
        """NVIDIA's Triton as AWS builds it for SageMaker: the one image that serves many models on a GPU.

        Versions before 26.03 follow model paths out of their folder, and warn at synth.

        Args:
            version: NVIDIA's release, such as `26.05`.
            processor: the build; the enum's value, `cpu` or `gpu`, will do. Default: GPU.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that this catalog lacks, another processor, or an account without 12 digits.
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
        """An image of your own.

        It needs a multi-model server and the label `com.amazonaws.sagemaker.capabilities.multi-models=true`.
        Nothing can look into an image at synth: without them it is SageMaker that refuses, at deployment. Nor
        is the processor or the architecture checked against the instance type.

        Args:
            repository: owned or imported.
            tag: tag, or digest with its `sha256:`. Default: `latest`.
        """
        from mme_cdk.model.own_serving_image import EcrServingImage

        return EcrServingImage(repository, tag)

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

        It needs a multi-model server and the label `com.amazonaws.sagemaker.capabilities.multi-models=true`,
        which are not checked; the platform is, against the instance type's architecture.

        Args:
            directory: the build context.
            file: the Dockerfile, relative to `directory`. Default: `Dockerfile`.
            target: the build stage to stop at. Default: the last.
            build_args: Docker's build arguments. Default: none.
            platform: what to build for. Default: `linux/amd64`, so that an image built on a laptop with
                an ARM processor runs on x86-64 instances.

        Raises:
            PropsError: values of the wrong kind, no such directory, or no such Dockerfile in it.
        """
        from mme_cdk.model.own_serving_image import DockerServingImage

        return DockerServingImage(directory, file, target, build_args, platform)

    @classmethod
    def from_uri(cls, uri: str) -> ServingImage:
        """Any image in ECR by its full uri, AWS's own of other versions and for Graviton among them.

        That it serves many models is taken on trust: a uri says nothing about the server in the image.

        Args:
            uri: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`. Pull rights are granted for it; a
                uri known only at deployment gets none, and a warning.

        Raises:
            PropsError: a uri outside ECR, which SageMaker can't pull from.
        """
        from mme_cdk.model.own_serving_image import UriServingImage

        return UriServingImage(uri)

    @abstractmethod
    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        """Let `role` pull the image and say its uri in the stack of `scope`."""


SERVING_IMAGE = kind_of(
    ServingImage,
    noun="a ServingImage",
    way_out=lambda value: (
        f'use ServingImage.from_uri("{value}")'
        if isinstance(value, str) and ".dkr.ecr." in value
        else 'use ServingImage.triton("26.05"), another framework\'s, or ServingImage.from_uri'
    ),
)


def _catalog_serving_image(
    framework: str, version: str, account: str | None, processor: Processor | str = Processor.CPU
) -> ServingImage:
    from mme_cdk.model.catalog_serving_image import CatalogServingImage

    require(expect("version", version, TEXT), expect("account", account, TEXT, optional=True))
    if known(account) and not re.fullmatch(r"\d{12}", str(account)):
        raise PropsError([f"account {account} is not valid: an AWS account has 12 digits"])
    try:
        build = Processor(processor)
    except ValueError:
        choices = " or ".join(f"Processor.{each.name}" for each in Processor)
        raise PropsError([f"processor {processor} is not valid: use {choices}"]) from None
    try:
        return CatalogServingImage(catalog_image(framework), version, build, account)
    except MmeError as error:
        raise PropsError([error.message]) from None
