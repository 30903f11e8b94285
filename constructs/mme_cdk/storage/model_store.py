"""A bucket and the prefix in it that an endpoint serves."""

from __future__ import annotations

import re
from functools import reduce

from aws_cdk import aws_iam, aws_s3

from mme.catalog.limits import MODEL_DATA_URL_MAX_CHARS
from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import known, require

# State of the toolkit, per models' prefix: aliases, and version numbers that must never be used again.
_ALIASES = ".mme/{}@aliases/"
_REMOVED = ".mme/{}@removed/"

_READ_REASON = "models are added and removed under the prefix without a deployment, so keys can't be listed"
_PUBLISH_REASON = "publishers choose the names of new models under their prefix, so keys can't be listed"
_ALIAS_REASON = "aliases are added and removed without a deployment, so keys can't be listed"


class ModelStore:
    """A bucket, and a prefix under which every `*.tar.gz` is a model of the endpoint.

    Attributes:
        bucket: The bucket, owned or imported.
        prefix: Key prefix; ends in `/`.
    """

    @checked
    def __init__(self, bucket: aws_s3.IBucket, *, prefix: str = "models/") -> None:
        """Define the store; `ModelStore.from_bucket` does the same.

        Args:
            bucket: Owned or imported.
            prefix: Key prefix; ends in `/`. Default: `models/`.

        Raises:
            PropsError: The prefix is empty, has no trailing slash, or contains IAM wildcards.
        """
        require(*_prefix_faults(prefix), _url_fault(bucket, prefix))
        self.bucket = bucket
        self.prefix = prefix

    @classmethod
    def from_bucket(cls, bucket: aws_s3.IBucket, *, prefix: str = "models/") -> ModelStore:
        """Return the models under a prefix of a bucket.

        Args:
            bucket: Owned or imported.
            prefix: Ends in `/`. Put aliases and other files outside of it. Default: `models/`.

        Raises:
            PropsError: The prefix is empty, has no trailing slash, or contains IAM wildcards.
        """
        return cls(bucket, prefix=prefix)

    @property
    def url(self) -> str:
        """S3 URL that SageMaker takes as `ModelDataUrl`."""
        return self.bucket.s3_url_for_object(self.prefix)

    @checked
    def grant_read(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow listing the prefix and reading the models under it.

        Args:
            grantee: A principal of this or another account.
        """
        read = self._grant_objects(grantee, ["s3:GetObject"], [self.prefix], _READ_REASON)
        return self._with_decrypt(read.combine(self._grant_list(grantee, self.prefix)), grantee)

    @checked
    def grant_publish(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Allow publishing, listing, reading and deleting models, and changing their aliases.

        A python-backend model runs code with the endpoint's execution role: grant this only to people and
        pipelines that you would trust with that role.

        Args:
            grantee: A principal of this or another account.
            prefix: A tenant's part of the store, such as `tenant-a/`. Default: the whole store.

        Raises:
            PropsError: The prefix has no trailing slash, or contains IAM wildcards, `.` or `..`.
        """
        if prefix:
            require(*_prefix_faults(prefix))
        path = f"{self.prefix}{prefix}"
        state = [f"{folder.format(self.prefix)}{prefix}" for folder in (_ALIASES, _REMOVED)]
        model_actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        grants = [
            self._grant_objects(grantee, model_actions, [path], _PUBLISH_REASON),
            self._grant_objects(grantee, ["s3:GetObject", "s3:PutObject"], state, _PUBLISH_REASON),
            self._grant_list(grantee, path, *state),
        ]
        key = self.bucket.encryption_key
        if key is not None:
            # S3 decrypts the parts of a multipart upload to join them.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
            grants.append(key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey"))
        return reduce(aws_iam.Grant.combine, grants)

    @checked
    def grant_resolve_aliases(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Allow reading what aliases point to, but not the models.

        Args:
            grantee: A principal that invokes models by aliases such as `add_sub@prod`.
            prefix: Only a tenant's aliases, such as `tenant-a/`. Default: all.

        Raises:
            PropsError: A prefix that `grant_publish` refuses, too.
        """
        if prefix:
            require(*_prefix_faults(prefix))
        path = f"{_ALIASES.format(self.prefix)}{prefix}"
        # Without the right to list, S3 answers "access denied" instead of "no such key" for a missing alias.
        grant = self._grant_objects(grantee, ["s3:GetObject"], [path], _ALIAS_REASON).combine(
            self._grant_list(grantee, path)
        )
        return self._with_decrypt(grant, grantee)

    def _with_decrypt(self, grant: aws_iam.Grant, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        key = self.bucket.encryption_key
        return grant if key is None else grant.combine(key.grant_decrypt(grantee))

    def _grant_objects(
        self, grantee: aws_iam.IGrantable, actions: list[str], paths: list[str], reason: str
    ) -> aws_iam.Grant:
        objects = [self.bucket.arn_for_objects(f"{path}*") for path in paths]
        return allow(grantee, actions, objects, bucket=self.bucket, reason=reason)

    def _grant_list(self, grantee: aws_iam.IGrantable, *paths: str) -> aws_iam.Grant:
        prefixes = [item for path in paths for item in (path, f"{path}*")]
        conditions = {"StringLike": {"s3:prefix": prefixes}}
        arn = self.bucket.bucket_arn
        return allow(grantee, ["s3:ListBucket"], [arn], bucket=self.bucket, conditions=conditions)


def _prefix_faults(prefix: str) -> list[str | None]:
    if not known(prefix):
        return []
    if prefix in {"", "/"}:
        return ["prefix is empty; models need a folder of their own: use models/"]
    return [
        f"prefix {prefix} has no trailing slash: use {prefix}/" if not prefix.endswith("/") else None,
        f"prefix {prefix} starts with a slash: use {prefix.lstrip('/')}" if prefix.startswith("/") else None,
        f"prefix {prefix} contains an empty folder name: use single slashes" if "//" in prefix else None,
        f"prefix {prefix} contains . or ..; S3 does not resolve them: write the folders out"
        if {".", ".."} & set(prefix.split("/"))
        else None,
        f"prefix {prefix} contains an IAM wildcard or variable: use letters, digits and -_./"
        if re.search(r"[*?${}]", prefix)
        else None,
    ]


def _url_fault(bucket: aws_s3.IBucket, prefix: str) -> str | None:
    length = len("s3:///") + (len(bucket.bucket_name) if known(bucket.bucket_name) else 63) + len(prefix)
    if not known(prefix) or length <= MODEL_DATA_URL_MAX_CHARS:
        return None
    return (
        f"prefix has {len(prefix)} characters; the models' URL is longer than {MODEL_DATA_URL_MAX_CHARS}: "
        "shorten it"
    )
