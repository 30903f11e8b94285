"""Lets a call pass, or refuses it as AWS would: signed, and allowed by the identity's policies."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call
from mme_local.server.access.identities import Documents, Identity, find_identity
from mme_local.server.access.policies import Decision, decide
from mme_local.server.access.signature import signature_of

log = logging.getLogger(__name__)

ACTION = "sagemaker:InvokeEndpoint"


class Gatekeeper:
    """Checks callers whose identity was created in embedded IAM.

    A key that embedded IAM does not know, such as the ``local`` that the docs use, is its operator's
    and may do everything: on one's own machine nobody creates a user in order to begin.

    Args:
        enforce: False lets everything pass.
    """

    def __init__(self, *, enforce: bool) -> None:
        self._enforce = enforce

    @property
    def enforces(self) -> bool:
        """Whether anybody is ever refused."""
        return self._enforce

    def check(self, call: Call, method: str, url: str, headers: Mapping[str, str]) -> None:
        """Return where the call may go on.

        Args:
            call: what is asked.
            method: of the HTTP request.
            url: as it was sent, with host and query.
            headers: of the HTTP request.

        Raises:
            outcome.InvocationError: 403: not signed, wrongly signed or too late, or not allowed.
        """
        if not self._enforce:
            return
        signature = signature_of(headers)
        if signature is None:
            raise outcome.forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        identity = find_identity(signature.access_key, account=call.account)
        if identity is None:
            log.debug("%s is not in embedded IAM: not checked", signature.access_key)
            return
        if not identity.active or signature.session_token != identity.session_token:
            raise outcome.forbidden(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        if not signature.signed_by(identity.secret, method, url, headers, bytes(call.body)):
            raise outcome.forbidden(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your "
                "AWS Secret Access Key and signing method. Consult the service documentation for details.",
            )
        if identity.expires is not None and identity.expires <= time.time():
            raise outcome.forbidden(
                "ExpiredTokenException", "The security token included in the request is expired"
            )
        _allow(identity, call)


def _allow(identity: Identity, call: Call) -> None:
    resource = f"arn:aws:sagemaker:{call.region}:{call.account}:endpoint/{call.endpoint}"
    context = {
        **identity.context,
        "aws:RequestedRegion": call.region,
        "aws:SecureTransport": "true",  # as the same call would have it on AWS
        "aws:SourceIp": "127.0.0.1",
    }
    if call.target_model is not None:
        context["sagemaker:TargetModel"] = call.target_model
    decision = _decide(identity.documents, resource, context)
    for limit in identity.limits:
        if decision is Decision.ALLOWED:
            decision = _decide(limit, resource, context)
    if decision is Decision.ALLOWED:
        return
    reason = (
        "with an explicit deny in an identity-based policy"
        if decision is Decision.DENIED
        else f"because no identity-based policy allows the {ACTION} action"
    )
    raise outcome.forbidden(
        "AccessDeniedException",
        f"User: {identity.arn} is not authorized to perform: {ACTION} on resource: {resource} {reason}",
    )


def _decide(documents: Documents, resource: str, context: Mapping[str, str]) -> Decision:
    """What the policies say of the endpoint by its name as it was given, or in lower case.

    SageMaker shows ARNs in lower case, CloudFormation's templates build them of the name as given.
    """
    decisions = {decide(documents, ACTION, arn, context) for arn in {resource, resource.lower()}}
    for decision in (Decision.DENIED, Decision.ALLOWED):
        if decision in decisions:
            return decision
    return Decision.NOT_ALLOWED
