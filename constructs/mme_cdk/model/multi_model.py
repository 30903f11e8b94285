"""The SageMaker model in multi-model mode: an image, a folder of models, a role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import CONTAINER_HOSTNAME_PATTERN, PIPELINE_MAX_CONTAINERS
from mme.catalog.suitability import check_image
from mme_cdk._internal.acknowledgements import acknowledge_lint
from mme_cdk._internal.cdk_kinds import ROLE, SECURITY_GROUP, VPC
from mme_cdk._internal.connectable import declare_connectable
from mme_cdk._internal.expectations import FLAG, TEXT, expect, expect_each, expect_texts, kind_of
from mme_cdk._internal.validation import PropsError, known, require
from mme_cdk.model.container_environment import environment_faults, merged, triton_faults
from mme_cdk.model.execution_role import ExecutionRole
from mme_cdk.model.pipeline_container import PIPELINE_CONTAINER, PipelineContainer
from mme_cdk.model.serving_image import SERVING_IMAGE, ServingImage
from mme_cdk.model.triton_settings import TRITON_SETTINGS, TritonSettings, says_what_it_does
from mme_cdk.storage.model_store import MODEL_STORE, ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_ec2

    from mme_cdk.model.model_network import ModelNetwork

_Container = aws_sagemaker.CfnModel.ContainerDefinitionProperty


@jsii.implements(aws_iam.IGrantable)
class MultiModel(Construct):
    """A model resource that stands for every archive under a prefix.

    It is never named: nearly every change replaces it, and CloudFormation could not create a second one
    under a fixed name. In a VPC it is an `aws_ec2.IConnectable`.

    Attributes:
        models: where the archives lie.
        image_traits: what is known of the image.
        companion_traits: what is known of the images of the pipeline's other containers, in their order.
        role: the containers' role.
        log_tells_calls: whether Triton's log level lets its log say which model is loaded and called.
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
        containers_before: Sequence[PipelineContainer] = (),
        containers_after: Sequence[PipelineContainer] = (),
        container_hostname: str | None = None,
        vpc: aws_ec2.IVpc | None = None,
        vpc_subnets: aws_ec2.SubnetSelection | None = None,
        security_groups: Sequence[aws_ec2.ISecurityGroup] = (),
        allow_all_outbound: bool = True,
        network_isolation: bool = False,
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
            containers_before: containers that a request passes through first. With these or those after,
                the model is a serial inference pipeline of 2 to 15 containers. Default: none.
            containers_after: containers that the multi-model container's answer passes through. Default:
                none.
            container_hostname: names the multi-model container of a pipeline in logs and metrics. Default:
                `container-N`, by its place, from 1.
            vpc: where the containers have network interfaces. Default: none, SageMaker's own network.
            vpc_subnets: subnets of the VPC, at least two in two zones. Default: private ones with egress;
                where there are none, isolated ones.
            security_groups: groups of the interfaces, 1 to 5. Default: a new one.
            allow_all_outbound: whether the new group lets every connection out. Default: True.
            network_isolation: whether the containers are without any network; SageMaker still downloads
                the models for them. Default: False.

        Raises:
            PropsError: variables that SageMaker doesn't take, Triton settings that are out of range, for
                another image, or also set in `environment`, a pipeline of more than 15 containers, a
                hostname that is invalid or given twice, subnets in one zone, subnets or groups without a
                VPC, or an image that the region lacks. Values of the wrong kind are named first, then all
                other faults at once but those of the VPC and the region.
        """
        if vpc is not None:
            require(expect("vpc", vpc, VPC), at=(scope, id))
            declare_connectable(type(self))
        require(
            expect("image", image, SERVING_IMAGE),
            expect("models", models, MODEL_STORE),
            expect("role", role, ROLE, optional=True),
            expect("cache_models", cache_models, FLAG),
            *(expect_texts("environment", environment) if environment is not None else ()),
            expect("triton", triton, TRITON_SETTINGS, optional=True),
            *expect_each("containers_before", containers_before, PIPELINE_CONTAINER),
            *expect_each("containers_after", containers_after, PIPELINE_CONTAINER),
            expect("container_hostname", container_hostname, TEXT, optional=True),
            *expect_each("security_groups", security_groups, SECURITY_GROUP),
            expect("allow_all_outbound", allow_all_outbound, FLAG),
            expect("network_isolation", network_isolation, FLAG),
            at=(scope, id),
        )
        further = [*containers_before, *containers_after]
        require(
            *(triton.kind_faults() if triton else ()),
            *(fault for container in further for fault in container.kind_faults()),
            at=(scope, id),
        )
        super().__init__(scope, id)
        variables = merged(image.traits, triton, environment or {})
        hostnames = _hostnames(containers_before, container_hostname, containers_after)
        require(
            *triton_faults(image.traits, triton, environment or {}),
            *environment_faults([variables, *(container.environment for container in further)]),
            *_pipeline_faults(further, hostnames, container_hostname),
            "vpc_subnets are given and no vpc: give vpc too" if vpc is None and vpc_subnets else None,
            "security_groups are given and no vpc: give vpc too" if vpc is None and security_groups else None,
            at=self,
        )
        for warning in check_image(image.traits).warnings:
            Annotations.of(self).add_warning_v2("mme:image", warning)
        self.log_tells_calls = says_what_it_does(variables)
        self.models = models
        self.image_traits = image.traits
        self.companion_traits = tuple(container.image.traits for container in further)
        self.role: aws_iam.IRole = role or ExecutionRole(self, "Role")
        models.grant_read(self.role)
        self._network: ModelNetwork | None = None
        if vpc is not None:
            # Late, as it loads aws_ec2.
            from mme_cdk.model.model_network import ModelNetwork

            self._network = ModelNetwork(
                self,
                vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
                allow_all_outbound=allow_all_outbound,
            )
            self._network.grant_interfaces(self.role)
        many = _Container(
            image=image.bind(self, self.role).image_uri,
            mode="MultiModel",
            model_data_url=models.url,
            multi_model_config=aws_sagemaker.CfnModel.MultiModelConfigProperty(
                model_cache_setting="Enabled" if cache_models else "Disabled"
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
            # Left out where it is off, as that is SageMaker's default: turned on, it replaces the model.
            enable_network_isolation=network_isolation or None,
        )
        # On the role's policy, not only on the role: SageMaker checks its rights as soon as the model is
        # created, and the first deployment would race.
        resource.node.add_dependency(self.role)
        acknowledge_lint(
            resource, "W3005", "the model waits for the role's policy; CDK can name it only with the role"
        )
        self._resource = resource

    @property
    def grant_principal(self) -> aws_iam.IPrincipal:
        """The role, so that the model can be given further rights."""
        return self.role.grant_principal

    @property
    def connections(self) -> aws_ec2.Connections:
        """The containers' network connections.

        Raises:
            PropsError: a model outside a VPC.
        """
        if self._network is None:
            raise PropsError(
                ["the model is in no vpc, so it has no connections: give vpc"], path=self.node.path
            )
        return self._network.connections

    @property
    def model_name(self) -> str:
        """The name that CloudFormation gave it."""
        return self._resource.attr_model_name

    def _single(
        self, containers: Sequence[PipelineContainer], hostnames: Sequence[str], first: int
    ) -> list[_Container]:
        """The containers of a pipeline from place `first` on: each serves one model, or none."""
        definitions = []
        for place, container in enumerate(containers, start=first):
            container.grant_read(self.role)
            # A scope of its own, as an image built here is a construct.
            scope = Construct(self, f"Container{place}")
            definitions.append(
                _Container(
                    image=container.image.bind(scope, self.role).image_uri,
                    mode="SingleModel",
                    model_data_url=container.model_data_url,
                    environment=dict(container.environment) or None,
                    container_hostname=hostnames[place - 1],
                )
            )
        return definitions


def _hostnames(
    before: Sequence[PipelineContainer], multi_model: str | None, after: Sequence[PipelineContainer]
) -> list[str]:
    # SageMaker wants a name for each container or for none.
    given = [*(each.hostname for each in before), multi_model, *(each.hostname for each in after)]
    return [hostname or f"container-{place}" for place, hostname in enumerate(given, start=1)]


def _pipeline_faults(
    further: Sequence[PipelineContainer], hostnames: Sequence[str], container_hostname: str | None
) -> list[str]:
    if not further:
        return (
            ["container_hostname names a container of a pipeline, and there is none: leave it out"]
            if container_hostname
            else []
        )
    found = [fault for container in further for fault in container.faults()]
    if len(hostnames) > PIPELINE_MAX_CONTAINERS:
        found.append(
            f"the pipeline has {len(hostnames)} containers; SageMaker takes {PIPELINE_MAX_CONTAINERS}: "
            "join steps in one container, or leave some out"
        )
    for hostname in dict.fromkeys(hostnames):
        if hostnames.count(hostname) > 1:
            found.append(f"hostname {hostname} is given {hostnames.count(hostname)} times: give each its own")
        if known(hostname) and not re.fullmatch(CONTAINER_HOSTNAME_PATTERN, hostname):
            found.append(
                f"hostname {hostname} is not valid: use at most 63 letters, digits and hyphens, a letter or "
                "digit first and last"
            )
    return found


MULTI_MODEL = kind_of(
    MultiModel, noun="a MultiModel", way_out="use MultiModel(self, id, image=..., models=...)"
)
