"""A SageMaker model in multi-model mode: an image, a prefix of models, a role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import jsii
from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import CONTAINER_HOSTNAME_PATTERN, PIPELINE_MAX_CONTAINERS
from mme.catalog.suitability import check_image
from mme_cdk._internal.acknowledgements import acknowledge_lint
from mme_cdk._internal.connectable import declare_connectable
from mme_cdk._internal.places import place_faults
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, require
from mme_cdk.model.container_environment import environment_faults, merged, triton_faults
from mme_cdk.model.execution_role import ExecutionRole
from mme_cdk.model.local_role import local_role
from mme_cdk.model.pipeline_container import PipelineContainer
from mme_cdk.model.policy_generation import PolicyGeneration
from mme_cdk.model.program import program_faults
from mme_cdk.model.serving_image import ServingImage
from mme_cdk.model.triton_settings import TritonSettings, logs_model_names
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_ec2

    from mme_cdk.model.model_network import ModelNetwork

_Container = aws_sagemaker.CfnModel.ContainerDefinitionProperty
_VPC_PROPS: Final = ("vpc_subnets", "security_groups")


class ModelProps(TypedDict, total=False):
    """Optional props of a model; `MultiModelEndpoint` documents each."""

    role: aws_iam.IRole | None
    cache_models: bool
    environment: Mapping[str, str] | None
    triton: TritonSettings | None
    containers_before: Sequence[PipelineContainer]
    containers_after: Sequence[PipelineContainer]
    container_hostname: str | None
    vpc: aws_ec2.IVpc | None
    vpc_subnets: aws_ec2.SubnetSelection | None
    security_groups: Sequence[aws_ec2.ISecurityGroup]
    allow_all_outbound: bool
    network_isolation: bool


@jsii.implements(aws_iam.IGrantable)
class MultiModel(Construct):
    """A model resource that serves every archive under a prefix.

    It has no fixed name: nearly every change replaces it, and CloudFormation can't create a second one of the
    same name. In a VPC it is an `aws_ec2.IConnectable`.

    Attributes:
        models: Where the archives are stored.
        image_traits: What is known of the image.
        companion_traits: What is known of the images of the pipeline's other containers, in their order.
        role: Role of the containers.
        grantee: The role as this stack grants it rights: an import, if another stack defines it.
        log_names_models: Whether Triton's log level lets its log name the models that are loaded and invoked.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ServingImage,
        models: ModelStore,
        **props: Unpack[ModelProps],
    ) -> None:
        """Define the model.

        Args:
            scope: Parent.
            id: Construct id.
            image: Container image with a multi-model server.
            models: Where the archives are stored; the role may read them.
            props: Optional settings, as `MultiModelEndpoint` takes them.

        Raises:
            PropsError: Variables that SageMaker refuses, Triton settings for another image or also set in
                `environment`, a pipeline of more than 15 containers, a hostname that is invalid or used
                twice, subnets in one zone, subnets or groups without a VPC, or an image that the region does
                not have. Wrong types are raised first, then all other faults except those of the VPC and the
                region.
        """
        environment = props.get("environment") or {}
        triton = props.get("triton")
        containers_before = props.get("containers_before", ())
        containers_after = props.get("containers_after", ())
        container_hostname = props.get("container_hostname")
        isolated = props.get("network_isolation", False)
        vpc = props.get("vpc")
        if vpc is not None:
            declare_connectable(type(self))
        further = [*containers_before, *containers_after]
        super().__init__(scope, id)
        variables = merged(image.traits, triton, environment)
        hostnames = _hostnames(containers_before, container_hostname, containers_after)
        require(
            *triton_faults(image.traits, triton, environment),
            *environment_faults([variables, *(container.environment for container in further)]),
            *_pipeline_faults(further, hostnames, container_hostname),
            *program_faults(
                (image, variables), *((each.image, each.environment) for each in further), isolated=isolated
            ),
            *(
                f"{name} is given without vpc: give vpc, too"
                for name in _VPC_PROPS
                if vpc is None and props.get(name)
            ),
            *place_faults(
                self,
                bucket=models.bucket,
                further_buckets=[each.bucket for each in further if each.bucket is not None],
                vpc=vpc,
                role=props.get("role"),
            ),
            at=self,
        )
        for warning in check_image(image.traits).warnings:
            Annotations.of(self).add_warning_v2("mme:image", warning)
        self.log_names_models = logs_model_names(variables)
        self.models = models
        self.image_traits = image.traits
        self.companion_traits = tuple(container.image.traits for container in further)
        self.role: aws_iam.IRole = props.get("role") or ExecutionRole(self, "Role")
        self.grantee = local_role(self, self.role)
        if not isinstance(self.grantee, ExecutionRole):  # which does it itself
            self.node.add_validation(PolicyGeneration(self.grantee))
        models.grant_read(self.grantee)
        self._network: ModelNetwork | None = None
        if vpc is not None:
            # Late, as it loads aws_ec2.
            from mme_cdk.model.model_network import ModelNetwork

            self._network = ModelNetwork(
                self,
                vpc,
                vpc_subnets=props.get("vpc_subnets"),
                security_groups=props.get("security_groups", ()),
                allow_all_outbound=props.get("allow_all_outbound", True),
            )
            self._network.grant_interfaces(self.grantee)
        bound = image.bind(self, self.grantee)
        variables = {**bound.environment, **variables}
        many = _Container(
            image=bound.image_uri,
            mode="MultiModel",
            model_data_url=models.url,
            multi_model_config=aws_sagemaker.CfnModel.MultiModelConfigProperty(
                model_cache_setting="Enabled" if props.get("cache_models", True) else "Disabled"
            ),
            environment=variables or None,
            container_hostname=hostnames[len(containers_before)] if further else None,
        )
        chain = [
            *self._single(containers_before, hostnames, 1),
            many,
            *self._single(containers_after, hostnames, len(containers_before) + 2),
        ]
        resource = aws_sagemaker.CfnModel(
            self,
            "Resource",
            execution_role_arn=self.role.role_arn,
            primary_container=None if further else many,
            containers=chain if further else None,
            inference_execution_config=(
                aws_sagemaker.CfnModel.InferenceExecutionConfigProperty(mode="Serial") if further else None
            ),
            vpc_config=self._network.vpc_config if self._network else None,
            # Left out if False, SageMaker's default: a change of the property replaces the model.
            enable_network_isolation=isolated or None,
        )
        # On the role's policy, too: SageMaker checks the rights when the model is created.
        resource.node.add_dependency(self.grantee)
        acknowledge_lint(
            resource,
            "W3005",
            "the model depends on the role's policy; CDK can refer to it only together with the role",
        )
        self._resource = resource

    @property
    def grant_principal(self) -> aws_iam.IPrincipal:
        """The role, which gets further rights."""
        return self.grantee.grant_principal

    @property
    def connections(self) -> aws_ec2.Connections:
        """Network connections of the containers.

        Raises:
            PropsError: A model outside a VPC.
        """
        if self._network is None:
            raise PropsError(
                ["the model is not in a VPC and has no connections: give vpc"], path=self.node.path
            )
        return self._network.connections

    @property
    def model_name(self) -> str:
        """Name that CloudFormation gives it."""
        return self._resource.attr_model_name

    def _single(
        self, containers: Sequence[PipelineContainer], hostnames: Sequence[str], first: int
    ) -> list[_Container]:
        """Return the containers of a pipeline from position `first` on: each serves one model, or none."""
        definitions = []
        for place, container in enumerate(containers, start=first):
            container.grant_read(self.grantee)
            # A separate scope, because an image that is built here is a construct.
            scope = Construct(self, f"Container{place}")
            bound = container.image.bind(scope, self.grantee)
            definitions.append(
                _Container(
                    image=bound.image_uri,
                    mode="SingleModel",
                    model_data_url=container.model_data_url,
                    environment={**bound.environment, **container.environment} or None,
                    container_hostname=hostnames[place - 1],
                )
            )
        return definitions


