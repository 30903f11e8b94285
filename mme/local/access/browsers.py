"""Pages of other sites that a browser on this machine shows: they may not reach the runtime.

Whoever may deploy and publish here may run code on this machine, and a browser lets every page send requests
to localhost. Programs send neither header and are not concerned.

Sources: Fetch standard, "`Origin` header"; W3C, "Fetch Metadata Request Headers".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def from_elsewhere(headers: Mapping[str, str]) -> str | None:
    """The site of the page that sent a request, where it is not one of this machine; None for all others.

    Args:
        headers: of the request; names in any case.
    """
    origin = headers.get("Origin")
    if origin is not None:
        return None if _is_here(origin) else origin
    # Pictures, links and their like come without an origin.
    site = headers.get("Sec-Fetch-Site")
    if site is None:
        return None
    if site == "cross-site":
        return "another site"
    # A page of a name that leads here, though it is another site's ("DNS rebinding").
    host = headers.get("Host", "")
    return None if _is_here(f"//{host}") else host


def _is_here(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in _THIS_MACHINE or host.endswith(".localhost")
