"""One endpoint for several tenants: each invokes only its own models."""

from aws_cdk import App, CfnOutput, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage

TENANTS = ("tenant-a", "tenant-b")


class Tenant(Construct):
    """The roles of one tenant, whose models are named `<tenant>/<model>_v<n>.tar.gz`.

    Anyone of this account may take the roles whom its IAM policies let. Name your own principals instead:
    the service that calls, the pipeline that publishes.
    """

    def __init__(self, scope: Construct, id: str, *, endpoint: MultiModelEndpoint) -> None:
        super().__init__(scope, id)
        caller = iam.Role(self, "Caller", assumed_by=iam.AccountRootPrincipal())
        endpoint.grant_invoke_model(caller, f"{id}/*")

        # A publisher can't overwrite other tenants' models. But a python-backend model is code: it runs with
        # the endpoint's role, next to the models of all tenants. Give this role to your own pipelines, which
        # review what they publish. Tenants whose code you don't trust need their own endpoints.
        publisher = iam.Role(self, "Publisher", assumed_by=iam.AccountRootPrincipal())
        endpoint.grant_publish_models(publisher, prefix=f"{id}/")

        # `mme --stack MultiTenant models add ...` finds the bucket by the stack's outputs.
        publisher.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudformation:DescribeStacks"], resources=[Stack.of(self).stack_id]
            )
        )

        CfnOutput(self, "CallerRole", value=caller.role_arn)
        CfnOutput(self, "PublisherRole", value=publisher.role_arn)


class MultiTenant(Stack):
    """One fleet that all tenants share, and that scales with their load."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        models = ModelStore.from_bucket(ModelBucket(self, "Models"))
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            image=ServingImage.triton("26.05"),
            models=models,
            instance_type="ml.g5.xlarge",
            initial_instance_count=2,
        )
        # What one instance can serve; the endpoint scales at half of it.
        scaling = endpoint.auto_scale_instance_count(min_capacity=2, max_capacity=8)
        scaling.scale_on_invocations("Load", max_requests_per_second=20)
        for tenant in TENANTS:
            Tenant(self, tenant, endpoint=endpoint)

        CfnOutput(self, "EndpointName", value=endpoint.endpoint_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "ModelPrefix", value=models.prefix)


app = App()
MultiTenant(app, "MultiTenant")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
