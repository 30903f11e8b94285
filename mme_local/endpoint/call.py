"""One ``InvokeEndpoint`` as it came in, and its good answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mme.catalog import limits
from mme_local.aws.account import DEFAULT_ACCOUNT, DEFAULT_REGION
from mme_local.containers.container import ContainerReply
from mme_local.endpoint import errors as outcome

_PRINTABLE = re.compile(r"[!-~][ -~]*")
"""botocore's shape ``TargetModelHeader``: a visible character, then printable ones."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        endpoint: the endpoint's name, from the path.
        target_model: of the header; None where it was not sent.
        body: the payload.
        headers: what is passed on to the container.
        request_id: of this request.
        region: of the signature.
        account: whose endpoint it is.
        target_variant: of the header; None where the weights are to decide.
    """

    endpoint: str
    target_model: str | None
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    target_variant: str | None = None

    @property
    def place(self) -> outcome.Place:
        """Where the endpoint is."""
        return outcome.Place(self.endpoint, self.region, self.account)

    def checked_model(self) -> str:
        """The target model. InvocationError where there is none, or none that can be."""
        model = self.target_model
        if not model:
            raise outcome.target_model_missing(self.request_id)
        if len(model) > limits.TARGET_MODEL_MAX_CHARS:
            raise outcome.validation_error(
                f"TargetModel has {len(model)} characters; "
                f"at most {limits.TARGET_MODEL_MAX_CHARS} are allowed"
            )
        if not _PRINTABLE.fullmatch(model):
            raise outcome.validation_error(
                f"TargetModel {model!a} holds characters that are not allowed; "
                "printable ASCII characters are, with no space at the beginning"
            )
        return model


@dataclass(frozen=True, slots=True)
class Invocation:
    """One answered request.

    Attributes:
        reply: what the container said, with a 2xx status.
        variant: the production variant that answered.
    """

    reply: ContainerReply
    variant: str
