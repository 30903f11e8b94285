"""Which model a call is for: a TargetModel, or an alias that stands for one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Protocol

from mme.catalog.limits import ENDPOINT_NAME_MAX_CHARS, ENDPOINT_NAME_PATTERN, TARGET_MODEL_MAX_CHARS
from mme.client.errors import InvalidRequestError, InvalidTargetError
from mme.registry.aliases import is_alias

_FOR_INSTANCE: Final = "give a TargetModel like add_sub_v0.tar.gz"


class SupportsResolve(Protocol):
    """Knows what aliases stand for, such as `mme.registry.aliases.CachedAliases`. Threads call it at once."""

    def resolve(self, alias: str) -> str:
        """The TargetModel behind an alias: `add_sub_v3.tar.gz` for `add_sub@prod`.

        Raises:
            MmeError: there is no such alias.
        """


def resolved(target: str, aliases: SupportsResolve | None) -> str:
    """The TargetModel to send.

    Args:
        target: a TargetModel or an alias.
        aliases: what resolves aliases; where there is none, none can be given.

    Raises:
        InvalidTargetError: it can be neither.
        MmeError: there is no such alias.
    """
    if not isinstance(target, str):
        raise InvalidTargetError(f"the model's name is {target!r}, which is no text", hint=_FOR_INSTANCE)
    if not is_alias(target):
        return check_target(target)
    if aliases is None:
        raise InvalidTargetError(
            f"{target!r} is an alias, and this client knows none",
            hint="give it some: MultiModelClient(..., aliases=CachedAliases(AliasStore(...)))",
        )
    return check_target(aliases.resolve(target))


def check_endpoint(name: str) -> str:
    """Returns the endpoint's name if it can be one.

    Raises:
        InvalidRequestError: it can't. boto3 sends it all the same, to an address that does not exist.
    """
    if (
        isinstance(name, str)
        and len(name) <= ENDPOINT_NAME_MAX_CHARS
        and re.fullmatch(ENDPOINT_NAME_PATTERN, name)
    ):
        return name
    raise InvalidRequestError(
        f"{name!r} can't be an endpoint's name",
        hint=f"it is at most {ENDPOINT_NAME_MAX_CHARS} letters, digits and dashes, and no ARN",
    )


def check_models(models: Iterable[str]) -> Iterable[str]:
    """Returns the models' names if they are several, not one text that would be taken letter by letter.

    Raises:
        InvalidTargetError: it is one text.
    """
    if isinstance(models, str):
        raise InvalidTargetError(f"models is a list of names, not one: [{models!r}]")
    return models


def check_target(model: str) -> str:
    """Returns the model's name if it can be a TargetModel.

    Raises:
        InvalidTargetError: it is empty, too long, or not printable. boto3 checks only that it is not empty.
    """
    if not model:
        raise InvalidTargetError("the model's name is empty", hint=_FOR_INSTANCE)
    if len(model) > TARGET_MODEL_MAX_CHARS:
        raise InvalidTargetError(
            f"the TargetModel has {len(model)} characters, and SageMaker takes {TARGET_MODEL_MAX_CHARS} "
            f"at most: {model[:40]}...",
            hint="choose a shorter name",
        )
    if not model.isprintable() or not model.isascii():
        # It travels in an HTTP header.
        raise InvalidTargetError(f"the TargetModel {model!r} holds characters that can't be sent: use ASCII")
    if model != model.strip():
        raise InvalidTargetError(
            f"the TargetModel {model!r} begins or ends with a space", hint="leave it out: headers lose it"
        )
    if model.startswith("/") or "://" in model:
        raise InvalidTargetError(
            f"the TargetModel {model!r} is not relative to the endpoint's prefix",
            hint="leave out s3://, the bucket and the prefix",
        )
    return model
