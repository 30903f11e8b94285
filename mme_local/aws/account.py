"""The account and region of the embedded AWS if a request names none."""

from __future__ import annotations

# moto's default account, unless the credentials are of a role assumed in another one.
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
