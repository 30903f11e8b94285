"""A serial inference pipeline: one scikit-learn scaler before many XGBoost models.

SageMaker wants the scaler's archive to be there when it makes the model. So the bucket has a stack of its
own: deploy `Models`, upload the archive to `scaler/v1.tar.gz`, then deploy `Serving`.
"""

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, PipelineContainer, ServingImage


class Models(Stack):
    """The bucket of all archives."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.bucket = ModelBucket(self, "Models")
        CfnOutput(self, "ModelBucketName", value=self.bucket.bucket_name)


class Serving(Stack):
    """Each request passes through the scaler, then through the model that `TargetModel` names."""

    def __init__(self, scope: Construct, id: str, *, bucket: ModelBucket) -> None:
        super().__init__(scope, id)
        # Outside the models' prefix: it is part of the pipeline and can't be invoked. A new version gets a
        # new key, so that the endpoint is deployed again.
        scaler = PipelineContainer(
            image=ServingImage.scikit_learn("1.9-0"),
            bucket=bucket,
            key="scaler/v1.tar.gz",
            hostname="scaler",
            # The archive contains code/inference.py and the fitted scaler; XGBoost reads its output.
            environment={
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            },
        )
        models = ModelStore.from_bucket(bucket, prefix="models/")
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.xgboost("3.2-0"),
            models=models,
            instance_type="ml.m5.xlarge",
            initial_instance_count=2,
            containers_before=[scaler],
            container_hostname="models",
        )
        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)


app = App()
Serving(app, "Serving", bucket=Models(app, "Models").bucket)
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
