"""Patches of a private copy of NVIDIA's binaries.

Triton 2.51 needs them on a laptop (each was tried):

* Its SageMaker port listens on every network interface, has no address flag, and ignores
  ``--http-restricted-api``, so every host of the network could load code into it.
* It takes models under ``/opt/ml/models`` only, which needs root and allows one runtime per machine.
* Its python backend leaves ``/tmp/python_env_*`` behind when it is killed.
* Its python stub was compiled for numpy 1 and misreads the item size of numpy 2's arrays,
  while numpy 1 has no wheel for Python 3.13.

The installed wheel is never changed. Each patch keeps the file's length, and is refused unless the original
bytes are where they are expected.
"""

from __future__ import annotations

import re
import struct

from mme.errors import MmeError

LOOPBACK = b"127.0.1"
"""inet_addr(3) reads it as 127.0.0.1; it is as long as ``0.0.0.0``."""

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
"""The stub's reads of ``PyArray_Descr.elsize``, at 0x20 in numpy 1 and 0x28 in numpy 2, and their number."""


def listen_on_loopback(server: bytes) -> bytes:
    """Make 127.0.0.1 every default listening address of the server.

    Raises:
        MmeError: The binary is not the one this patch was made for.
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
    """Make the server accept ``ANY/models/HASH/model`` instead of ``/opt/ml/models/HASH/model`` only.

    Raises:
        MmeError: The binary is not the one this patch was made for.
    """
    if server.count(_MODEL_ROOT) != 1:
        raise _unexpected("no single rule for the models' folder")
    return server.replace(_MODEL_ROOT, _ANY_ROOT)


def keep_scratch_here(python_backend: bytes) -> bytes:
    """Put the python backend's scratch folders in the server's working directory.

    Raises:
        MmeError: The library is not the one this patch was made for.
    """
    if python_backend.count(_SCRATCH) != 1:
        raise _unexpected("an unknown python backend")
    return python_backend.replace(_SCRATCH, _OWN_SCRATCH)


def read_numpy2_arrays(stub: bytes) -> bytes:
    """Make the python stub read an array's item size at numpy 2's offset.

    Raises:
        MmeError: The binary is not the one this patch was made for.
    """
    for old, new, sites in _ITEMSIZE_READS:
        if stub.count(old) != sites:
            raise _unexpected("an unknown python stub")
        stub = stub.replace(old, new)
    return stub


def _unexpected(what: str) -> MmeError:
    return MmeError(
        f"this version of nvidia-pytriton is not supported: it has {what}",
        hint='install the pinned version: pip install "sagemaker-mme[local]"',
    )
