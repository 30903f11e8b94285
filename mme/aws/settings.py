"""What the toolkit is told by flags and by MME_* variables. Flags win."""

from __future__ import annotations

import os
from typing import Any, Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mme.errors import MmeError

LOCAL_ENVIRONMENT: Final = "local"
LOCAL_PORT: Final = 4747
LOCAL_REGION: Final = "us-east-1"
THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts of an address that leads here."""

_NAME_FORM: Final = "it is letters, digits and dashes, and begins with a letter"
_FORMS: Final = {
    "env": _NAME_FORM,
    "stack": _NAME_FORM,
    "endpoint_url": "it begins with http:// or https://",
}
"""What is wrong with a value that does not match its pattern, in words."""


class Settings(BaseSettings):
    """Which deployment to work on, and how to get there.

    Attributes:
        env: the environment: `local`, `dev`, `staging`, `prod` or one of your own.
        stack: the serving stack's name, where it is not `mme-ENV-serving`.
        profile: a profile of the AWS configuration.
        region: the AWS region.
        endpoint_url: where AWS is, if not at AWS.
    """

    model_config = SettingsConfigDict(env_prefix="MME_", extra="ignore")

    env: str = Field(default=LOCAL_ENVIRONMENT, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    stack: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://")

    @classmethod
    def load(cls, **flags: str | None) -> Settings:
        """Flags that are given, then the environment's variables, then the defaults.

        Raises:
            MmeError: a value is not of the form it should have.
        """
        given: dict[str, Any] = {name: value for name, value in flags.items() if value}
        try:
            return cls(**given)
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            raise MmeError(
                f"{fault['input']!r} can't be the {name.replace('_', ' ')}: {_FORMS.get(name, fault['msg'])}",
                hint=f"set --{name.replace('_', '-')} or MME_{name.upper()}",
            ) from error

    @property
    def is_local(self) -> bool:
        """True for the environment on this machine."""
        return self.env == LOCAL_ENVIRONMENT

    @property
    def stack_name(self) -> str:
        """The serving stack to read."""
        return self.stack or f"mme-{self.env}-serving"

    @property
    def aws_url(self) -> str | None:
        """Where AWS is: as told, or for the local environment its port (MME_LOCAL_PORT, else 4747).

        None leaves it to boto3.

        Raises:
            MmeError: MME_LOCAL_PORT is no port.
        """
        if self.endpoint_url:
            return self.endpoint_url
        if self.is_local:
            return os.environ.get("AWS_ENDPOINT_URL") or f"http://localhost:{_local_port()}"
        return None

    @property
    def aws_region(self) -> str | None:
        """The region: the local environment is in us-east-1 unless told; None leaves it to boto3."""
        if self.region or self.is_local:
            return self.region or LOCAL_REGION
        # boto3 itself knows AWS_DEFAULT_REGION only; every other SDK of AWS reads AWS_REGION too.
        return None if os.environ.get("AWS_DEFAULT_REGION") else os.environ.get("AWS_REGION") or None


def _local_port() -> int:
    """The port of `mme local up`: what its own settings take from the environment."""
    given = os.environ.get("MME_LOCAL_PORT", "").strip()
    if not given:
        return LOCAL_PORT
    if given.isdecimal() and 1 <= int(given) <= 65535:
        return int(given)
    raise MmeError(
        f"{given!r} in MME_LOCAL_PORT is no port that a client can call",
        hint="set it to the port of mme local up, 1 to 65535, or give --endpoint-url",
    )
