"""The head of one plain ``InvokeEndpoint``, as boto3 and most others send it.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDict

from mme_local.server.access.browsers import foreign_name, from_elsewhere
from mme_local.server.access.signature import is_for_s3

_HEAD: Final = re.compile(
    rb"POST (/endpoints/([A-Za-z0-9-]+)/invocations) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
_MOST_BYTES: Final = 8190
"""A whole server takes no longer line."""
_ODD: Final = ("Transfer-Encoding", "Expect", "Upgrade", "Proxy-Connection")
"""What has an effect on the connection, or on how long the body is."""
_MOST_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class InvocationHead:
    """One head.

    Attributes:
        endpoint: its name.
        path: as it was sent.
        headers: all of them, none twice.
        length: bytes of the body.
    """

    endpoint: str
    path: str
    headers: CIMultiDict[str]
    length: int


def plain_invocation(head: bytes) -> InvocationHead | None:
    """What a head says; None where it is anything else than an ``InvokeEndpoint`` with nothing odd about it.

    Odd is also what comes from a browser's page of another site: somebody else has to refuse it.

    Args:
        head: with the empty line that ends it.
    """
    found = _HEAD.fullmatch(head)
    if found is None or len(head) > _MOST_BYTES:
        return None
    path, endpoint, lines = found.groups()
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines.decode("utf-8", "surrogateescape").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        if name in headers:  # which of them counts is for somebody else to say
            return None
        headers[name] = value.strip(" \t")
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS) or "Host" not in headers:
        return None
    keeps = headers.get("Connection", "keep-alive").lower() == "keep-alive"
    if not keeps or any(name in headers for name in _ODD):
        return None
    if foreign_name(headers) is not None or from_elsewhere(headers) is not None or is_for_s3(headers):
        return None
    return InvocationHead(endpoint.decode(), path.decode(), headers, int(length))
