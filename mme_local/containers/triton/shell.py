"""What Triton's python backend writes into a shell's command line, unquoted: a model's path and its name.

A name that the shell takes apart would be a load that never ends, with every later load behind it, or a
command that runs on this machine.

Source: triton-inference-server/python_backend, ``src/stub_launcher.cc``.
"""

from __future__ import annotations

import re
from typing import Final

_TAKEN_APART: Final = re.compile(r"""[\s"'`$&|;<>(){}\[\]*?\\]""")


def taken_apart(text: str) -> str | None:
    """The first character that means something to a shell in the middle of a word; None where there is none.

    Args:
        text: printable ASCII, or a path of this machine.
    """
    found = _TAKEN_APART.search(text)
    return found.group() if found else None
