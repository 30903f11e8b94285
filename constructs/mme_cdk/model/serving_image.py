"""Container images with a multi-model server."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, pending, require
from mme_cdk.model.custom_image import DockerSource, EcrSource
from mme_cdk.model.image_pull import grant_pull, require_region
from mme_cdk.model.program import Program

if TYPE_CHECKING:
    from aws_cdk import aws_ecr, aws_ecr_assets


@dataclass(frozen=True, kw_only=True)
class ServingImageConfig:
    """An image prepared for one model.

    Attributes:
        image_uri: Full URI, possibly with tokens.
        environment: Variables that the image needs. Default: none.
    """

    image_uri: str
    environment: Mapping[str, str] = field(default_factory=dict)


class ServingImage(ABC):
    """A container image with a multi-model server.

    The factories named after frameworks return AWS's x86-64 images. For Graviton types use `from_uri`,
    `from_ecr_repository` or `from_docker_asset`. All of them but Triton's serve multi-model endpoints on CPU
    types only.

    Attributes:
        traits: What is known of the image at synth; instance types are checked against it.
        program: What the container runs, if the image is in script mode.
    """

    traits: ImageTraits
    program: Program | None = None

    @classmethod
    @checked
    def triton(
        cls, version: str, *, processor: Processor | str = Processor.GPU, account: str | None = None
    ) -> ServingImage:
        """Return AWS's build of NVIDIA Triton, the only image that serves many models on a GPU.

        Versions before 26.03 follow model paths out of their folder, and warn at synth.

        Args:
            version: NVIDIA's release, such as `26.05`.
            processor: The build: a `Processor`, or `cpu` or `gpu`. Default: GPU.
            account: Account of the repository, 12 digits. Default: AWS's, by region.

        Raises:
            PropsError: An unknown version or processor, or an invalid account.
        """
        return _CatalogServingImage("triton", version, account, processor)

    @classmethod
    @checked
    def xgboost(
        cls,
        version: str,
        *,
        program: str = "inference.py",
        source: str | Path | None = None,
        account: str | None = None,
    ) -> ServingImage:
        """Return AWS's XGBoost image: in script mode with `source`, else in algorithm mode.

        Args:
            version: AWS's version, such as `3.2-0`.
            program: As for `scikit_learn`. Default: `inference.py`.
            source: As for `scikit_learn`. Default: none: models as XGBoost saves them; CSV, libsvm, recordio.
            account: Account of the repository, 12 digits. Default: AWS's, by region.

        Raises:
            PropsError: An unknown version, an invalid account, or a program that can't be found.
        """
        code = Program(program, source) if source is not None else None
        return _CatalogServingImage("xgboost", version, account, program=code)

    @classmethod
    @checked
    def scikit_learn(
        cls,
        version: str,
        *,
        program: str = "inference.py",
        source: str | Path | None = None,
        account: str | None = None,
    ) -> ServingImage:
        """Return AWS's scikit-learn image, which serves all models by one program.

        The program has `model_fn`, and `input_fn`, `predict_fn` and `output_fn` if the defaults don't suit.
        The container imports it when it starts; code in the models' archives is not read.

        Args:
            version: AWS's version, such as `1.9-0`.
            program: The program's file in `source`. Default: `inference.py`.
            source: A directory, which each deployment packs and uploads, or the S3 URL of a
                `sourcedir.tar.gz`; the role may read it. Default: none: set `SAGEMAKER_PROGRAM` in the
                container's environment instead, or synth refuses the endpoint.
            account: Account of the repository, 12 digits. Default: AWS's, by region.

        Raises:
            PropsError: An unknown version, an invalid account, or a program that can't be found.
        """
        code = Program(program, source) if source is not None else None
        return _CatalogServingImage("scikit-learn", version, account, program=code)

    @classmethod
    @checked
    def knn(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """Return the image of SageMaker's k-NN algorithm.

        Args:
            version: AWS's version. Default: `1`, the only one.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("knn", version, account)

    @classmethod
    @checked
    def linear_learner(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """Return the image of SageMaker's Linear Learner algorithm.

        Args:
            version: AWS's version. Default: `1`, the only one.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("linear-learner", version, account)

    @classmethod
    @checked
    def random_cut_forest(cls, version: str = "1", *, account: str | None = None) -> ServingImage:
        """Return the image of SageMaker's Random Cut Forest algorithm.

        Args:
            version: AWS's version. Default: `1`, the only one.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("random-cut-forest", version, account)

    @classmethod
    @checked
    def pytorch(cls, version: str, *, account: str | None = None) -> ServingImage:
        """Return AWS's PyTorch inference image. On GPUs, serve PyTorch models with Triton.

        Args:
            version: AWS's version, such as `2.6.0`.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("pytorch", version, account)

    @classmethod
    @checked
    def tensorflow(cls, version: str, *, account: str | None = None) -> ServingImage:
        """Return AWS's TensorFlow inference image. On GPUs, serve TensorFlow models with Triton.

        Args:
            version: AWS's version, such as `2.20.0`.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("tensorflow", version, account)

    @classmethod
    @checked
    def mxnet(cls, version: str, *, account: str | None = None) -> ServingImage:
        """Return AWS's MXNet inference image.

        Args:
            version: AWS's version, such as `1.9.0`.
            account: Account of the repository, 12 digits. Default: AWS's, by region.
        """
        return _CatalogServingImage("mxnet", version, account)

    @classmethod
    @checked
    def from_ecr_repository(cls, repository: aws_ecr.IRepository, tag: str = "latest") -> ServingImage:
        """Return a custom image from an ECR repository.

        It needs a multi-model server and the label `com.amazonaws.sagemaker.capabilities.multi-models=true`.
        Synth can't inspect images: without them SageMaker fails the deployment. Processor and architecture
        are not checked against the instance type.

        Args:
            repository: Owned or imported.
            tag: Tag, or digest with its `sha256:`. Default: `latest`.
        """
        return _SourcedServingImage(EcrSource(repository, tag))

    @classmethod
    @checked
    def from_docker_asset(
        cls,
        directory: str | Path,
        *,
        file: str = "Dockerfile",
        target: str | None = None,
        build_args: Mapping[str, str] | None = None,
        platform: aws_ecr_assets.Platform | None = None,
    ) -> ServingImage:
        """Return an image that the CDK CLI builds and pushes with each deployment, which needs Docker.

        It needs a multi-model server and the label `com.amazonaws.sagemaker.capabilities.multi-models=true`,
        which are not checked. The platform is checked against the instance type's architecture.

        Args:
            directory: Build context.
            file: Dockerfile, relative to `directory`. Default: `Dockerfile`.
            target: Build stage to stop at. Default: the last.
            build_args: Docker's build arguments. Default: none.
            platform: Platform to build for. Default: `linux/amd64`, so that an image built on an ARM laptop
                runs on x86-64 instances.

        Raises:
            PropsError: No such directory, or no such Dockerfile in it.
        """
        return _SourcedServingImage(DockerSource(Path(directory), file, target, build_args, platform))

    @classmethod
    @checked
    def from_uri(cls, uri: str) -> ServingImage:
        """Return any image in ECR, such as AWS's images of other versions and for Graviton.

        Whether it serves many models is not checked.

        Args:
            uri: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`. Pull rights are granted for it; a URI
                known only at deployment gets none, and a warning.

        Raises:
            PropsError: A URI outside of ECR, which SageMaker can't pull from.
        """
        return _UriServingImage(uri)

    @abstractmethod
    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        """Allow a role to pull the image, and return its URI.

        Args:
            scope: A construct of the stack that uses the image.
            role: Role of the containers.
        """


class _SourcedServingImage(ServingImage):
    """A custom image."""

    def __init__(self, source: EcrSource | DockerSource) -> None:
        self._source = source
        self.traits = source.traits

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        return ServingImageConfig(image_uri=self._source.bind(scope, role))


class _CatalogServingImage(ServingImage):
    """One of AWS's images, whose account depends on the region."""

    def __init__(
        self,
        framework: str,
        version: str,
        account: str | None,
        processor: Processor | str = Processor.CPU,
        *,
        program: Program | None = None,
    ) -> None:
        self.program = program
        if known(account) and not re.fullmatch(r"\d{12}", str(account)):
            raise PropsError([f"account {account} is not valid; an AWS account has 12 digits"])
        try:
            build = Processor(processor)
        except ValueError:
            choices = " or ".join(f"Processor.{each.name}" for each in Processor)
            raise PropsError([f"processor {processor} is not valid: use {choices}"]) from None
        self._image: CatalogImage = catalog_image(framework)
        self._version = version
        self._account = account
        if not known(version):
            if not pending(version):
                require("version is known only at deployment; synth needs it for the tag: use from_uri")
            self._tag = version
            self.traits = ImageTraits(name=f"the image of {framework}", framework=self._image.framework)
            return
        try:
            self._tag = self._image.tag(version, build)
            self.traits = self._image.traits(version, build)
        except MmeError as error:
            raise PropsError([_fault(error)]) from None

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        stack = Stack.of(scope)
        account = self._account or self._account_in(stack, scope)
        # A known region's suffix comes from the catalog, so that the URI is plain text in the template.
        suffix = domain_suffix(stack.region) if known(stack.region) else Aws.URL_SUFFIX
        name = self._image.framework.repository
        grant_pull(
            role, stack.format_arn(service="ecr", account=account, resource="repository", resource_name=name)
        )
        return ServingImageConfig(
            image_uri=f"{account}.dkr.ecr.{stack.region}.{suffix}/{name}:{self._tag}",
            environment=self.program.bind(scope, role) if self.program else {},
        )

    def _account_in(self, stack: Stack, scope: Construct) -> str:
        if not known(stack.region):
            return self._account_mapping(stack).find_in_map(Aws.REGION, "Account")
        try:
            if known(self._version):
                self._image.require_region(self._version, stack.region)
        except MmeError as error:
            hint = f"{_fault(error)}; if an account of the region has a mirror of it, give its account="
            raise PropsError([hint], path=scope.node.path) from None
        return self._image.accounts.get(stack.region, "000000000000")

    def _account_mapping(self, stack: Stack) -> CfnMapping:
        """Return the stack's mapping for this framework and version."""
        # Names of mappings have letters and digits only.
        id = re.sub(r"[^A-Za-z0-9]", "", f"{self._image.framework.name.title()}{self._version}Accounts")
        existing = stack.node.try_find_child(id)
        if isinstance(existing, CfnMapping):
            return existing
        regions = self._image.regions(self._version)
        return CfnMapping(
            stack, id, mapping={region: {"Account": self._image.accounts[region]} for region in regions}
        )


class _UriServingImage(ServingImage):
    """An image of which only the URI is known."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._parts = parse_ecr_uri(uri) if known(uri) else None
        if self._parts is None and known(uri):
            require(
                f"{uri} is not an ECR image URI; SageMaker pulls from ECR: copy the image to "
                "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG (these constructs don't support "
                "registries in a VPC, RepositoryAccessMode)"
            )
        repository, tag = (self._parts.repository, self._parts.tag) if self._parts else ("", "")
        name = f"{repository}:{tag}" if repository else "the image"
        account = self._parts.account if self._parts else ""
        self.traits = traits_of(repository, tag, name=name, account=account)

    def bind(self, scope: Construct, role: aws_iam.IRole) -> ServingImageConfig:
        if self._parts is None:
            Annotations.of(scope).add_warning_v2(
                "mme:imageUriUnknown",
                "the image's URI is known only at deployment, so no pull rights were granted: grant them on "
                "its repository, or use ServingImage.from_ecr_repository",
            )
        else:
            require_region(scope, self._parts.region, self._uri)
            require(
                f"{self._uri} is in another partition than {self._parts.region}: use its own domain"
                if (".amazonaws.com.cn/" in self._uri) is not self._parts.region.startswith("cn-")
                else None,
                at=scope,
            )
            arn = Stack.of(scope).format_arn(
                service="ecr",
                account=self._parts.account,
                region=self._parts.region,
                resource="repository",
                resource_name=self._parts.repository,
            )
            grant_pull(role, arn)
        return ServingImageConfig(image_uri=self._uri)


def _fault(error: MmeError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message
