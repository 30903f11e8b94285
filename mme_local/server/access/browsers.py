"""Detect requests that a browser sends for another site's page.

Deploying and publishing here runs code on this machine. A browser lets every page send requests to localhost,
and every site can point its own name there (DNS rebinding). Requests of programs are not affected.

Sources: Fetch standard, "`Origin` header"; W3C, "Fetch Metadata Request Headers".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mme.aws.settings import THIS_MACHINE

_NO_SITES: Final = ("localhost", "internal", "local", "test", "amazonaws.com")
"""Domains under which no site controls a name (RFC 6761, RFC 6762; Docker, AWS)."""


def from_elsewhere(headers: Mapping[str, str]) -> str | None:
    """Return the site of the page that sent a request; None for programs and pages of this machine.

    Args:
        headers: Of the request; names in any case.
    """
    origin = headers.get("Origin")
    if origin is not None:
        return None if _is_here(origin) else origin
    # Images and links are requested without an origin.
    return "another site" if headers.get("Sec-Fetch-Site") == "cross-site" else None


def foreign_name(headers: Mapping[str, str]) -> str | None:
    """Return the host name of a request if a site may control it; None otherwise.

    Browsers send no `Sec-Fetch-Site` to such a name, and no `Origin` to a page's own site.

    Args:
        headers: Of the request; names in any case.
    """
    return _foreign(headers.get("Host", ""))


@lru_cache(maxsize=64)  # called for every request
def _foreign(host: str) -> str | None:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return host
    if "." not in name or any(name.endswith(f".{end}") for end in _NO_SITES):
        return None
    try:
        ip_address(name)
    except ValueError:
        return host
    return None


def _is_here(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in THIS_MACHINE or host.endswith(".localhost")
