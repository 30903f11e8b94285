from __future__ import annotations

import struct

import pytest

from mme.errors import MmeError
from mme_local.containers.triton import patches


def address_code(displacement: int) -> bytes:
    """x86-64 that stores the short string "0.0.0.0" at disp(%rbx)."""
    return (
        b"\xc7\x83" + struct.pack("<i", displacement) + b"0.0."
        b"\x66\x89\x93" + struct.pack("<i", displacement + 4) + b"\x48\x89\xc3"
        b"\xc6\x83" + struct.pack("<i", displacement + 6) + b"0\x90"
    )


def stored_string(code: bytes, displacement: int, middle: bytes) -> bytes:
    """What such code stores, its two middle bytes coming from a register."""
    head = code[code.index(struct.pack("<i", displacement)) + 4 :][:4]
    tail = code[code.index(struct.pack("<i", displacement + 6)) + 4 :][:1]
    return head + middle + tail


def test_every_default_address_becomes_loopback() -> None:
    server = b"\x90".join(address_code(0x100 * n) for n in range(1, 5))
    changed = patches.listen_on_loopback(server)
    assert len(changed) == len(server)
    assert [stored_string(changed, 0x100 * n, b"0.") for n in range(1, 5)] == [b"127.0.1"] * 4


@pytest.mark.parametrize("count", [0, 3, 5])
def test_a_server_with_other_addresses_is_refused(count: int) -> None:
    server = b"".join(address_code(0x100 * n) for n in range(1, count + 1))
    with pytest.raises(MmeError, match=f"{count} listening addresses instead of 4"):
        patches.listen_on_loopback(server)


def test_an_address_with_another_ending_is_refused() -> None:
    broken = address_code(0x100).replace(b"\xc6\x83", b"\xc6\x84")
    with pytest.raises(MmeError, match="another ending"):
        patches.listen_on_loopback(broken + b"".join(address_code(0x200 * n) for n in range(1, 4)))


def test_unknown_binaries_are_refused() -> None:
    with pytest.raises(MmeError, match="no single rule"):
        patches.accept_any_model_root(b"anything")
    with pytest.raises(MmeError, match="unknown python stub"):
        patches.read_numpy2_arrays(b"anything")
    with pytest.raises(MmeError, match="unknown python backend"):
        patches.keep_scratch_here(b"anything")
