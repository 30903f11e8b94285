"""Parsers of input from outside, as functions of bytes. Each refuses an input with its own error only."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mme.archives.errors import UnreadableArchiveError
from mme.archives.explain import explain
from mme.archives.gzip_stream import Limits
from mme.archives.signature import TensorSignature
from mme.archives.unpacking import unpack
from mme.aws.iam_policy import evaluate, trusts
from mme.aws.template_resolver import PlaceholderValues, TemplateError, TemplateResolver
from mme.cli.answers import reply_json
from mme.client.codec import BINARY_CONTENT_TYPE, decode_reply, encode_request, parse_request
from mme.client.container_fault import read_fault
from mme.client.errors import ReplyError, TensorError
from mme.client.forms import decode_npy
from mme.client.multi_model_client import Reply
from mme.errors import MmeError
from mme.plan.models.size_files import read_sizes
from mme.plan.traffic.trace_files import read_trace
from mme.registry.aliases import Alias
from mme_local.aws.cloudformation.errors import CloudFormationRequestError
from mme_local.aws.cloudformation.template import Template
from tests.archives.archive_builder import pack
from tests.mme_local.addresses import address
from tests.mme_local.server.test_gateway import Echo

_ARCHIVE_BYTES: Final = 2**24
_HTTP_SECONDS: Final = 5
_FRAMING: Final = (b"content-length:", b"transfer-encoding:", b"connection:", b"expect:")


def archive(data: bytes) -> None:
    """Explain and unpack a tar, compressed here unless it is already."""
    packed = data if data.startswith(b"\x1f\x8b") else gzip.compress(data, 1, mtime=0)
    explain(io.BytesIO(packed), name="m.tar.gz", limits=Limits(_ARCHIVE_BYTES, members=1000))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "model"
        with suppress(UnreadableArchiveError):
            unpack([packed], target, max_bytes=_ARCHIVE_BYTES, max_members=1000)
        assert {entry.name for entry in Path(folder).iterdir()} <= {"model"}


def config(data: bytes) -> None:
    """Explain an archive with this config.pbtxt."""
    explain(io.BytesIO(pack({"config.pbtxt": data, "1/model.py": b"x = 1"})), framework="triton")


def signature(data: bytes) -> None:
    """Read a signature from an object's metadata, and write it again."""
    found = TensorSignature.from_metadata(data.decode("utf-8", "replace"))
    if found is not None and (text := found.to_metadata()) is not None:
        assert TensorSignature.from_metadata(text) == found


def tensors(data: bytes) -> None:
    """Decode a reply whose first line is the header, and encode its tensors; parse the line as a request."""
    header, _, tail = data.partition(b"\n")
    with suppress(ReplyError, TensorError):
        outputs = decode_reply(header + tail, f"{BINARY_CONTENT_TYPE}{len(header)}")
        if outputs:
            encode_request(outputs)
    with suppress(TensorError, ValueError, RecursionError):
        parse_request(json.loads(header))


def npy(data: bytes) -> None:
    """Read a .npy file."""
    with suppress(ReplyError):
        decode_npy(data)


def template(data: bytes) -> None:
    """Parse a CloudFormation template, and resolve its resources."""
    with suppress(CloudFormationRequestError, TemplateError):
        parsed = Template.parse(data.decode("utf-8", "replace"))
        parsed.summary()
        resources = parsed.resources
        parsed.order(list(resources))
        resolver = TemplateResolver(parsed.document, PlaceholderValues(parsed.document, {}, {}))
        for resource in resources.values():
            resolver.resolve(resource.get("Properties"))


def policy(data: bytes) -> None:
    """Evaluate a policy document."""
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        if isinstance(document, dict):
            context = {"sagemaker:TargetModel": "tenant-a/m.tar.gz", "aws:PrincipalTag/team": "a"}
            arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/mme"
            for complete in (True, False):
                evaluate([document], "sagemaker:InvokeEndpoint", arn, context, complete_context=complete)
            trusts(document, "sagemaker.amazonaws.com")


def alias(data: bytes) -> None:
    """Read an alias file, and write it again."""
    with suppress(MmeError):
        found = Alias.from_json(data, "add_sub@prod")
        assert Alias.from_json(found.to_json(), "add_sub@prod") == found


def answer(data: bytes) -> None:
    """Explain a container's error, and print it as an answer."""
    assert read_fault(data.decode("utf-8", "replace"), 500).cause
    json.dumps(reply_json("m", "m", "mme", Reply(data, "application/json", "v"), 1.0), indent=2)


def trace(data: bytes) -> None:
    """Read a file of requests or of sizes, as `mme plan` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        with suppress(MmeError):
            assert len(read_trace(path).seconds)
        with suppress(MmeError):
            assert read_sizes(path)


class _HttpServer:
    """The local endpoint's HTTP server, with an endpoint that echoes, on an event loop of this thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._serving = address(Echo())
        self._port = self._loop.run_until_complete(self._serving.__aenter__())

    def answer(self, data: bytes) -> bytes:
        """Send bytes on one connection, and return what comes back."""
        return self._loop.run_until_complete(self._answer(data))

    async def _answer(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(data)
            async with asyncio.timeout(_HTTP_SECONDS):
                return await reader.read()
        except (ConnectionError, TimeoutError):
            return b""
        finally:
            writer.close()


_servers: Final[list[_HttpServer]] = []


def http(data: bytes) -> None:
    """Send a request to the local endpoint; afterwards it still answers a good one."""
    if not _servers:
        _servers.append(_HttpServer())
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.strip().lower().startswith(_FRAMING)]
    # The server ends the connection after its answer.
    lines += [b"Connection: close", b"Content-Length: %d" % len(body)]
    answer = _servers[0].answer(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert b" 500 " not in answer.partition(b"\r\n")[0], answer[:500]
    good = b"GET /_mme/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert _servers[0].answer(good).startswith(b"HTTP/1.1 200 ")


TARGETS: Final[dict[str, Callable[[bytes], Any]]] = {
    target.__name__: target
    for target in (alias, answer, archive, config, http, npy, policy, signature, template, tensors, trace)
}
