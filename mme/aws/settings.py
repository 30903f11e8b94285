"""Settings of the toolkit: flags first, then MME_* variables, then defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mme.errors import MmeError

LOCAL_ENVIRONMENT: Final = "local"
LOCAL_PORT: Final = 4747
LOCAL_REGION: Final = "us-east-1"
THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine."""

_NAME: Final = r"^[A-Za-z][A-Za-z0-9-]*$"
_NAME_RULE: Final = "it must be letters, digits and dashes, and begin with a letter"
_RULES: Final = {
    "env": _NAME_RULE,
    "stack": _NAME_RULE,
    "endpoint_name": "it must be letters, digits and dashes, 63 at most",
    "bucket": "it must be a bucket's name, without s3://",
    "endpoint_url": "it must be http:// or https:// with a host and a valid port, and without a password",
}


class Settings(BaseSettings):
    """Selects a deployment and how to reach it.

    Attributes:
        env: Environment: `local`, `dev`, `staging`, `prod` or a custom one.
        stack: Name of the serving stack. Default: `mme-ENV-serving`.
        profile: Profile of the AWS configuration.
        region: AWS region.
        endpoint_url: Overrides the AWS endpoint URL.
        endpoint_name: Name of an endpoint that is used without its stack.
        bucket: Bucket of that endpoint's models. Default: as SageMaker reports it.
        prefix: Key prefix of those models.
        prices: The user's price file. Default: `prices.json` in the user's data folder.
    """

    model_config = SettingsConfigDict(env_prefix="MME_", extra="ignore")

    env: str = Field(default=LOCAL_ENVIRONMENT, pattern=_NAME)
    stack: str | None = Field(default=None, pattern=_NAME)
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://")
    endpoint_name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$")
    bucket: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{3,255}$")
    prefix: str | None = None
    prices: str | None = None

    @field_validator("endpoint_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return url if url is None else _checked_url(url)

    @classmethod
    def load(cls, **flags: str | None) -> Settings:
        """Return the settings; a flag without a value leaves its variable or default.

        Raises:
            MmeError: A value is invalid.
        """
        given: dict[str, Any] = {name: value for name, value in flags.items() if value}
        try:
            return cls(**given)
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            raise MmeError(
                f"{fault['input']!r} can't be the {name.replace('_', ' ')}: {_RULES.get(name, fault['msg'])}",
                hint=f"set --{name.replace('_', '-')} or MME_{name.upper()}",
            ) from error

    @property
    def is_local(self) -> bool:
        """Return whether this environment is on this machine. An endpoint named without `env` is in AWS."""
        return self.env == LOCAL_ENVIRONMENT and (not self.endpoint_name or "env" in self.model_fields_set)

    @property
    def on_this_machine(self) -> bool:
        """Return whether AWS is the local endpoint, for this environment or by a URL."""
        url = self.aws_url or os.environ.get("AWS_ENDPOINT_URL", "")
        return self.is_local or urlsplit(url).hostname in THIS_MACHINE

    @property
    def stack_name(self) -> str:
        """Name of the serving stack."""
        return self.stack or f"mme-{self.env}-serving"

    @property
    def price_file(self) -> Path:
        """The user's price file, which need not exist unless `prices` names it."""
        if self.prices:
            return Path(self.prices)
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        return Path(base) / "mme" / "prices.json"

    @property
    def aws_url(self) -> str | None:
        """The AWS endpoint URL; the local endpoint's for the local environment; None leaves it to boto3.

        Raises:
            MmeError: MME_LOCAL_PORT is not a port, or AWS_ENDPOINT_URL not a URL.
        """
        if self.endpoint_url:
            return self.endpoint_url
        if self.is_local:
            try:
                given = os.environ.get("AWS_ENDPOINT_URL")
                return _checked_url(given) if given else f"http://localhost:{_local_port()}"
            except ValueError as error:
                raise MmeError(
                    f"{given!r} can't be the endpoint url: {_RULES['endpoint_url']}",
                    hint="set AWS_ENDPOINT_URL",
                ) from error
        return None

    @property
    def aws_region(self) -> str | None:
        """The region; us-east-1 for the local environment by default; None leaves it to boto3."""
        if self.region or self.is_local:
            return self.region or LOCAL_REGION
        # boto3 reads AWS_DEFAULT_REGION only; all other AWS SDKs read AWS_REGION.
        return None if os.environ.get("AWS_DEFAULT_REGION") else os.environ.get("AWS_REGION") or None


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    # Reading the port raises a ValueError if it is not one.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
        raise ValueError(url)
    return url


def _local_port() -> int:
    """Return the port of `mme local up`, which reads the same variable."""
    given = os.environ.get("MME_LOCAL_PORT", "").strip()
    if not given:
        return LOCAL_PORT
    if given.isdecimal() and 1 <= int(given) <= 65535:
        return int(given)
    raise MmeError(
        f"{given!r} in MME_LOCAL_PORT is not a port",
        hint="set it to the port of mme local up, 1 to 65535, or set --endpoint-url",
    )
