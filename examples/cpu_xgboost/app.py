"""Many XGBoost models on CPU instances that scale, with deployments that roll back."""

from aws_cdk import App, CfnOutput, Duration, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import (
    CapacitySize,
    DeploymentStrategy,
    ModelBucket,
    ModelStore,
    MultiModelEndpoint,
    RoutingStrategy,
    ServingImage,
)


class CpuXgboost(Stack):
    """AWS's XGBoost container, two to six instances."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        models = ModelStore.from_bucket(ModelBucket(self, "Models"))
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.xgboost("3.2-0"),
            models=models,
            instance_type="ml.m5.xlarge",
            initial_instance_count=2,
            routing_strategy=RoutingStrategy.LEAST_OUTSTANDING_REQUESTS,
            deployment=DeploymentStrategy.rolling(batch=CapacitySize.percent(50)),
        )
        endpoint.add_rollback_alarm(
            cloudwatch.Alarm(
                self,
                "Errors",
                metric=endpoint.metric_invocation_5xx_errors(period=Duration.minutes(1)),
                threshold=5,
                evaluation_periods=2,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
        )
        count = endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=6)
        count.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)

        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)


app = App()
CpuXgboost(app, "CpuXgboost")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
