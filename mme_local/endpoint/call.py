"""One ``InvokeEndpoint`` request, and its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mme.catalog import limits
from mme_local.aws.account import DEFAULT_ACCOUNT, DEFAULT_REGION
from mme_local.containers.container import ContainerReply
from mme_local.endpoint import errors


@dataclass(frozen=True, slots=True)
class InvokeCall:
    """One request.

    Attributes:
        endpoint: Name of the endpoint.
        target_model: From its header; None if it was not sent.
        body: The payload.
        headers: Headers for the container.
        request_id: Id of this request.
        region: From the signature.
        account: Owner of the endpoint.
        target_variant: From its header; None to choose by weight.
        component: Inference component, from its header; None if it was not sent.
    """

    endpoint: str
    target_model: str | None
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    target_variant: str | None = None
    component: str | None = None

    @property
    def endpoint_id(self) -> errors.EndpointId:
        """The endpoint's full identity."""
        return errors.EndpointId(self.endpoint, self.region, self.account)

    def checked_model(self) -> str:
        """Return the target model. Raises InvokeError if it is missing or malformed."""
        model = self.target_model
        if not model:
            raise errors.target_model_missing(self.request_id)
        most = limits.TARGET_MODEL_MAX_CHARS
        if len(model) > most:
            raise errors.validation_error(
                f"TargetModel has {len(model)} characters; at most {most} are allowed"
            )
        if not re.fullmatch(limits.TARGET_MODEL_PATTERN, model):
            raise errors.validation_error(
                f"TargetModel {model!a} holds characters that are not allowed; "
                "printable ASCII characters are, with no space at the beginning"
            )
        return model


@dataclass(frozen=True, slots=True)
class Invocation:
    """A successful answer.

    Attributes:
        reply: The container's, with a 2xx status.
        variant: Name of the production variant that answered.
    """

    reply: ContainerReply
    variant: str
