"""Request bodies that clients compress: boto3 does so from 10 kB on, and moto can't read them.

Source: AWS SDKs and Tools reference guide, "Request compression".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_MOST_BYTES: Final = 16 * 1024 * 1024
"""CloudWatch takes 1 MB, counted after decompression."""
_SERVICE: Final = "/monitoring/aws4_request"
"""Of the signature's scope. To S3, the encoding is the object's own."""
_GZIP: Final = 31  # wbits of zlib: a gzip header and its checksum


def decompressed(application: WSGIApplication) -> WSGIApplication:
    """The application, given what compressed requests to CloudWatch hold."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_CONTENT_ENCODING") != "gzip" or _SERVICE not in environ.get(
            "HTTP_AUTHORIZATION", ""
        ):
            return application(environ, start_response)
        packed = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            body = _unpack(packed)
        except zlib.error as error:
            text = f"the request's body is no gzip as its header says: {error}".encode()
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [text]
        unpacked = environ | {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        del unpacked["HTTP_CONTENT_ENCODING"]
        return application(unpacked, start_response)

    return answer


def _unpack(packed: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    body = stream.decompress(packed, _MOST_BYTES)
    if not stream.eof:
        raise zlib.error(f"it ends too early, or holds more than {_MOST_BYTES} bytes")
    return body
