"""The container image that serves the models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from aws_cdk import Annotations, Aws, CfnMapping, Stack, aws_ecr, aws_iam
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

_PULL_ACTIONS = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]


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
        """NVIDIA's Triton as AWS builds it for SageMaker.

        Args:
            version: NVIDIA's release, such as `26.05`.
            processor: the build. Default: GPU.
            account: the account that holds the repository. Default: AWS's, by region.

        Raises:
            PropsError: a version that AWS doesn't publish.
        """
        return _CatalogServingImage(catalog_image("triton"), version, processor, account)

    @classmethod
    def from_ecr_repository(cls, repository: aws_ecr.IRepository, tag: str = "latest") -> ServingImage:
        """An image of your own. It needs the label `com.amazonaws.sagemaker.capabilities.multi-models=true`.

        Args:
            repository: owned or imported.
            tag: tag, or digest with its `sha256:`. Default: `latest`.
        """
        return _EcrServingImage(repository, tag)

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


class _CatalogServingImage(ServingImage):
    """One of AWS's own images, whose account depends on the region."""

    def __init__(self, image: CatalogImage, version: str, processor: Processor, account: str | None) -> None:
        self._image = image
        self._version = version
        self._account = account
        self._tag = image.tag(version, processor)
        self._repository = image.framework.repository
        try:
            self.traits = image.traits(version, processor)
        except MmeError as error:
            raise PropsError([error.message]) from None

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
        id = f"{self._image.framework.name.title()}{self._version.replace('.', '')}Accounts"
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
