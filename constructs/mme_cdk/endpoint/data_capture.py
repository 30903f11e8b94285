"""Capture of an endpoint's requests and responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import CAPTURE_PERCENT_RANGE, CAPTURE_URI_MAX_CHARS
from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import known, outside, require
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_kms, aws_s3

_Config = aws_sagemaker.CfnEndpointConfig.DataCaptureConfigProperty
_Option = aws_sagemaker.CfnEndpointConfig.CaptureOptionProperty
_Header = aws_sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """Requests and responses that SageMaker samples into S3.

    AWS's feature matrix calls data capture not applicable to multi-model endpoints, and does not document
    what it does there: every endpoint that uses it gets a warning.

    Attributes:
        bucket: Where the captured data is stored, owned or imported.
        sampling_percentage: Share of the requests, 0 to 100 percent; SageMaker captures less under load.
        prefix: Key prefix; ends in `/` and does not overlap the models'. Default: `data-capture/`.
        capture_input: Whether requests are captured. Default: True.
        capture_output: Whether responses are captured. Default: True.
        encryption_key: Encrypts the captured objects. Default: the bucket's encryption.
        csv_content_types: Bodies stored as CSV instead of base64. Default: none.
        json_content_types: Bodies stored as JSON instead of base64. Default: none.

    Raises:
        PropsError: A percentage outside 0 to 100, nothing to capture, or a prefix that is not a folder.
    """

    bucket: aws_s3.IBucket
    sampling_percentage: int
    prefix: str = "data-capture/"
    capture_input: bool = True
    capture_output: bool = True
    encryption_key: aws_kms.IKey | None = None
    csv_content_types: tuple[str, ...] = ()
    json_content_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        name = self.bucket.bucket_name
        length = len("s3:///") + (len(name) if known(name) else 63) + len(self.prefix)
        require(
            outside("sampling_percentage", self.sampling_percentage, *CAPTURE_PERCENT_RANGE),
            None
            if self.capture_input or self.capture_output
            else "capture_input and capture_output are False, so nothing is captured: leave data_capture out",
            f"data capture prefix {self.prefix} is not a folder: use data-capture/"
            if known(self.prefix) and (not self.prefix.endswith("/") or self.prefix.startswith("/"))
            else None,
            f"data capture prefix has {len(self.prefix)} characters; its URI is longer than "
            f"{CAPTURE_URI_MAX_CHARS}: shorten it"
            if known(self.prefix) and length > CAPTURE_URI_MAX_CHARS
            else None,
        )

    def overlap_fault(self, models: ModelStore) -> str | None:
        """Return the fault of a prefix that overlaps the models': containers could overwrite them.

        Args:
            models: Models of the endpoint.
        """
        if not _same_bucket(self.bucket, models.bucket) or not (known(self.prefix) and known(models.prefix)):
            return None
        if not (self.prefix.startswith(models.prefix) or models.prefix.startswith(self.prefix)):
            return None
        return (
            f"data capture prefix {self.prefix} overlaps the models' prefix {models.prefix}; containers "
            "could overwrite models: use another prefix or bucket"
        )

    def grant_write(self, role: aws_iam.IRole) -> None:
        """Allow a role to write objects under the prefix.

        Args:
            role: Role of the containers.
        """
        objects = self.bucket.arn_for_objects(f"{self.prefix}*")
        reason = "SageMaker names the captured objects by endpoint, variant and hour"
        allow(role, ["s3:PutObject"], [objects], bucket=self.bucket, reason=reason)
        key = self.encryption_key or self.bucket.encryption_key
        if key is not None:
            key.grant(role, "kms:GenerateDataKey", "kms:Decrypt")

    def bind(self, scope: Construct, role: aws_iam.IRole) -> _Config:
        """Grant the rights, add the warning, and return what the endpoint config takes.

        Args:
            scope: The endpoint config.
            role: Role of the containers.
        """
        self.grant_write(role)
        Annotations.of(scope).add_warning_v2(
            "mme:dataCapture",
            "AWS does not document data capture for multi-model endpoints (its feature matrix says not "
            "applicable): check that it captures what you need before you rely on it",
        )
        headers = None
        if self.csv_content_types or self.json_content_types:
            headers = _Header(
                csv_content_types=list(self.csv_content_types) or None,
                json_content_types=list(self.json_content_types) or None,
            )
        modes = {"Input": self.capture_input, "Output": self.capture_output}
        return _Config(
            enable_capture=True,
            destination_s3_uri=self.bucket.s3_url_for_object(self.prefix),
            initial_sampling_percentage=self.sampling_percentage,
            capture_options=[_Option(capture_mode=mode) for mode, wanted in modes.items() if wanted],
            capture_content_type_header=headers,
            kms_key_id=self.encryption_key.key_arn if self.encryption_key else None,
        )


def _same_bucket(one: aws_s3.IBucket, other: aws_s3.IBucket) -> bool:
    return one is other or one.bucket_name == other.bucket_name
