"""AWS's own images, which the catalog lists."""

from __future__ import annotations

import re

from aws_cdk import Aws, CfnMapping, Stack, aws_iam
from constructs import Construct

from mme.catalog.images import CatalogImage, Processor, domain_suffix
from mme.errors import MmeError
from mme_cdk._internal.validation import PropsError, known
from mme_cdk.model.image_pull import grant_pull
from mme_cdk.model.serving_image import ServingImage, ServingImageConfig


class CatalogServingImage(ServingImage):
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
        grant_pull(role, arn)
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
