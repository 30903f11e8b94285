"""Find the user at the other end of a loopback connection.

Deploying and publishing here runs code as the user of the local endpoint. Any user of the machine can connect
to its port, so connections of others are refused.

Source: proc_pid_net(5), ``/proc/net/tcp``.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9  # columns
_allowed: WeakKeyDictionary[object, bool] = WeakKeyDictionary()  # by transport


def is_other_user(request: web.Request) -> bool:
    """Return whether a request comes from another user than this process's, or root; found once a connection.

    A user that can't be found counts as another one. Where the system has no ``/proc``, every user passes.
    """
    transport = request.transport
    if transport is None:
        return True
    if transport not in _allowed:
        here, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        _allowed[transport] = not _TABLES[0].exists() or bool(
            # After a reset, the system knows no address of the peer.
            here and peer and peer_uid(here, peer) in (os.geteuid(), 0)
        )
    return not _allowed[transport]


def peer_uid(here: tuple[str, int], peer: tuple[str, int]) -> int | None:
    """Return the user id of the peer's socket; None if the peer has closed it.

    Args:
        here: IPv4 address and port of this end.
        peer: Of the other end.
    """
    ours, theirs = _column(*here), _column(*peer)
    for table in _TABLES:
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            columns = line.split()
            # An IPv6 socket has the IPv4 address at its end. A closed one has no inode, and root's id.
            if (
                columns[_LOCAL].endswith(theirs)
                and columns[_REMOTE].endswith(ours)
                and columns[_INODE] != "0"
            ):
                return int(columns[_UID])
    return None


def _column(address: str, port: int) -> str:
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
