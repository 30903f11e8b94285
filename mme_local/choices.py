"""What a user chose for a local runtime, and which one a command is to ask: flags, then variables."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from mme.aws.settings import LOCAL_PORT, THIS_MACHINE
from mme.errors import MmeError
from mme_local.settings import LocalSettings


def chosen_settings(**flags: float | str | Path | None) -> LocalSettings:
    """Flags that are given over MME_LOCAL_* variables over the defaults.

    Raises:
        MmeError: a value is not valid.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        variables = LocalSettings().model_dump(exclude_unset=True)
        return LocalSettings.model_validate(variables | given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise MmeError(
            f"{name} {first['input']!r} is not valid: {first['msg'].lower()}",
            hint=f"set it by a flag of `mme local up` or by MME_LOCAL_{name.upper()}",
        ) from None


def chosen_port(flag: int | None) -> int:
    """The port of the runtime to ask: the flag's, else the variables', else 4747.

    Raises:
        MmeError: a variable is not valid.
    """
    if flag is not None:
        return flag
    named = named_port()
    return LOCAL_PORT if named is None else named


def named_port() -> int | None:
    """The port that MME_LOCAL_PORT names, or AWS_ENDPOINT_URL where it leads to this machine.

    So whatever AWS clients talk to here is what the commands are about. None where nothing is named.

    Raises:
        MmeError: MME_LOCAL_PORT, or another of its kin, is not valid.
    """
    settings = chosen_settings()
    # 0 takes a free port at a start; there is none to ask at it.
    if "port" in settings.model_fields_set and settings.port:
        return settings.port
    try:
        address = urlsplit(os.environ.get("AWS_ENDPOINT_URL", ""))
        return address.port if address.hostname in THIS_MACHINE else None
    except ValueError:
        return None
