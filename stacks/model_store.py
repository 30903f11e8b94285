"""The stateful stack: the bucket that holds the models."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore
from stacks.environments import Environment


class ModelStoreStack(Stack):
    """Holds what must outlive any endpoint.

    Attributes:
        models: the bucket and the models' prefix in it.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        """Define the stack as `environment` says."""
        super().__init__(
            scope,
            id,
            stack_name=f"mme-{environment.name}-model-store",
            description=f"Models of the {environment.name} multi-model endpoint",
            termination_protection=environment.termination_protection,
        )
        bucket = ModelBucket(
            self,
            "ModelBucket",
            removal_policy=environment.removal_policy,
            access_logs=environment.access_logs,
        )
        self.models = ModelStore.from_bucket(bucket, prefix=environment.models_prefix)
        # Exported for good: an export that vanishes while the serving stack still imports it blocks both.
        self.export_value(bucket.bucket_arn)
        self.export_value(bucket.bucket_name)
        CfnOutput(self, "ModelBucketName", value=bucket.bucket_name, description="Bucket of the models")
        CfnOutput(self, "ModelPrefix", value=self.models.prefix, description="Key prefix of the models")
