"""A queue in front of a multi-model endpoint, for callers that don't wait."""

from aws_cdk import App, CfnOutput, Stack, Validations, aws_cloudwatch, aws_iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, Processor, ServingImage
from mme_cdk.async_invocations import AsyncInvocations


class Asynchronous(Stack):
    """Triton on two CPU instances, at most 20 concurrent requests, a role that may send and read."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        models = ModelStore.from_bucket(ModelBucket(self, "Models"))
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.triton("26.05", processor=Processor.CPU),
            models=models,
            instance_type="ml.m5.xlarge",
            initial_instance_count=2,
        )
        queue = AsyncInvocations(self, "Async", endpoint=endpoint, max_concurrency=4, batch_size=5)

        caller = aws_iam.Role(self, "Caller", assumed_by=aws_iam.AccountRootPrincipal())
        queue.grant_submit(caller)
        queue.grant_read_results(caller)

        # Dead letters need an operator within 14 days.
        queue.dead_letter_queue.metric_approximate_number_of_messages_visible().create_alarm(
            self,
            "DeadLetters",
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="see why: mme --stack Asynchronous async status",
        )

        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)
        # `mme async` and AsyncQueue.of_stack find the queue by these outputs.
        for name, value in queue.outputs.items():
            CfnOutput(self, name, value=value)


app = App()
Asynchronous(app, "Asynchronous")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
