"""What a request to the control plane is about, as far as keeping its outcome goes."""

from __future__ import annotations

import re
from typing import IO, Any, Final
from urllib.parse import parse_qs

_READING: Final = re.compile("(BatchGet|Check|Describe|Filter|Get|Head|List|Lookup|Search)(?![a-z])")
"""How AWS names operations that change nothing."""
_NOT_READING: Final = frozenset({"GetFederationToken", "GetSessionToken"})
"""They make credentials."""
_NOT_KEPT: Final = frozenset({"CreateLogStream", "PutLogEvents", "PutMetricData", "ReceiveMessage"})
"""They change what is not kept; a message that was received and not deleted comes again."""
_WAITING: Final = frozenset({"ReceiveMessage"})
_PEEKED_BYTES: Final = 2048
_FORM: Final = "application/x-www-form-urlencoded"


def changes(method: str, operation: str | None) -> bool:
    """Whether a request may change something that is kept; where nobody knows, it may.

    Args:
        method: HTTP's.
        operation: as `name_of` tells it.
    """
    if operation is None:
        return method not in {"GET", "HEAD", "OPTIONS"}
    if operation in _NOT_KEPT:
        return False
    return operation in _NOT_READING or not _READING.match(operation)


def waits(operation: str | None) -> bool:
    """Whether a request may wait for something to happen, up to 20 seconds (long polling of SQS)."""
    return operation in _WAITING


def name_of(environ: dict[str, Any]) -> str | None:
    """The operation by AWS's name, in each protocol that has it in the request; None in S3's and other REST.

    The body of a form is read as far as its operation's name, and wound back.
    """
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    path = str(environ.get("PATH_INFO", ""))
    if path.startswith("/service/") and "/operation/" in path:
        return path.rpartition("/operation/")[2]
    form = str(environ.get("QUERY_STRING", ""))
    if _FORM in str(environ.get("CONTENT_TYPE", "")):
        body: IO[bytes] = environ["wsgi.input"]
        form += "&" + body.read(_PEEKED_BYTES).decode("latin-1")
        body.seek(0)
    named = parse_qs(form).get("Action")
    return named[0] if named else None