def _hostnames(
    before: Sequence[PipelineContainer], multi_model: str | None, after: Sequence[PipelineContainer]
) -> list[str]:
    # SageMaker wants a name for every container or for none.
    given = [*(each.hostname for each in before), multi_model, *(each.hostname for each in after)]
    return [hostname or f"container-{place}" for place, hostname in enumerate(given, start=1)]


def _pipeline_faults(
    further: Sequence[PipelineContainer], hostnames: Sequence[str], container_hostname: str | None
) -> list[str]:
    if not further:
        return ["container_hostname is given without a pipeline: leave it out"] if container_hostname else []
    found = []
    if len(hostnames) > PIPELINE_MAX_CONTAINERS:
        found.append(
            f"the pipeline has {len(hostnames)} containers; SageMaker takes {PIPELINE_MAX_CONTAINERS}: "
            "join steps in one container"
        )
    for hostname in dict.fromkeys(hostnames):
        if hostnames.count(hostname) > 1:
            found.append(f"hostname {hostname} is used {hostnames.count(hostname)} times: use different ones")
        if known(hostname) and not re.fullmatch(CONTAINER_HOSTNAME_PATTERN, hostname):
            found.append(
                f"hostname {hostname} is not valid: use at most 63 letters, digits and hyphens, starting and "
                "ending with a letter or digit"
            )
    return found
