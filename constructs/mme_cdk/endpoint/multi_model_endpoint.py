"""A whole multi-model endpoint in one construct: role, model, config, endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

import jsii
from aws_cdk import Annotations, CfnResource, Duration, RemovalPolicy, Size, aws_iam
from constructs import Construct

from mme_cdk._internal.connectable import declare_connectable
from mme_cdk._internal.type_checks import checked
from mme_cdk.deployment.deployment_strategy import DeploymentStrategy
from mme_cdk.endpoint.data_capture import DataCapture
from mme_cdk.endpoint.endpoint import Endpoint
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.endpoint_config import EndpointConfig
from mme_cdk.endpoint.production_variant import RoutingStrategy
from mme_cdk.model.execution_role import ExecutionRole
from mme_cdk.model.multi_model import MultiModel
from mme_cdk.model.pipeline_container import PipelineContainer
from mme_cdk.model.serving_image import ServingImage
from mme_cdk.model.triton_settings import TritonSettings
from mme_cdk.scaling.scalable_instance_count import ScalableInstanceCount
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch, aws_ec2, aws_kms

    from mme_cdk.monitoring import EndpointMonitoring, MonitoringProps


@jsii.implements(aws_iam.IGrantable)
class MultiModelEndpoint(EndpointBase):
    """A multi-model endpoint with safe defaults, from an image, models and an instance type.

    It is an `aws_iam.IGrantable`: grants to it are grants to the role of its containers. In a VPC it is an
    `aws_ec2.IConnectable`.

    Attributes:
        role: Role of the containers. A python-backend model is code that runs with it.
        model: The model resource.
        config: What the endpoint runs on.
        endpoint: The endpoint itself.
    """

    config: EndpointConfig

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ServingImage,
        models: ModelStore,
        instance_type: str,
        initial_instance_count: int = 1,
        endpoint_name: str | None = None,
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
        variant_name: str = "AllTraffic",
        initial_variant_weight: float = 1.0,
        volume_size: Size | None = None,
        model_data_download_timeout: Duration | None = None,
        container_startup_health_check_timeout: Duration | None = None,
        inference_ami_version: str | None = None,
        routing_strategy: RoutingStrategy | None = None,
        capacity_reservation_arn: str | None = None,
        enable_ssm_access: bool = False,
        encryption_key: aws_kms.IKey | None = None,
        data_capture: DataCapture | None = None,
        detailed_observability: bool = False,
        enhanced_metrics: bool = False,
        metric_publish_frequency: Duration | None = None,
        deployment: DeploymentStrategy | None = None,
        retain_variant_properties: bool | None = None,
        next_instance_type: str | None = None,
    ) -> None:
        """Define the endpoint with its role, model and config.

        Args:
            scope: Parent.
            id: Construct id.
            image: Container image with a multi-model server.
            models: Where the archives are stored; the role may read them.
            instance_type: A CPU type, or a single-GPU type with the Triton image, such as `ml.g5.xlarge`.
            initial_instance_count: Instances to start with; AWS recommends two or more. Default: 1.
            endpoint_name: Fixed at synth; another name is another endpoint. Default: derived from the path.
            role: Role of the containers. Default: a new `ExecutionRole` for this endpoint.
            cache_models: Whether a model stays in memory after a call. False unloads and deletes it at once,
                which suits models that are rarely called twice. Default: True.
            environment: Container variables, over the image's defaults. Default: for Triton less logging.
            triton: Settings of Triton, for its image or a custom one based on it. Default: the image's.
            containers_before: Containers that a request passes through first. With these or those after, the
                model is a serial inference pipeline of 2 to 15 containers. Default: none.
            containers_after: Containers that the multi-model container's response passes through. Default:
                none.
            container_hostname: Name of the multi-model container of a pipeline in logs and metrics. Default:
                `container-N`, by its position from 1.
            vpc: VPC of the containers' network interfaces. Default: none, SageMaker's own network.
            vpc_subnets: At least two subnets in two zones. Default: private ones with egress, else isolated
                ones.
            security_groups: Security groups of the interfaces, 1 to 5. Default: a new one.
            allow_all_outbound: Whether the new group allows all outbound connections. Default: True.
            network_isolation: Whether containers have no network; SageMaker still downloads the models.
                Default: False.
            variant_name: Name of the variant; deployment guardrails need it to stay. Default: `AllTraffic`.
            initial_variant_weight: Its share of the traffic, if variants are added to `config`. Default: 1.0.
            volume_size: Storage volume of each instance, 1 to 512 GiB, for downloaded models; types with
                local NVMe storage take none. Default: SageMaker's.
            model_data_download_timeout: For the download of one model, 60 to 3600 s. Default: SageMaker's.
            container_startup_health_check_timeout: For the container's first successful ping, 60 to 3600 s.
                Default: SageMaker's.
            inference_ami_version: AMI of the instances, such as `al2023-ami-sagemaker-inference-gpu-4-1`.
                Default: for a Triton with the newest CUDA the one with a driver for it, else SageMaker's.
            routing_strategy: How an instance is picked. Default: SageMaker's, which is random.
            capacity_reservation_arn: ARN of a capacity reservation (training plan); the variant then uses
                nothing else. Default: on-demand capacity.
            enable_ssm_access: Whether people may open a shell in the containers with Systems Manager, with
                the rights of the role. Default: False.
            encryption_key: Encrypts the instances' volumes; types with local NVMe storage take none, as their
                hardware encrypts it. Default: AWS's encryption.
            data_capture: Samples requests and responses into S3; AWS does not document it for multi-model
                endpoints, so it warns. Default: off.
            detailed_observability: Whether SageMaker publishes container and host metrics, at extra cost.
                Default: False.
            enhanced_metrics: Whether metrics are also published per instance and container, at extra cost.
                Default: False.
            metric_publish_frequency: 10, 30, 60, 120, 180, 240 or 300 s, for utilization metrics and, with
                `enhanced_metrics`, invocation metrics. Default: SageMaker's, 60 s.
            deployment: How it moves to a new config. Default: all at once, without rollback alarms.
            retain_variant_properties: Whether an update keeps the live instance count and weights instead of
                the config's. Default: True as soon as the instance count is scaled, else False.
            next_instance_type: The type that a scaled variant will change to. While it differs from
                `instance_type` the variant is not scaled, because AWS does not change the type of a scaled
                variant (docs/changing-instance-type.md). Default: no change is planned.

        Raises:
            PropsError: See `MultiModel`, `EndpointConfig` and `Endpoint`.
        """
        if vpc is not None:
            declare_connectable(type(self))
        super().__init__(scope, id, endpoint_name=endpoint_name, variant_name=variant_name, models=models)
        self.role: aws_iam.IRole = role or ExecutionRole(self, "Role", endpoint_name=self.endpoint_name)
        self.model = MultiModel(
            self,
            "Model",
            image=image,
            models=models,
            role=self.role,
            cache_models=cache_models,
            environment=environment,
            triton=triton,
            containers_before=containers_before,
            containers_after=containers_after,
            container_hostname=container_hostname,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            security_groups=security_groups,
            allow_all_outbound=allow_all_outbound,
            network_isolation=network_isolation,
        )
        self.config = EndpointConfig(
            self,
            "Config",
            model=self.model,
            instance_type=instance_type,
            initial_instance_count=initial_instance_count,
            variant_name=variant_name,
            initial_variant_weight=initial_variant_weight,
            volume_size=volume_size,
            model_data_download_timeout=model_data_download_timeout,
            container_startup_health_check_timeout=container_startup_health_check_timeout,
            inference_ami_version=inference_ami_version,
            routing_strategy=routing_strategy,
            capacity_reservation_arn=capacity_reservation_arn,
            enable_ssm_access=enable_ssm_access,
            encryption_key=encryption_key,
            data_capture=data_capture,
            detailed_observability=detailed_observability,
            enhanced_metrics=enhanced_metrics,
            metric_publish_frequency=metric_publish_frequency,
            next_instance_type=next_instance_type,
        )
        self.endpoint = Endpoint(
            self,
            "Endpoint",
            config=self.config,
            endpoint_name=self.endpoint_name,
            deployment=deployment,
            retain_variant_properties=retain_variant_properties,
        )
        self.node.default_child = self.endpoint.node.default_child

    @property
    def grant_principal(self) -> aws_iam.IPrincipal:
        """The role of the containers, which gets further rights."""
        return self.model.grant_principal

    @property
    def connections(self) -> aws_ec2.Connections:
        """Network connections of the containers.

        Raises:
            PropsError: An endpoint outside a VPC.
        """
        return self.model.connections

    @checked
    def apply_removal_policy(self, policy: RemovalPolicy) -> None:
        """Decide what happens to endpoint, config, model and role when they leave the stack.

        Scaling, alarms and a role that was passed are not affected. A retained endpoint costs as before. With
        `RETAIN` the role's rights change in place, before the endpoint moves to a new config.

        Args:
            policy: `RETAIN` or `DESTROY`, the default.
        """
        self.endpoint.apply_removal_policy(policy)
        parts = [self.config, self.model]
        if isinstance(self.role, ExecutionRole) and self.role.node.scope is self:
            parts.append(self.role)
        for part in parts:
            for child in part.node.find_all():
                if isinstance(child, CfnResource):
                    child.apply_removal_policy(policy)

    @checked
    def add_outputs(self, *, parameter_prefix: str | None = None) -> None:
        """Add the outputs that `mme` finds the endpoint and its models by; once for each stack.

        They are `EndpointName`, `ModelBucketName` and `ModelPrefix`. For further endpoints of the stack use
        `mme --endpoint-name --bucket --prefix`.

        Args:
            parameter_prefix: Also writes SSM parameters for other stacks and apps, such as `/mme/prod` for
                `/mme/prod/endpoint-name`, `.../model-bucket` and `.../model-prefix`. Default: none.

        Raises:
            PropsError: The stack has such an output already, or the prefix is not a path of SSM.
        """
        # Late: it loads aws_ssm.
        from mme_cdk.endpoint.endpoint_outputs import add_outputs

        add_outputs(self, self.models, parameter_prefix)

    def add_rollback_alarm(self, *alarms: aws_cloudwatch.IAlarm) -> None:
        """Roll a deployment back when one of these alarms goes off; see `Endpoint.add_rollback_alarm`.

        Args:
            alarms: In this account and region; at most 10 with those of the strategy.

        Raises:
            PropsError: Too many alarms, or one of another account or region.
        """
        self.endpoint.add_rollback_alarm(*alarms)

    def auto_scale_instance_count(
        self, *, min_capacity: int = 1, max_capacity: int, variant_name: str | None = None
    ) -> ScalableInstanceCount:
        """Scale the instance count with the load; see `Endpoint.auto_scale_instance_count`.

        Args:
            min_capacity: Fewest instances, at least 1. Default: 1.
            max_capacity: Most instances.
            variant_name: Which variant. Default: the first.

        Raises:
            PropsError: Bounds that contradict each other, the config or the deployment strategy, or a second
                call for the same variant.
        """
        return self.endpoint.auto_scale_instance_count(
            min_capacity=min_capacity, max_capacity=max_capacity, variant_name=variant_name
        )

    def add_monitoring(
        self, id: str = "Monitoring", *, variant_name: str | None = None, **props: Unpack[MonitoringProps]
    ) -> EndpointMonitoring:
        """Add a dashboard, alarms by severity, and saved log queries of single models.

        Args:
            id: Construct id. Default: `Monitoring`.
            variant_name: Which variant. Default: the first.
            props: See `MonitoringProps`.

        Raises:
            PropsError: See `EndpointMonitoring`.
        """
        # Late: dashboards and alarms load modules of aws-cdk.
        from mme_cdk.monitoring import EndpointMonitoring

        variant = self.config.variant(variant_name)
        monitoring = EndpointMonitoring(
            self,
            id,
            endpoint=self,
            instance_type=variant.instance_type,
            variant_name=variant_name,
            **props,
        )
        if props.get("log_queries", True) and not variant.model.log_names_models:
            Annotations.of(monitoring).add_warning_v2(
                "mme:logLevel",
                "Triton's log level is below INFO; its log names no models, and all queries of single models "
                "stay empty: use TritonLogLevel.INFO, or log_queries=False",
            )
        return monitoring
