"""The few bytes of NVIDIA's binaries that a private copy must have otherwise.

Four facts of Triton 2.51 make an unchanged binary unfit for a laptop (each was tried):

* its SageMaker port listens on every network interface, has no address flag, and ignores
  ``--http-restricted-api``, so anybody on the network could load code into it;
* it takes models under ``/opt/ml/models`` only, which needs root and one runtime a machine;
* its python backend leaves ``/tmp/python_env_*`` behind when it is killed;
* its python stub was compiled for numpy 1 and misreads the item size of numpy 2's arrays,
  while numpy 1 has no wheel for Python 3.13.

We change a copy in the runtime's own folder, never the installed wheel. Each change keeps the
file's length, and each is refused unless the original bytes stand where they are expected.
"""

from __future__ import annotations

import re
import struct

from mme.errors import MmeError

LOOPBACK = b"127.0.1"
"""inet_addr(3) reads it as 127.0.0.1, and it is as long as ``0.0.0.0``."""

_ADDRESS_HEAD = re.compile(rb"\xc7\x83(....)0\.0\.", re.DOTALL)  # movl $"0.0.", disp(%rbx)
_ADDRESS_REACH = 96
_ADDRESS_SITES = 4  # HTTP, SageMaker, Vertex AI and metrics defaults

_MODEL_ROOT = rb"(\/opt\/ml\/models\/[0-9A-Za-z._]+)\/(model)"
_ANY_ROOT = rb"(\/(?:.+.)\/models\/[0-9A-Za-z._]+)\/(model)"

_SCRATCH = b"/tmp/python_env_"  # mkdtemp(3) adds to it
_OWN_SCRATCH = b"././/python_env_"  # the same length, in the server's working directory

_ITEMSIZE_READS = (
    (b"\x48\x63\x40\x20", b"\x48\x63\x40\x28", 4),  # movslq 0x20(%rax), %rax: an array's bytes
    (b"\x48\x8b\x06\x8b\x40\x20", b"\x48\x8b\x06\x8b\x40\x28", 1),  # mov 0x20(%rax), %eax: its strides
)
"""Where the stub reads ``PyArray_Descr.elsize``: at 0x20 in numpy 1, at 0x28 in numpy 2; and how often."""


def listen_on_loopback(server: bytes) -> bytes:
    """The server with 127.0.0.1 as every default listening address.

    Raises:
        MmeError: the binary is not the one these changes were made for.
    """
    changed = bytearray(server)
    sites = list(_ADDRESS_HEAD.finditer(server))
    if len(sites) != _ADDRESS_SITES:
        raise _unexpected(f"{len(sites)} listening addresses instead of {_ADDRESS_SITES}")
    for site in sites:
        (displacement,) = struct.unpack("<i", site.group(1))
        last = b"\xc6\x83" + struct.pack("<i", displacement + 6) + b"0"  # movb $'0', disp+6(%rbx)
        end = site.end()
        at = server.find(last, end, end + _ADDRESS_REACH)
        if at < 0:
            raise _unexpected("a listening address with another ending")
        changed[end - 4 : end] = LOOPBACK[:4]
        changed[at + len(last) - 1] = LOOPBACK[6]
    return bytes(changed)


def accept_any_model_root(server: bytes) -> bytes:
    """The server taking ``ANY/models/HASH/model`` where it asks for ``/opt/ml/models/HASH/model``.

    Raises:
        MmeError: the binary is not the one this change was made for.
    """
    if server.count(_MODEL_ROOT) != 1:
        raise _unexpected("no single rule for the models' folder")
    return server.replace(_MODEL_ROOT, _ANY_ROOT)


def keep_scratch_here(python_backend: bytes) -> bytes:
    """The python backend's library with its scratch folders in the server's working directory.

    Raises:
        MmeError: the library is not the one this change was made for.
    """
    if python_backend.count(_SCRATCH) != 1:
        raise _unexpected("an unknown python backend")
    return python_backend.replace(_SCRATCH, _OWN_SCRATCH)


def read_numpy2_arrays(stub: bytes) -> bytes:
    """The python stub reading the item size of an array where numpy 2 keeps it.

    Raises:
        MmeError: the binary is not the one this change was made for.
    """
    for old, new, sites in _ITEMSIZE_READS:
        if stub.count(old) != sites:
            raise _unexpected("an unknown python stub")
        stub = stub.replace(old, new)
    return stub


def _unexpected(what: str) -> MmeError:
    return MmeError(
        f"this nvidia-pytriton is not the one the local runtime was made for: it has {what}",
        hint='install the pinned version: pip install "sagemaker-mme[local]"',
    )
