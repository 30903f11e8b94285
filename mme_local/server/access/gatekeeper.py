"""Check callers as AWS would: the signature, and the policies of the identity that signed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from mme.aws.iam_policy import Decision, evaluate
from mme_local.endpoint import errors
from mme_local.endpoint.call import InvokeCall
from mme_local.server.access.identities import Documents, Identity, find_identity
from mme_local.server.access.signature import signature_of

log = logging.getLogger(__name__)

ACTION: Final = "sagemaker:InvokeEndpoint"


class Gatekeeper:
    """Checks callers whose identity was created in embedded IAM.

    A key that embedded IAM does not know, such as the ``local`` in the docs, belongs to the operator of the
    local endpoint and may do everything.

    Args:
        enforce: False allows every call.
    """

    def __init__(self, *, enforce: bool) -> None:
        self._enforce = enforce

    def check(self, call: InvokeCall, method: str, url: str, headers: Mapping[str, str]) -> None:
        """Return if the caller may make the call.

        Args:
            call: The request.
            method: Upper case.
            url: As it was sent, with host and query.
            headers: Of the HTTP request.

        Raises:
            InvokeError: 403: not signed, wrongly signed, expired, or not allowed.
        """
        if not self._enforce:
            return
        signature = signature_of(headers)
        if signature is None:
            raise errors.forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        identity = find_identity(signature.access_key, account=call.account)
        if identity is None:
            log.debug("%s is not in embedded IAM: not checked", signature.access_key)
            return
        if not identity.active or signature.session_token != identity.session_token:
            raise errors.forbidden(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        unsigned = {name.lower() for name in headers} - set(signature.signed_headers)
        if any(name.startswith("x-amzn-sagemaker-") for name in unsigned) or not signature.signed_by(
            identity.secret, method, url, headers, call.body
        ):
            raise errors.forbidden(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your "
                "AWS Secret Access Key and signing method. Consult the service documentation for details.",
            )
        if identity.expires is not None and identity.expires <= time.time():
            raise errors.forbidden(
                "ExpiredTokenException", "The security token included in the request is expired"
            )
        _authorize(identity, call)


def _authorize(identity: Identity, call: InvokeCall) -> None:
    resource = f"arn:aws:sagemaker:{call.region}:{call.account}:endpoint/{call.endpoint}"
    context = {
        **identity.context,
        "aws:RequestedRegion": call.region,
        "aws:SecureTransport": "true",  # as for the same call on AWS
        "aws:SourceIp": "127.0.0.1",
    }
    if call.target_model is not None:
        context["sagemaker:TargetModel"] = call.target_model
    decisions = [
        _decide(documents, resource, context) for documents in (identity.documents, *identity.limits)
    ]
    if all(decision is Decision.ALLOWED for decision in decisions):
        return
    reason = (
        "with an explicit deny in an identity-based policy"
        if Decision.DENIED in decisions
        else f"because no identity-based policy allows the {ACTION} action"
    )
    raise errors.forbidden(
        "AccessDeniedException",
        f"User: {identity.arn} is not authorized to perform: {ACTION} on resource: {resource} {reason}",
    )


def _decide(documents: Documents, resource: str, context: Mapping[str, str]) -> Decision:
    """Evaluate policies for the endpoint's name as given and in lower case.

    SageMaker shows ARNs in lower case; CloudFormation templates build them from the name as given.
    """
    decisions = {evaluate(documents, ACTION, arn, context) for arn in (resource, resource.lower())}
    ranked = (Decision.DENIED, Decision.UNKNOWN, Decision.ALLOWED, Decision.NOT_ALLOWED)
    return next(decision for decision in ranked if decision in decisions)
