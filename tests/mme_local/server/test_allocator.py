"""What is freed is not faulted in again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
if sys.argv[1:]:
    from mme_local.server.allocator import keep_freed_memory
    keep_freed_memory()
pieces = [bytes(200_000)] * 3
def payloads():
    for _ in range(100):
        asked, sent, answered = b"".join(pieces), b"".join(pieces), bytearray(600_000)
payloads()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
payloads()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> int:
    return int(subprocess.check_output([sys.executable, "-c", _PROGRAM, *arguments], timeout=60))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_payloads_use_the_same_pages_again() -> None:
    if faults() < 10_000:
        pytest.skip("this system's pages are huge, or stay anyway")
    assert faults("keep") < 1000
