"""Capturing what an endpoint is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Annotations, aws_iam, aws_sagemaker
from constructs import Construct

from mme.catalog.limits import CAPTURE_PERCENT_RANGE, CAPTURE_URI_MAX_CHARS
from mme_cdk._internal.acknowledgements import acknowledge_grant
from mme_cdk._internal.cdk_kinds import BUCKET, KEY
from mme_cdk._internal.expectations import FLAG, TEXT, WHOLE, expect, expect_each, kind_of
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

    AWS's feature matrix calls data capture not applicable to multi-model endpoints, and no page says what
    it does there: every endpoint that uses it gets a warning.

    Attributes:
        bucket: where the captured data goes, owned or imported.
        sampling_percentage: share of the requests, 0 to 100 percent; less for an endpoint under load.
        prefix: key prefix in the bucket, ends in `/`, apart from the models'. Default: `data-capture/`.
        capture_input: whether requests are captured. Default: True.
        capture_output: whether responses are captured. Default: True.
        encryption_key: encrypts the captured objects. Default: the bucket's own encryption.
        csv_content_types: bodies kept as CSV text instead of base64. Default: none.
        json_content_types: bodies kept as JSON instead of base64. Default: none.

    Raises:
        PropsError: a percentage outside 0 to 100, nothing to capture, or a prefix that is no folder.
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
        require(
            expect("bucket of data capture", self.bucket, BUCKET),
            expect("sampling_percentage", self.sampling_percentage, WHOLE),
            expect("prefix of data capture", self.prefix, TEXT),
            expect("capture_input", self.capture_input, FLAG),
            expect("capture_output", self.capture_output, FLAG),
            expect("encryption_key of data capture", self.encryption_key, KEY, optional=True),
            *expect_each("csv_content_types", self.csv_content_types, TEXT),
            *expect_each("json_content_types", self.json_content_types, TEXT),
        )
        name = self.bucket.bucket_name
        length = len("s3:///") + (len(name) if known(name) else 63) + len(self.prefix)
        require(
            outside("sampling_percentage", self.sampling_percentage, *CAPTURE_PERCENT_RANGE),
            None
            if self.capture_input or self.capture_output
            else "data capture of neither input nor output captures nothing: leave it out",
            f"data capture prefix {self.prefix} is no folder: use data-capture/, say"
            if known(self.prefix) and (not self.prefix.endswith("/") or self.prefix.startswith("/"))
            else None,
            f"data capture prefix of {len(self.prefix)} characters makes a destination longer than "
            f"{CAPTURE_URI_MAX_CHARS}"
            if known(self.prefix) and length > CAPTURE_URI_MAX_CHARS
            else None,
        )

    def fault_beside(self, models: ModelStore) -> str | None:
        """Why it can't go there: the containers would get the right to overwrite the models they run.

        Args:
            models: where the endpoint's models lie.
        """
        if not _same_bucket(self.bucket, models.bucket) or not (known(self.prefix) and known(models.prefix)):
            return None
        if not (self.prefix.startswith(models.prefix) or models.prefix.startswith(self.prefix)):
            return None
        return (
            f"data capture prefix {self.prefix} overlaps the models' prefix {models.prefix}, so the "
            "containers could overwrite models: capture under another prefix or into another bucket"
        )

    def grant_write(self, role: aws_iam.IRole) -> None:
        """Let `role` write captured objects under the prefix, and nothing else."""
        objects = self.bucket.arn_for_objects(f"{self.prefix}*")
        aws_iam.Grant.add_to_principal_or_resource(
            grantee=role, actions=["s3:PutObject"], resource_arns=[objects], resource=self.bucket
        )
        acknowledge_grant(role, "SageMaker names the captured objects by endpoint, variant and hour", objects)
        key = self.encryption_key or self.bucket.encryption_key
        if key is not None:
            key.grant(role, "kms:GenerateDataKey", "kms:Decrypt")

    def bind(self, scope: Construct, role: aws_iam.IRole) -> _Config:
        """Let `role` write there, warn in `scope`, and say it as the endpoint config takes it."""
        self.grant_write(role)
        Annotations.of(scope).add_warning_v2(
            "mme:dataCapture",
            "AWS does not document data capture for multi-model endpoints (its feature matrix says not "
            "applicable): see that it captures what you need before you rely on it",
        )
        headers = None
        if self.csv_content_types or self.json_content_types:
            headers = _Header(
                csv_content_types=list(self.csv_content_types) or None,
                json_content_types=list(self.json_content_types) or None,
            )
        modes = [
            mode
            for mode, wanted in (("Input", self.capture_input), ("Output", self.capture_output))
            if wanted
        ]
        return _Config(
            enable_capture=True,
            destination_s3_uri=self.bucket.s3_url_for_object(self.prefix),
            initial_sampling_percentage=self.sampling_percentage,
            capture_options=[_Option(capture_mode=mode) for mode in modes],
            capture_content_type_header=headers,
            kms_key_id=self.encryption_key.key_arn if self.encryption_key else None,
        )


def _same_bucket(one: aws_s3.IBucket, other: aws_s3.IBucket) -> bool:
    return one is other or one.bucket_name == other.bucket_name


DATA_CAPTURE = kind_of(
    DataCapture, noun="a DataCapture", way_out="use DataCapture(bucket=..., sampling_percentage=...)"
)
