"""Run a WSGI application behind aiohttp, each request in a thread of a pool."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from io import BufferedIOBase
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes

from aiohttp import web
from werkzeug.test import run_wsgi_app

from mme_local.server.http_server import body_pieces

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_SPOOL_BYTES = 8 * 1024 * 1024
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


async def serve_wsgi(
    application: WsgiApplication, executor: Executor, request: web.Request
) -> web.StreamResponse:
    """Answer an aiohttp request by a WSGI application.

    The request's body is spooled, to disk above 8 MiB; the response's is held in memory.

    Args:
        application: Embedded AWS.
        executor: Runs the application.
        request: Its body is not read yet.
    """
    # gzip, by which moto decompresses bodies, would write to a file whose mode starts with "w".
    with SpooledTemporaryFile(max_size=_SPOOL_BYTES, mode="r+b") as body:
        length = 0
        async for piece in body_pieces(request):
            body.write(piece)
            length += len(piece)
        body.seek(0)
        loop = asyncio.get_running_loop()
        variables = environ(request, body, length)
        pieces, status, headers = await loop.run_in_executor(
            executor, lambda: run_wsgi_app(application, variables, buffered=True)
        )
    code, _, reason = status.partition(" ")
    answer = web.Response(status=int(code), reason=reason, body=b"".join(pieces))
    for name, value in headers:
        # A HEAD has the length that a GET would have.
        if name.lower() not in _HOP_BY_HOP and (name.lower() != "content-length" or request.method == "HEAD"):
            answer.headers.add(name, value)
    return answer


def environ(request: web.Request, body: IO[bytes], length: int) -> dict[str, Any]:
    """Return the request's variables (PEP 3333).

    Args:
        request: The request.
        body: Its spooled body.
        length: Bytes of the body.
    """
    raw_path, _, query = request.raw_path.partition("?")
    host, _, port = request.host.partition(":")
    variables: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.raw_path,
        "REQUEST_URI": request.raw_path,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.remote or "127.0.0.1",
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": cast(BufferedIOBase, body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            variables[key] = value
        elif key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            variable = f"HTTP_{key}"
            variables[variable] = f"{variables[variable]},{value}" if variable in variables else value
    return variables
