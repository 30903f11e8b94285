"""Checks before a request is sent: the endpoint, the target model, and the size."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Final, Protocol

from mme.catalog.limits import (
    ENDPOINT_NAME_MAX_CHARS,
    ENDPOINT_NAME_PATTERN,
    PAYLOAD_MAX_BYTES,
    PAYLOAD_WARN_BYTES,
    TARGET_MODEL_MAX_CHARS,
)
from mme.client.errors import InvalidRequestError, InvalidTargetError, PayloadTooLargeError
from mme.registry.names import is_alias

_EXAMPLE: Final = "pass a target model like add_sub_v0.tar.gz"


class LargePayloadWarning(UserWarning):
    """The request is larger than SageMaker's API model allows, but not than its documentation allows."""


class SupportsResolve(Protocol):
    """Resolves aliases, as `mme.registry.aliases.CachedAliases` does. Called by several threads."""

    def resolve(self, alias: str) -> str:
        """Return the target model of an alias: `add_sub_v3.tar.gz` for `add_sub@prod`.

        Raises:
            MmeError: No such alias.
        """


def resolved(target: str, aliases: SupportsResolve | None) -> str:
    """Return the target model to send.

    Args:
        target: Target model or alias.
        aliases: Resolves aliases; None if there are none.

    Raises:
        InvalidTargetError: It is neither a target model nor an alias.
        MmeError: No such alias.
    """
    if not isinstance(target, str):
        raise InvalidTargetError(f"the model's name is {target!r}, which is not a string", hint=_EXAMPLE)
    if not is_alias(target):
        return check_target(target)
    if aliases is None:
        raise InvalidTargetError(
            f"{target!r} is an alias; this client has no aliases",
            hint="pass them: MultiModelClient(..., aliases=CachedAliases(AliasStore(...)))",
        )
    return check_target(aliases.resolve(target))


def check_endpoint(name: str) -> str:
    """Return the endpoint's name if it is valid.

    Raises:
        InvalidRequestError: It is not. boto3 would send it to an address that does not exist.
    """
    if (
        isinstance(name, str)
        and len(name) <= ENDPOINT_NAME_MAX_CHARS
        and re.fullmatch(ENDPOINT_NAME_PATTERN, name)
    ):
        return name
    raise InvalidRequestError(
        f"{name!r} is not a valid endpoint name",
        hint=f"use at most {ENDPOINT_NAME_MAX_CHARS} letters, digits and dashes; not an ARN",
    )


def check_models(models: Iterable[str]) -> Iterable[str]:
    """Return the models' names if they are a collection, not one string.

    Raises:
        InvalidTargetError: It is one string, which would be iterated by character.
    """
    if isinstance(models, str):
        raise InvalidTargetError(f"models is a string; it must be a list of names: [{models!r}]")
    return models


def check_target(model: str) -> str:
    """Return the model's name if it can be a target model.

    Raises:
        InvalidTargetError: It is empty, too long, or not printable. boto3 checks only that it is not empty.
    """
    if not model:
        raise InvalidTargetError("the model's name is empty", hint=_EXAMPLE)
    if len(model) > TARGET_MODEL_MAX_CHARS:
        raise InvalidTargetError(
            f"the target model {model[:40]!r}... has {len(model)} characters; "
            f"SageMaker accepts {TARGET_MODEL_MAX_CHARS}",
            hint="choose a shorter name",
        )
    # It is sent in an HTTP header.
    if not model.isprintable() or not model.isascii():
        raise InvalidTargetError(
            f"the target model {model!r} has characters that can't be sent", hint="use ASCII"
        )
    if model != model.strip():
        fault, hint = "begins or ends with a space", "remove it: HTTP headers drop it"
    elif model.startswith("/") or "://" in model:
        fault, hint = "is not relative to the endpoint's prefix", "remove s3://, the bucket and the prefix"
    else:
        return model
    raise InvalidTargetError(f"the target model {model!r} {fault}", hint=hint)


def check_payload(body: bytes | bytearray) -> bytes | bytearray:
    """Return the body if SageMaker accepts its size; warn above 6 MiB.

    Raises:
        PayloadTooLargeError: It has more than 25 MB.
    """
    size = len(body)
    if size > PAYLOAD_MAX_BYTES:
        raise PayloadTooLargeError(
            f"the request has {size / 1e6:.1f} MB; SageMaker accepts {PAYLOAD_MAX_BYTES / 1e6:.0f} MB",
            hint="send a smaller batch",
        )
    if size > PAYLOAD_WARN_BYTES:
        warnings.warn(
            f"a request of {size / 1e6:.1f} MB may be refused: it is above {PAYLOAD_WARN_BYTES / 1e6:.1f} MB",
            LargePayloadWarning,
            stacklevel=4,
        )
    return body
