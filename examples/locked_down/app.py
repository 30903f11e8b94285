"""An endpoint in an isolated VPC, with a KMS key and network isolation."""

from aws_cdk import App, CfnOutput, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, Processor, ServingImage


class PrivateNetwork(Construct):
    """Two isolated subnets in two zones: no internet gateway, no NAT, flow logs."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="serving", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        flows = logs.LogGroup(self, "Flows", retention=logs.RetentionDays.ONE_YEAR)
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flows))

    def let_models_in(self, models: ModelStore) -> None:
        """Add a gateway endpoint to S3 that allows reading these models only."""
        gateway = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        gateway.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:ListBucket"],
                resources=[models.bucket.bucket_arn, models.bucket.arn_for_objects(f"{models.prefix}*")],
            )
        )

    def let_callers_call(self, endpoint: MultiModelEndpoint) -> None:
        """Add an interface endpoint that allows invoking this endpoint only; callers join `callers`."""
        runtime = self.vpc.add_interface_endpoint(
            "Runtime",
            service=ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
            open=False,
            security_groups=[self._security_group("RuntimeGroup", "SageMaker runtime API")],
        )
        runtime.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["sagemaker:InvokeEndpoint"],
                resources=[endpoint.endpoint_arn],
            )
        )
        callers = self._security_group("Callers", "Callers of the multi-model endpoint")
        callers.connections.allow_to_default_port(runtime, "InvokeEndpoint")

    def _security_group(self, id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id, vpc=self.vpc, description=description, allow_all_outbound=False)


class LockedDown(Stack):
    """Models come from one bucket through one gateway endpoint; containers have no network."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        key = kms.Key(self, "Key", enable_key_rotation=True, description="Models and volumes")
        network = PrivateNetwork(self, "Network")
        models = ModelStore.from_bucket(ModelBucket(self, "Models", encryption_key=key))
        network.let_models_in(models)
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.triton("26.05", processor=Processor.CPU),
            models=models,
            # A type without local NVMe storage, which would take no key.
            instance_type="ml.m5.xlarge",
            initial_instance_count=2,
            vpc=network.vpc,
            allow_all_outbound=False,
            network_isolation=True,
            encryption_key=key,
        )
        # The only route out of the VPC is the gateway endpoint's, so this allows S3 only.
        endpoint.connections.allow_to_any_ipv4(ec2.Port.HTTPS, "models from S3, through the gateway")
        network.let_callers_call(endpoint)

        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)


app = App()
LockedDown(app, "LockedDown")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
