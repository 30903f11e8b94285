"""Pages of other sites that a browser on this machine shows: they may not reach the runtime.

Whoever may deploy and publish here may run code on this machine, and a browser lets every page send requests
to localhost, and every site have its own name lead there ("DNS rebinding"). Programs are not concerned.

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
"""Under these nobody has a site whose name leads where they like (RFC 6761, RFC 6762; Docker, AWS)."""


def from_elsewhere(headers: Mapping[str, str]) -> str | None:
    """The site of the page that sent a request, where it is not one of this machine; None for all others.

    Args:
        headers: of the request; names in any case.
    """
    origin = headers.get("Origin")
    if origin is not None:
        return None if _is_here(origin) else origin
    # Pictures, links and their like come without an origin.
    return "another site" if headers.get("Sec-Fetch-Site") == "cross-site" else None


def foreign_name(headers: Mapping[str, str]) -> str | None:
    """The name by which a request came here, where it may be a site's; None for all others.

    Browsers send no `Sec-Fetch-Site` to such a name, and for a page's own site no `Origin`.

    Args:
        headers: of the request; names in any case.
    """
    return _foreign(headers.get("Host", ""))


@lru_cache(maxsize=64)  # every request asks, by the same few names
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
