"""Signature Version 4 of a request: whose key, for which region and service, and whether it is right.

Source: AWS IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<signed>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request is signed for, as far as it can be read."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Signature:
    """One whole ``Authorization`` header.

    Attributes:
        access_key: the id of the key.
        day: ``YYYYMMDD`` of the scope.
        region: of the scope.
        service: of the scope.
        signed_headers: lower-case names of the headers that were signed.
        signature: 64 hexadecimal digits.
        session_token: of temporary credentials; empty where there is none.
    """

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str = ""

    def signed_by(self, secret: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this is what the secret key makes of the request.

        Args:
            secret: the secret access key.
            method: in capitals.
            url: with host and query, escaped as it was sent.
            headers: of the request; names in any case.
            body: the payload.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        sent = {name.lower(): value for name, value in headers.items()}
        if any(name not in sent for name in self.signed_headers) or "host" not in self.signed_headers:
            return False
        request = AWSRequest(method, url, {name: sent[name] for name in self.signed_headers}, data=body)
        request.context["timestamp"] = sent.get("x-amz-date", "")
        signer = SigV4Auth(Credentials(self.access_key, secret), self.service, self.region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return hmac.compare_digest(signer.signature(text, request), self.signature)


def scope_of(headers: Mapping[str, str]) -> Scope | None:
    """What a request says it is signed for; None where it does not say."""
    found = _SCOPE.search(headers.get("Authorization", ""))
    return Scope(found.group(1), found.group(2)) if found else None


def is_for_s3(headers: Mapping[str, str]) -> bool:
    """Whether it is signed for S3, whatever its path looks like: a bucket may be called ``endpoints``."""
    scope = scope_of(headers)
    return scope is not None and scope.service == "s3"


def signature_of(headers: Mapping[str, str]) -> Signature | None:
    """The request's signature; None where it has none that is whole."""
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    if found is None:
        return None
    return Signature(
        access_key=found["key"],
        day=found["day"],
        region=found["region"],
        service=found["service"],
        signed_headers=tuple(found["signed"].split(";")),
        signature=found["signature"],
        session_token=headers.get("X-Amz-Security-Token", ""),
    )
