"""The SageMaker model in multi-model mode: an image, a folder of models, a role."""

from __future__ import annotations

from collections.abc import Mapping

import jsii
from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.suitability import check_image
from mme_cdk.container_environment import environment_faults, merged, triton_faults
from mme_cdk.execution_role import ExecutionRole
from mme_cdk.model_store import ModelStore
from mme_cdk.serving_image import ServingImage
from mme_cdk.triton_settings import TritonSettings
from mme_cdk.validation import require


@jsii.implements(aws_iam.IGrantable)
class MultiModel(Construct):
    """A model resource that stands for every archive under a prefix.

    It is never named: nearly every change replaces it, and CloudFormation could not create a second one
    under a fixed name.

    Attributes:
        models: where the archives lie.
        image_traits: what is known of the image.
        role: the containers' role.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ServingImage,
        models: ModelStore,
        role: aws_iam.IRole | None = None,
        cache_models: bool = True,
        environment: Mapping[str, str] | None = None,
        triton: TritonSettings | None = None,
    ) -> None:
        """Define the model.

        Args:
            scope: the parent.
            id: the construct's id.
            image: the container image with a multi-model server.
            models: where the archives lie; the role is granted to read them.
            role: the containers' role. Default: a new `ExecutionRole`.
            cache_models: whether a model stays in memory after its call. False unloads and deletes it at
                once, which suits models that are hardly ever called twice. Default: True.
            environment: container variables, over the image's defaults. Default: for Triton a quiet log.
            triton: settings of Triton by name and unit; for its image, or one of your own built on it.
                Default: the image's.

        Raises:
            PropsError: variables that SageMaker doesn't take, Triton settings that are out of range, for
                another image, or also set in `environment`, or an image that the region lacks. All faults
                but the last are named at once.
        """
        super().__init__(scope, id)
        variables = merged(image.traits, triton, environment or {})
        require(
            *triton_faults(image.traits, triton, environment or {}),
            *environment_faults([variables]),
            path=self.node.path,
        )
        for warning in check_image(image.traits).warnings:
            Annotations.of(self).add_warning_v2("mme:image", warning)
        self.models = models
        self.image_traits = image.traits
        self.role: aws_iam.IRole = role or ExecutionRole(self, "Role")
        models.grant_read(self.role)
        resource = aws_sagemaker.CfnModel(
            self,
            "Resource",
            execution_role_arn=self.role.role_arn,
            primary_container=aws_sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.bind(self, self.role).image_uri,
                mode="MultiModel",
                model_data_url=models.url,
                multi_model_config=aws_sagemaker.CfnModel.MultiModelConfigProperty(
                    model_cache_setting="Enabled" if cache_models else "Disabled"
                ),
                environment=variables or None,
            ),
        )
        # On the role's policy, not only on the role: SageMaker checks its rights as soon as the model is
        # created, and the first deployment would race.
        resource.node.add_dependency(self.role)
        self._resource = resource

    @property
    def grant_principal(self) -> aws_iam.IPrincipal:
        """The role, so that the model can be given further rights."""
        return self.role.grant_principal

    @property
    def model_name(self) -> str:
        """The name that CloudFormation gave it."""
        return self._resource.attr_model_name
