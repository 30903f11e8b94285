"""A further container of a serial inference pipeline, before or after the multi-model one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_iam, aws_s3

from mme_cdk._internal.cdk_kinds import BUCKET
from mme_cdk._internal.expectations import TEXT, expect, expect_texts, kind_of
from mme_cdk._internal.validation import known
from mme_cdk.model.serving_image import SERVING_IMAGE, ServingImage


@dataclass(frozen=True, kw_only=True)
class PipelineContainer:
    """A container that each request passes through before or after the multi-model one.

    `MultiModel` checks it, and raises `PropsError` for what SageMaker would not take.

    Attributes:
        image: the container image; pull rights are granted for it.
        bucket: the bucket of its one model. Default: no model, the image has all it needs.
        key: the key of its one model, a `.tar.gz`; reading that object is granted. Default: no model.
        environment: container variables. Default: none.
        hostname: names it in logs and metrics; 1 to 63 letters, digits and hyphens. Default: `container-N`,
            by its place in the pipeline, from 1.
    """

    image: ServingImage
    bucket: aws_s3.IBucket | None = None
    key: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    hostname: str | None = None

    @property
    def model_data_url(self) -> str | None:
        """The S3 url of its model; None where it has none."""
        if self.bucket is None or self.key is None:
            return None
        return self.bucket.s3_url_for_object(self.key)

    def grant_read(self, grantee: aws_iam.IGrantable) -> None:
        """Let it read the model, and decrypt it where the bucket's key is known; nothing else.

        Args:
            grantee: who.
        """
        if self.bucket is None or self.key is None:
            return
        aws_iam.Grant.add_to_principal_or_resource(
            grantee=grantee,
            actions=["s3:GetObject"],
            resource_arns=[self.bucket.arn_for_objects(self.key)],
            resource=self.bucket,
        )
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant_decrypt(grantee)

    def kind_faults(self) -> list[str | None]:
        """Its values of the wrong kind; None where nothing is."""
        return [
            expect("image of a pipeline container", self.image, SERVING_IMAGE),
            expect("bucket of a pipeline container", self.bucket, BUCKET, optional=True),
            expect("key of a pipeline container", self.key, TEXT, optional=True),
            expect("hostname of a pipeline container", self.hostname, TEXT, optional=True),
            *expect_texts("environment of a pipeline container", self.environment),
        ]

    def faults(self) -> list[str]:
        """What can't be, one sentence each; empty where all is well."""
        if (self.bucket is None) != (self.key is None):
            given, missing = ("bucket", "key") if self.bucket is not None else ("key", "bucket")
            return [f"a pipeline container has a {given} and no {missing}: give both, or neither"]
        if self.key is not None and known(self.key):
            if not self.key.endswith(".tar.gz"):
                return [f"key {self.key} of a pipeline container is no .tar.gz: give one model's archive"]
            if any(sign in self.key for sign in "*?$"):
                return [
                    f"key {self.key} of a pipeline container holds signs that IAM would take as a pattern: "
                    "name one archive"
                ]
        return []


PIPELINE_CONTAINER = kind_of(
    PipelineContainer, noun="a PipelineContainer", way_out="use PipelineContainer(image=...)"
)
