"""Detect requests that a browser sends for another site's page.

Deploying and publishing here runs code on this machine. A browser lets every page send requests to localhost,
and every site can point its own name there (DNS rebinding). Requests of programs are not affected.

Sources: Fetch standard, "`Origin` header"; W3C, "Fetch Metadata Request Headers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mme.aws.settings import THIS_MACHINE

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]*)(:[0-9]*)?")
"""A name or an address, and a port; URLs also take users, as in `localhost:80@evil.example`."""


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


def foreign_name(headers: Mapping[str, str], allowed: Sequence[str] = ()) -> str | None:
    """Return the host name of a request unless it is localhost, below it, or an address; None otherwise.

    A site can point any other name to this machine. Browsers send no `Sec-Fetch-Site` to such a name, and no
    `Origin` to a page's own site.

    Args:
        headers: Of the request; names in any case.
        allowed: Further names, in lower case.
    """
    name = _foreign(headers.get("Host", ""))
    return None if name in allowed else name


@lru_cache(maxsize=64)  # called for every request
def _foreign(host: str) -> str | None:
    if not _HOST.fullmatch(host):
        return host.lower()
    try:
        name = (urlsplit(f"//{host}").hostname or "localhost").rstrip(".")
        if name != "localhost" and not name.endswith(".localhost"):
            ip_address(name)
    except ValueError:
        return host.partition(":")[0].lower()
    return None


def _is_here(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in THIS_MACHINE or host.endswith(".localhost")
