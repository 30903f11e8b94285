"""The smallest secure multi-model endpoint: a bucket, an image, an instance type."""

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage


class Minimal(Stack):
    """Triton on one GPU, for every model under `models/` of a new bucket."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        models = ModelStore.from_bucket(ModelBucket(self, "Models"))
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.triton("26.05"),
            models=models,
            instance_type="ml.g5.xlarge",
        )
        # `mme --stack Minimal ...` finds endpoint and models by these outputs.
        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)


app = App()
Minimal(app, "Minimal")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
