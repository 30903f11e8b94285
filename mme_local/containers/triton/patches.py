"""Patches of a private copy of NVIDIA's binaries, each verified by its hash first.

Triton 2.51 needs them on a laptop (each was tried):

* Its SageMaker port listens on every network interface, has no address flag, and ignores
  ``--http-restricted-api``, so every host of the network could load code into it. The copy listens on a Unix
  socket in its working directory, which only its user can open.
* It takes models under ``/opt/ml/models`` only, which needs root and allows one local endpoint per machine.
* Its python backend leaves ``/tmp/python_env_*`` behind when it is killed.
* Its python backend gives everyone the right to read the tensors in ``/dev/shm``, whatever the umask is.
* Its python stub was compiled for numpy 1 and misreads the item size of numpy 2's arrays,
  while numpy 1 has no wheel for Python 3.13.

The installed wheel is never changed. Each patch keeps the file's length.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from mme.errors import MmeError

_SHA256: Final = {
    "bin/tritonserver": "01f1d4a777fea48f8e62a3df0403bcbd858c7a0be203e032a795032555f3e3f4",
    "python/libtriton_python.so": "08a47eb9cb120475442abebf283a910cf06053bc1322711aeb34f4d42f038cba",
    "3.11/triton_python_backend_stub": "a302adf6396501ac139da06f965aea1bf61929c99bf799f6b8797e071cd268f4",
    "3.12/triton_python_backend_stub": "41a7758c6f44520b846e90a5bf8b063f99aee01698c3e32113ce352fe8369921",
    "3.13/triton_python_backend_stub": "7b701b4b4bc01ca7af0350eaffa4f2aed92f02b465b3494a265059e4d3ca6cf8",
}
"""Of nvidia-pytriton 0.7.0."""

SOCKET: Final = ".0"
"""The Unix socket's name: the rest of the default address ``0.0.0.0`` after the prefix that means a path."""
_UNIX_PREFIX: Final = (b"\0unix:\0unix-abstract", b"\x000.0.0\0unix-abstract")  # in libevhtp's bind

_MODEL_ROOT: Final = rb"(\/opt\/ml\/models\/[0-9A-Za-z._]+)\/(model)"
_SCRATCH: Final = (b"/tmp/python_env_", b"././/python_env_")  # mkdtemp(3) adds to it

_SHARED_MODE: Final = (
    (b"\xba\xa4\x01\0\0", b"\xba\x80\x01\0\0"),  # mov $0644, %edx for shm_open(3)
    (b"\xbe\xa4\x01\0\0", b"\xbe\x80\x01\0\0"),  # mov $0644, %esi for fchmod(2)
)
_ITEM_SIZE: Final = (
    (b"\x48\x63\x40\x20", b"\x48\x63\x40\x28"),  # movslq 0x20(%rax), %rax: an array's bytes
    (b"\x48\x8b\x06\x8b\x40\x20", b"\x48\x8b\x06\x8b\x40\x28"),  # mov 0x20(%rax), %eax: its strides
)
"""The stub's reads of ``PyArray_Descr.elsize``, at 0x20 in numpy 1 and 0x28 in numpy 2."""


def patched_server(path: Path, root: Path) -> bytes:
    """Return the server that listens on `SOCKET` and accepts models below one folder only.

    Args:
        path: ``tritonserver`` of the wheel.
        root: The folder; the end of its path is compared, as much of it as the binary has room for.

    Raises:
        MmeError: The binary is not the one that the patches were made for.
    """
    return verified(path).replace(*_UNIX_PREFIX).replace(_MODEL_ROOT, _model_root(root))


def patched_backend(path: Path) -> bytes:
    """Return the python backend that makes its scratch folders in the server's working directory.

    Its shared memory can be read by its user only.

    Raises:
        MmeError: The library is not the one that the patch was made for.
    """
    return _replaced(verified(path), _SCRATCH, *_SHARED_MODE)


def patched_stub(path: Path, *, numpy2: bool) -> bytes:
    """Return the python stub with private shared memory, reading item sizes at numpy 2's offset if needed.

    Args:
        path: ``triton_python_backend_stub`` of the wheel.
        numpy2: Whether numpy 2 is installed.

    Raises:
        MmeError: The binary is not the one that the patch was made for.
    """
    return _replaced(verified(path), *_SHARED_MODE, *(_ITEM_SIZE if numpy2 else ()))


def verified(path: Path) -> bytes:
    """Return a file of the wheel. Raises MmeError if its hash is not the expected one."""
    content = path.read_bytes()
    name = f"{path.parent.name}/{path.name}"
    if sha256(content).hexdigest() != _SHA256[name]:
        raise MmeError(
            f"{name} of nvidia-pytriton is not the file that the local endpoint patches; its SHA-256 differs",
            hint='install the pinned version again: pip install --force-reinstall "sagemaker-mme[local]"',
        )
    return content


def _replaced(content: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    for old, new in pairs:
        content = content.replace(old, new)
    return content


def _model_root(root: Path) -> bytes:
    """Return a rule for ``ROOT/.../models/HASH/model`` that is as long as the original."""
    rule = rb"(/.*%b/.+/models/[\w.%b]+)/(model)"
    room = len(_MODEL_ROOT) - len(rule % (b"", b""))
    end = re.sub(rb"[^\w-]", b".", str(root).encode())[-room:]
    return rule % (end, b"." * (room - len(end)))
