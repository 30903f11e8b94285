"""Where things are in the embedded AWS when nobody says otherwise."""

from __future__ import annotations

# moto's default account; requests land there unless their credentials come from a role assumed elsewhere.
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
