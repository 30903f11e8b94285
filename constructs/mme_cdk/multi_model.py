"""The SageMaker model in multi-model mode: an image, a folder of models, a role."""

from __future__ import annotations

from collections.abc import Mapping

import jsii
from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.images import ImageTraits
from mme.catalog.limits import ENVIRONMENT_MAX_ENTRIES
from mme.catalog.suitability import check_image
from mme_cdk.execution_role import ExecutionRole
from mme_cdk.model_store import ModelStore
from mme_cdk.serving_image import ServingImage
from mme_cdk.validation import require

# Triton's `serve` logs at its most verbose by default, which costs in CloudWatch Logs; at 0 it still says
# which target model it loads, unloads and invokes.
_QUIET_TRITON = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}


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

        Raises:
            PropsError: more variables than SageMaker takes, or an image that the region lacks.
        """
        super().__init__(scope, id)
        variables = {**self._image_defaults(image.traits), **(environment or {})}
        require(
            f"environment has {len(variables)} variables; SageMaker takes {ENVIRONMENT_MAX_ENTRIES}"
            if len(variables) > ENVIRONMENT_MAX_ENTRIES
            else None,
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

    @staticmethod
    def _image_defaults(traits: ImageTraits) -> dict[str, str]:
        if traits.framework is not None and traits.framework.name == "triton":
            return dict(_QUIET_TRITON)
        return {}
