"""Where an endpoint's models lie: a bucket and a prefix in it."""

from __future__ import annotations

import re
from functools import reduce

from aws_cdk import aws_iam, aws_s3

from mme.catalog.limits import MODEL_DATA_URL_MAX_CHARS
from mme_cdk._internal.acknowledgements import acknowledge_grant
from mme_cdk._internal.cdk_kinds import BUCKET, GRANTEE
from mme_cdk._internal.expectations import TEXT, expect, kind_of
from mme_cdk._internal.validation import known, require

_READ_REASON = "models come and go under the prefix without a deployment, so no list of keys can stand here"
# Where the toolkit keeps what it knows of the models under a prefix: aliases, and numbers never to use again.
_STATE = (".mme/", ("@aliases/", "@removed/"))
_PUBLISH_REASON = (
    "publishers choose the names of new models under their prefix, so the keys are not known yet"
)
_ALIAS_REASON = "aliases come and go without a deployment, so no list of keys can stand here"


class ModelStore:
    """A bucket and the prefix under which every `*.tar.gz` is a model of the endpoint.

    Attributes:
        bucket: the bucket, owned or imported.
        prefix: key prefix, ends in `/`.
    """

    def __init__(self, bucket: aws_s3.IBucket, *, prefix: str = "models/") -> None:
        """Say where the models lie; `ModelStore.from_bucket` reads better.

        Args:
            bucket: owned or imported.
            prefix: key prefix, ends in `/`. Default: `models/`.

        Raises:
            PropsError: a prefix that SageMaker would not take as a folder of models.
        """
        require(expect("bucket", bucket, BUCKET), expect("prefix", prefix, TEXT))
        require(*_prefix_faults("prefix", prefix), _url_fault(bucket, prefix))
        self.bucket = bucket
        self.prefix = prefix

    @classmethod
    def from_bucket(cls, bucket: aws_s3.IBucket, *, prefix: str = "models/") -> ModelStore:
        """The models under `prefix` of `bucket`.

        Args:
            bucket: owned or imported.
            prefix: ends in `/`; aliases and other files belong outside it. Default: `models/`.

        Raises:
            PropsError: a prefix that is empty, lacks its trailing slash or holds IAM wildcards.
        """
        return cls(bucket, prefix=prefix)

    @property
    def url(self) -> str:
        """The S3 url that SageMaker takes as `ModelDataUrl`."""
        return self.bucket.s3_url_for_object(self.prefix)

    def grant_read(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let it list the prefix and read the models under it: what an execution role needs, no more.

        Args:
            grantee: who, of this account or another.

        Raises:
            PropsError: a grantee that is none.
        """
        require(expect("grantee", grantee, GRANTEE))
        objects = self.bucket.arn_for_objects(f"{self.prefix}*")
        read = aws_iam.Grant.add_to_principal_or_resource(
            grantee=grantee, actions=["s3:GetObject"], resource_arns=[objects], resource=self.bucket
        )
        listing = self._grant_list(grantee, self.prefix)
        acknowledge_grant(grantee, _READ_REASON, objects)
        key = self.bucket.encryption_key
        return (
            read.combine(listing)
            if key is None
            else read.combine(listing).combine(key.grant_decrypt(grantee))
        )

    def grant_publish(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Let it publish, list, read back and retire models under `prefix`, relative to the store's.

        It may also change these models' aliases and the marks of their removed versions, which the toolkit
        keeps outside the models' prefix, under `.mme/`.

        Whoever may publish a python-backend model may run code with the endpoint's execution role: give
        this to people and pipelines that you trust with that role.

        Args:
            grantee: who.
            prefix: a tenant's own part, such as `tenant-a/`. Default: the whole store.

        Raises:
            PropsError: a prefix without trailing slash, with IAM wildcards, or with `.` or `..` in it.
        """
        require(expect("grantee", grantee, GRANTEE), expect("prefix", prefix, TEXT))
        if prefix:
            require(*_prefix_faults("prefix", prefix))
        path = f"{self.prefix}{prefix}"
        place, kinds = _STATE
        states = [f"{place}{self.prefix}{kind}{prefix}" for kind in kinds]
        grants = [
            self._grant_objects(
                grantee, ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], path
            ),
            self._grant_objects(grantee, ["s3:GetObject", "s3:PutObject"], *states),
            self._grant_list(grantee, path, *states),
        ]
        key = self.bucket.encryption_key
        if key is not None:
            # What S3 needs of a writer; a multipart upload is read back to be put together.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
            grants.append(key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey"))
        return reduce(aws_iam.Grant.combine, grants)

    def grant_resolve_aliases(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Let it read what the models' aliases stand for, and nothing of the models.

        Args:
            grantee: who calls by aliases such as `add_sub@prod`.
            prefix: the aliases of a tenant's own part only, such as `tenant-a/`. Default: all.

        Raises:
            PropsError: a grantee that is none, or a prefix that `grant_publish` would not take either.
        """
        require(expect("grantee", grantee, GRANTEE), expect("prefix", prefix, TEXT))
        if prefix:
            require(*_prefix_faults("prefix", prefix))
        place, (aliases, _) = _STATE
        path = f"{place}{self.prefix}{aliases}{prefix}"
        # Without the list, S3 answers "denied" and not "no such key" for an alias that is not there.
        grant = self._grant_objects(grantee, ["s3:GetObject"], path, reason=_ALIAS_REASON).combine(
            self._grant_list(grantee, path)
        )
        key = self.bucket.encryption_key
        return grant if key is None else grant.combine(key.grant_decrypt(grantee))

    def _grant_objects(
        self, grantee: aws_iam.IGrantable, actions: list[str], *paths: str, reason: str = _PUBLISH_REASON
    ) -> aws_iam.Grant:
        objects = [self.bucket.arn_for_objects(f"{path}*") for path in paths]
        grant = aws_iam.Grant.add_to_principal_or_resource(
            grantee=grantee, actions=actions, resource_arns=objects, resource=self.bucket
        )
        acknowledge_grant(grantee, reason, *objects)
        return grant

    def _grant_list(self, grantee: aws_iam.IGrantable, *paths: str) -> aws_iam.Grant:
        return aws_iam.Grant.add_to_principal_or_resource(
            grantee=grantee,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket.bucket_arn],
            resource=self.bucket,
            conditions={"StringLike": {"s3:prefix": [item for path in paths for item in (path, f"{path}*")]}},
        )


def _prefix_faults(name: str, prefix: str) -> list[str | None]:
    if not known(prefix):
        return []
    if prefix in {"", "/"}:
        return [f"{name} is empty; models need a folder of their own: use models/, say"]
    return [
        f"{name} {prefix} has no trailing slash: use {prefix}/" if not prefix.endswith("/") else None,
        f"{name} {prefix} starts with a slash: use {prefix.lstrip('/')}" if prefix.startswith("/") else None,
        f"{name} {prefix} holds an empty folder name: use single slashes" if "//" in prefix else None,
        f"{name} {prefix} holds . or .., which S3 takes for names and not for folders: write the folders out"
        if {".", ".."} & set(prefix.split("/"))
        else None,
        f"{name} {prefix} holds characters that IAM would take as a pattern: use letters, digits and -_./"
        if re.search(r"[*?${}]", prefix)
        else None,
    ]


def _url_fault(bucket: aws_s3.IBucket, prefix: str) -> str | None:
    length = len("s3:///") + (len(bucket.bucket_name) if known(bucket.bucket_name) else 63) + len(prefix)
    if not known(prefix) or length <= MODEL_DATA_URL_MAX_CHARS:
        return None
    return f"prefix of {len(prefix)} characters makes the models' url longer than {MODEL_DATA_URL_MAX_CHARS}"


MODEL_STORE = kind_of(
    ModelStore,
    noun="a ModelStore",
    way_out="use ModelStore.from_bucket(bucket), with a prefix where it has one",
)
