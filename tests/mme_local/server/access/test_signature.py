from __future__ import annotations

from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from mme_local.server.access.signature import scope_of, signature_of

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/sagemaker/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


@given(st.text())
def test_no_header_is_a_fault(header: str) -> None:
    signature_of({"Authorization": header})
    scope_of({"Authorization": header})


@given(
    name=st.text(min_size=1, max_size=10),
    body=st.binary(max_size=50),
    model=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    secret=st.text("abc", min_size=1, max_size=5),
)
def test_what_botocore_signed_is_signed_and_nothing_else(
    name: str, body: bytes, model: str, secret: str
) -> None:
    url = f"http://localhost:4747/endpoints/{quote(name, safe='')}/invocations"
    request = AWSRequest("POST", url, {"X-Amzn-SageMaker-Target-Model": model}, data=body)
    SigV4Auth(Credentials("AKIA", "secret"), "sagemaker", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": "localhost:4747"}
    signature = signature_of(headers)
    assert signature is not None
    assert signature.signed_by("secret", "POST", url, headers, body)
    assert signature.signed_by(secret, "POST", url, headers, body) == (secret == "secret")
    assert not signature.signed_by("secret", "POST", url, headers, body + b"x")
    assert not signature.signed_by("secret", "PUT", url, headers, body)
    other = {**headers, "X-Amzn-SageMaker-Target-Model": model + "x"}
    assert not signature.signed_by("secret", "POST", url, other, body)
    del other["X-Amzn-SageMaker-Target-Model"]
    assert not signature.signed_by("secret", "POST", url, other, body)
