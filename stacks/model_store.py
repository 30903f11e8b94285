"""The stateful stack: the bucket of the models."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, aws_kms
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, acknowledge_config_rule
from stacks.environments import Environment


class ModelStoreStack(Stack):
    """The models, which outlive any endpoint.

    Attributes:
        models: The bucket and the prefix in it.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        """Define the stack.

        Args:
            scope: Parent.
            id: Construct id.
            environment: Its settings.
        """
        super().__init__(
            scope,
            id,
            stack_name=f"mme-{environment.name}-model-store",
            description=f"Models of the {environment.name} multi-model endpoint",
            termination_protection=environment.termination_protection,
        )
        key = self._key(environment) if environment.customer_managed_key else None
        bucket = ModelBucket(
            self,
            "ModelBucket",
            encryption_key=key,
            removal_policy=environment.removal_policy,
            access_logs=environment.access_logs,
        )
        acknowledge_config_rule(
            bucket,
            "S3BucketReplicationEnabled",
            "models are built elsewhere and can be published again; overwritten and deleted ones can be "
            "restored for 30 days; an endpoint in a second region has its own store",
        )
        self.models = ModelStore.from_bucket(bucket, prefix=environment.models_prefix)
        # Always exported: removing an export that the serving stack imports would block both.
        self.export_value(bucket.bucket_arn)
        self.export_value(bucket.bucket_name)
        if key is not None:
            self.export_value(key.key_arn)
        CfnOutput(self, "ModelBucketName", value=bucket.bucket_name, description="Bucket of the models")
        CfnOutput(self, "ModelPrefix", value=self.models.prefix, description="Key prefix of the models")

    def _key(self, environment: Environment) -> aws_kms.Key:
        return aws_kms.Key(
            self,
            "ModelKey",
            description=f"Models of the {environment.name} multi-model endpoint",
            enable_key_rotation=True,
            removal_policy=environment.removal_policy,
        )
