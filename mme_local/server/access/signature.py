"""Parse and verify the Signature Version 4 of a request.

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
class CredentialScope:
    """The region and service that a request is signed for."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Signature:
    """One complete ``Authorization`` header.

    Attributes:
        access_key: The key's id.
        day: ``YYYYMMDD`` of the scope.
        region: Of the scope.
        service: Of the scope.
        signed_headers: Lower-case names of the signed headers.
        signature: 64 hexadecimal digits.
        session_token: Of temporary credentials; empty if there is none.
    """

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str = ""

    def signed_by(self, secret: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether the secret key yields this signature for the request.

        Args:
            secret: The secret access key.
            method: Upper case.
            url: With host and query, escaped as it was sent.
            headers: Of the request; names in any case.
            body: The payload.
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


def scope_of(headers: Mapping[str, str]) -> CredentialScope | None:
    """Return the scope of a request's signature, not verified; None if it has none."""
    found = _SCOPE.search(headers.get("Authorization", ""))
    return CredentialScope(found.group(1), found.group(2)) if found else None


def is_for_s3(headers: Mapping[str, str]) -> bool:
    """Return whether a request is signed for S3."""
    return "/s3/aws4_request" in headers.get("Authorization", "")


def signature_of(headers: Mapping[str, str]) -> Signature | None:
    """Return the request's signature; None if it has no complete one."""
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
