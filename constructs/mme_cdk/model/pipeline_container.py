"""A further container of a serial inference pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_iam, aws_s3

from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import PropsError, known
from mme_cdk.model.serving_image import ServingImage


@dataclass(frozen=True, kw_only=True)
class PipelineContainer:
    """A container that each request passes through before or after the multi-model container.

    Attributes:
        image: The container image; pulling it is granted.
        bucket: Bucket of its single model. Default: no model, the image contains everything.
        key: Key of its single model, a `.tar.gz`; reading that object is granted. Default: no model.
        environment: Container variables. Default: none.
        hostname: Its name in logs and metrics; 1 to 63 letters, digits and hyphens. Default: `container-N`,
            by its position in the pipeline from 1.

    Raises:
        PropsError: Wrong types, a bucket without a key or the reverse, or a key that is not one archive.
    """

    image: ServingImage
    bucket: aws_s3.IBucket | None = None
    key: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    hostname: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if fault := self._fault():
            raise PropsError([fault], path=type(self).__name__)

    @property
    def model_data_url(self) -> str | None:
        """S3 URL of its model; None if it has none."""
        if self.bucket is None or self.key is None:
            return None
        return self.bucket.s3_url_for_object(self.key)

    def grant_read(self, grantee: aws_iam.IGrantable) -> None:
        """Allow reading the model, and decrypting it if the bucket's key is known.

        Args:
            grantee: A principal.
        """
        if self.bucket is None or self.key is None:
            return
        allow(grantee, ["s3:GetObject"], [self.bucket.arn_for_objects(self.key)], bucket=self.bucket)
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant_decrypt(grantee)

    def _fault(self) -> str | None:
        if (self.bucket is None) != (self.key is None):
            given, missing = ("bucket", "key") if self.bucket is not None else ("key", "bucket")
            return f"{given} is given without {missing}: give both, or neither"
        if self.key is None or not known(self.key):
            return None
        if not self.key.endswith(".tar.gz"):
            return f"key {self.key} is not a .tar.gz: give the archive of one model"
        if any(sign in self.key for sign in "*?$"):
            return f"key {self.key} contains an IAM wildcard or variable: name one archive"
        return None
